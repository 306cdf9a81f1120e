package fhir

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// primitive judges a value of a primitive type (FHIR R4, section 2.24.0.1): its JSON
// form and its text. For numbers the text is that of the JSON, because 1.0 is no
// integer and a decimal keeps its precision.
type primitive struct {
	kind kind // of the JSON value; kindTrue: either truth value
	fits func(string) bool
}

var (
	decimalText = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?$`)
	codeText    = regexp.MustCompile(`^[^\s]+(\s[^\s]+)*$`)
	idText      = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)
	oidText     = regexp.MustCompile(`^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$`)
	uuidText    = regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	uriText     = regexp.MustCompile(`^\S+$`)
	timeText    = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?$`)
	instantText = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))$`)
)

var primitives = map[string]primitive{
	"base64Binary": {kindString, isBase64},
	"boolean":      {kindTrue, nil},
	"canonical":    {kindString, uriText.MatchString},
	"code":         {kindString, codeText.MatchString},
	"date":         {kindString, isDate},
	"dateTime":     {kindString, func(s string) bool { return isDate(s) || isInstant(s) }},
	"decimal":      {kindNumber, decimalText.MatchString},
	"id":           {kindString, ValidID},
	"instant":      {kindString, isInstant},
	"integer":      {kindNumber, func(s string) bool { return isInteger(s, -1<<31) }},
	"markdown":     {kindString, isString},
	"oid":          {kindString, oidText.MatchString},
	"positiveInt":  {kindNumber, func(s string) bool { return isInteger(s, 1) }},
	"string":       {kindString, isString},
	"time":         {kindString, timeText.MatchString},
	"unsignedInt":  {kindNumber, func(s string) bool { return isInteger(s, 0) }},
	"uri":          {kindString, uriText.MatchString},
	"url":          {kindString, uriText.MatchString},
	"uuid":         {kindString, uuidText.MatchString},
	"xhtml":        {kindString, isNarrative},
}

// check reports whether a value is one of the type.
func (p primitive) check(text []byte, n *node) bool {
	switch p.kind {
	case kindTrue:
		return n.kind == kindTrue || n.kind == kindFalse
	case kindNumber:
		return n.kind == kindNumber && p.fits(string(n.raw(text)))
	default:
		return n.kind == kindString && p.fits(n.str(text))
	}
}

// ValidID reports whether a text has the form of a resource's id (FHIR R4, id).
func ValidID(s string) bool { return idText.MatchString(s) }

func isInteger(s string, least int64) bool {
	if s == "-0" || strings.ContainsAny(s, ".eE") {
		return false
	}
	v, err := strconv.ParseInt(s, 10, 32)
	return err == nil && v >= least
}

// isString refuses what has nothing to be read in it, and control characters (FHIR
// R4, string).
func isString(s string) bool {
	blank := true
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\r' && r != '\n' {
			return false
		}
		blank = blank && (r == ' ' || r == '\t' || r == '\r' || r == '\n')
	}
	return !blank && len(s) <= 1<<20 && utf8.ValidString(s)
}

// isBase64 lets white space pass, which encoders put at the ends of lines.
func isBase64(s string) bool {
	if strings.ContainsAny(s, " \t\r\n") {
		s = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(s)
	}
	_, err := base64.StdEncoding.DecodeString(s)
	return s != "" && err == nil
}

// isDate takes a year, a month or a day that there is.
func isDate(s string) bool {
	layout, ok := map[int]string{4: "2006", 7: "2006-01", 10: time.DateOnly}[len(s)]
	if !ok {
		return false
	}
	t, err := time.Parse(layout, s)
	return err == nil && t.Year() > 0
}

func isInstant(s string) bool { return instantText.MatchString(s) && isDate(s[:len(time.DateOnly)]) }

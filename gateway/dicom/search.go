package dicom

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/dicom"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/problem"
)

const (
	defaultResults = 100
	maxResults     = 1000
	maxOffset      = 10_000_000
	maxListed      = 256 // values of one attribute
	maxValue       = 256 // bytes of a value
)

// matching is the attributes by which instances are found, by tag: keyword, and where
// in the filter its values go.
var matching = map[string]struct {
	keyword string
	many    func(*fact.ImageFilter) *[]string // UIDs, of which a list may be given, and codes
	one     func(*fact.ImageFilter) *string
}{
	"0020000D": {keyword: "StudyInstanceUID", many: func(f *fact.ImageFilter) *[]string { return &f.Studies }},
	"0020000E": {keyword: "SeriesInstanceUID", many: func(f *fact.ImageFilter) *[]string { return &f.Series }},
	"00080018": {keyword: "SOPInstanceUID", many: func(f *fact.ImageFilter) *[]string { return &f.Instances }},
	"00080016": {keyword: "SOPClassUID", many: func(f *fact.ImageFilter) *[]string { return &f.Classes }},
	"00080060": {keyword: "Modality", many: func(f *fact.ImageFilter) *[]string { return &f.Modalities }},
	"00080061": {keyword: "ModalitiesInStudy", many: func(f *fact.ImageFilter) *[]string { return &f.Modalities }},
	"00080070": {keyword: "Manufacturer", one: func(f *fact.ImageFilter) *string { return &f.Manufacturer }},
	"00081090": {keyword: "ManufacturerModelName", one: func(f *fact.ImageFilter) *string { return &f.Model }},
	"00181000": {keyword: "DeviceSerialNumber", one: func(f *fact.ImageFilter) *string { return &f.Serial }},
	"00081010": {keyword: "StationName", one: func(f *fact.ImageFilter) *string { return &f.Station }},
	"00080020": {keyword: "StudyDate"},
	tagDigest:  {keyword: tagDigest, one: func(f *fact.ImageFilter) *string { return &f.Digest }},
	tagUnit:    {keyword: tagUnit, one: func(f *fact.ImageFilter) *string { return &f.Unit }},
}

// tagOf finds an attribute by its keyword or its tag, or returns "".
func tagOf(name string) string {
	tag := strings.ToUpper(name)
	if _, ok := matching[tag]; ok {
		return tag
	}
	for tag, m := range matching {
		if m.keyword == name {
			return tag
		}
	}
	return ""
}

// query is what a search asks for (PS3.18, section 8.3.4).
type query struct {
	filter        fact.ImageFilter
	limit, offset int
	warnings      []string
}

// search finds studies, series or instances (PS3.18, section 10.6).
func (h *handler) search(level fact.ImageLevel) func(*gin.Context) error {
	return func(c *gin.Context) error {
		if err := acceptable(c); err != nil {
			return err
		}
		q, err := readQuery(c.Request.URL.RawQuery)
		if err != nil {
			return err
		}
		for name, values := range map[string]*[]string{"study": &q.filter.Studies, "series": &q.filter.Series} {
			uid := c.Param(name)
			switch {
			case uid == "":
			case !dicom.ValidUID(uid):
				return problem.Malformed("path."+name, "must be a UID")
			case len(*values) > 0:
				return problem.Malformed("query", "must not ask for what the path names")
			default:
				*values = []string{uid}
			}
		}
		groups, more, err := h.Images.Images(c.Request.Context(), level, q.filter, q.limit, q.offset)
		if err != nil {
			return err
		}
		if more {
			q.warnings = append(q.warnings, "There are additional results that can be requested")
		}
		for _, w := range q.warnings {
			c.Writer.Header().Add("Warning", "299 "+Base+`: "`+w+`"`)
		}
		if len(groups) == 0 {
			c.Status(http.StatusNoContent)
			return nil
		}
		sets := make([]dicom.Dataset, len(groups))
		for i := range groups {
			sets[i] = found(level, &groups[i])
		}
		return write(c, http.StatusOK, sets)
	}
}

func readQuery(raw string) (*query, error) {
	params, err := url.ParseQuery(raw)
	if err != nil {
		return nil, problem.Malformed("query", "must be names and values")
	}
	q := &query{limit: defaultResults}
	for name, values := range params {
		switch name {
		case "limit":
			q.limit, err = number(name, values, 1, maxResults)
		case "offset":
			q.offset, err = number(name, values, 0, maxOffset)
		case "includefield": // all that there is, is there
		case "fuzzymatching", "emptyvaluematching", "multiplevaluematching":
			err = q.unsupported(name, values)
		default:
			err = q.match(tagOf(name), values)
		}
		if err != nil {
			return nil, err
		}
	}
	return q, nil
}

// unsupported answers for a way of matching that there is not.
func (q *query) unsupported(name string, values []string) error {
	if len(values) != 1 || values[0] != "true" && values[0] != "false" {
		return problem.Malformed("query."+name, "must be true or false, once")
	}
	if values[0] == "true" {
		q.warnings = append(q.warnings, "The "+name+" parameter is not supported. Only literal matching has been performed.")
	}
	return nil
}

func number(name string, values []string, least, most int) (int, error) {
	n, err := strconv.Atoi(values[0])
	if err != nil || len(values) != 1 || n < least {
		return 0, problem.Malformed("query."+name, "must be a number, once, and at least "+strconv.Itoa(least))
	}
	if name == "offset" && n > most {
		return 0, problem.Malformed("query."+name, "must be at most "+strconv.Itoa(most))
	}
	return min(n, most), nil
}

// match reads the values by which one attribute is matched. An attribute that is not
// known here is refused and not passed over: a search for a person would find all.
func (q *query) match(tag string, values []string) error {
	m, ok := matching[tag]
	if !ok {
		return problem.Malformed("query", "must ask by UIDs, SOP class, modality, study date or the device (manufacturer, model, serial number, station name): "+
			"of other attributes nothing is kept here, above all of none by which persons could be found")
	}
	field := "query." + m.keyword
	for _, v := range values {
		if len(v) > maxValue*maxListed {
			return problem.Malformed(field, "must be shorter")
		}
	}
	switch {
	case m.many != nil:
		list := m.many(&q.filter)
		uid := strings.HasSuffix(m.keyword, "UID")
		for _, v := range values {
			for _, one := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == '\\' }) {
				if uid && !dicom.ValidUID(one) || len(one) > maxValue {
					return problem.Malformed(field, "must be UIDs, with commas between them")
				}
				*list = append(*list, one)
			}
		}
		if len(*list) > maxListed {
			return problem.Malformed(field, "must have fewer values")
		}
		return nil
	case len(values) != 1 || len(values[0]) > maxValue:
		return problem.Malformed(field, "must be given once, with at most "+strconv.Itoa(maxValue)+" bytes")
	case m.one != nil:
		*m.one(&q.filter) = values[0]
		return nil
	}
	from, to, isRange := strings.Cut(values[0], "-")
	if !isRange {
		to = from
	}
	if from != "" && !dicom.ValidDate(from) || to != "" && !dicom.ValidDate(to) {
		return problem.Malformed(field, "must be a date, YYYYMMDD, or two with a hyphen between them")
	}
	q.filter.DateFrom, q.filter.DateTo = from, to
	return nil
}

// found is one result (PS3.18, section 10.6.3.3): of the attributes that the standard
// wants those that are known here, which are none of a person.
func found(level fact.ImageLevel, g *fact.ImageGroup) dicom.Dataset {
	i := &g.Image
	set := dicom.Dataset{
		"0020000D": dicom.Value("UI", i.Study), "00080020": dicom.Text("DA", i.Date),
		"00080056": dicom.Value("CS", "UNAVAILABLE"), // instance availability: the pixels are elsewhere
	}
	if level == fact.ImageStudies {
		modalities := make([]any, 0, len(g.Modalities))
		for _, m := range g.Modalities {
			if m != "" {
				modalities = append(modalities, m)
			}
		}
		set["00080061"] = dicom.Value("CS", modalities...)
		set["00201206"], set["00201208"] = dicom.Value("IS", g.Series), dicom.Value("IS", g.Instances)
		return set
	}
	set["0020000E"], set["00080060"] = dicom.Value("UI", i.Series), dicom.Text("CS", i.Modality)
	set["00080070"], set["00081090"] = dicom.Text("LO", i.Manufacturer), dicom.Text("LO", i.Model)
	set["00181000"], set["00081010"] = dicom.Text("LO", i.Serial), dicom.Text("SH", i.Station)
	if level == fact.ImageSeries {
		set["00201209"] = dicom.Value("IS", g.Instances)
		return set
	}
	set["00080016"], set["00080018"] = dicom.Value("UI", i.Class), dicom.Value("UI", i.Instance)
	set["00083002"] = dicom.Text("UI", i.Syntax) // available transfer syntax: that of the file
	for tag, a := range evidence(i) {
		set[tag] = a
	}
	return set
}

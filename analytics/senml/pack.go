package senml

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Record is one measurement of a pack, resolved (RFC 8428, section 4.6). One of the
// values is there, or the sum, or none where a reason is given.
type Record struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"` // as in IANA's registry of SenML units
	// Time is when it was measured; without one, when it was received.
	Time   time.Time   `json:"time"`
	Number json.Number `json:"number,omitempty"`
	Text   *string     `json:"text,omitempty"`
	Flag   *bool       `json:"flag,omitempty"`
	Data   *string     `json:"data,omitempty"` // base64url
	Link   string      `json:"link,omitempty"` // LwM2M object link
	Sum    json.Number `json:"sum,omitempty"`
	// Absent says why there is no number: not-a-number, positive-infinity or
	// negative-infinity.
	Absent string `json:"absentReason,omitempty"`
	// Update is the longest time in seconds until there will be another.
	Update json.Number `json:"updateTime,omitempty"`
	// Object and Resource are what the name means, when it is the path of an LwM2M
	// resource that is known here.
	Object   string `json:"object,omitempty"`
	Resource string `json:"resource,omitempty"`
}

// fields are a record's before it is resolved. A nil one is not there.
type fields struct {
	baseName, baseUnit, name, unit        *string
	baseTime, baseValue, baseSum, version *figure
	value, sum, time, update              *figure
	text, data, link                      *string
	flag                                  *bool
}

// figure is a number: as text when it is a decimal, or why it is none.
type figure struct {
	text   string
	absent string
}

const (
	// MaxRecords is how many records a pack may have.
	MaxRecords = 1000
	maxBytes   = 256 << 10
	maxName    = 256 // bytes, with its base
	version    = 10  // RFC 8428, section 4.4
	// relative is the time before which times count from when a pack was received
	// (section 4.5.3).
	relative = 1 << 28
)

// ReadJSON reads a pack in JSON (application/senml+json), which was received at now. It
// fails with a Problem, invalid or too_large, that repeats nothing.
func ReadJSON(text []byte, now time.Time) ([]Record, error) {
	if err := strictjson.Check("the pack", text, strictjson.Limits{Bytes: maxBytes, Depth: 8, Values: 30 * MaxRecords}); err != nil {
		return nil, err //nolint:wrapcheck // a problem is passed on as it is
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var raw []map[string]any
	if d.Decode(&raw) != nil || raw == nil {
		return nil, invalid(-1, "must be an array of records")
	}
	return resolve(raw, now, labelsJSON)
}

// labelsJSON are the labels of JSON and what they are.
var labelsJSON = map[string]string{
	"bn": "bn", "bt": "bt", "bu": "bu", "bv": "bv", "bs": "bs", "bver": "bver", "n": "n", "u": "u", "v": "v",
	"vs": "vs", "vb": "vb", "vd": "vd", "vlo": "vlo", "s": "s", "t": "t", "ut": "ut",
}

func resolve[K comparable](raw []map[K]any, now time.Time, labels map[K]string) ([]Record, error) {
	if len(raw) == 0 || len(raw) > MaxRecords {
		return nil, invalid(-1, "must have 1 to "+strconv.Itoa(MaxRecords)+" records")
	}
	var base fields
	list := []Record{}
	for i, m := range raw {
		f, fault := read(m, labels)
		if fault == "" {
			fault = base.rebase(&f)
		}
		if fault != "" {
			return nil, invalid(i, fault)
		}
		if f.value == nil && f.sum == nil && f.text == nil && f.flag == nil && f.data == nil && f.link == nil && base.baseValue == nil && base.baseSum == nil {
			if f.name != nil {
				return nil, invalid(i, "has a name and no value")
			}
			continue // it sets the base of those behind it
		}
		if f.value == nil && f.sum == nil && f.text == nil && f.flag == nil && f.data == nil && f.link == nil && f.name == nil {
			continue // likewise: a base value alone is no measurement
		}
		r, fault := base.record(&f, now)
		if fault != "" {
			return nil, invalid(i, fault)
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, invalid(-1, "must have a measurement")
	}
	return list, nil
}

// read reads the fields of a record.
func read[K comparable](m map[K]any, labels map[K]string) (f fields, fault string) {
	texts := map[string]**string{
		"bn": &f.baseName, "bu": &f.baseUnit, "n": &f.name, "u": &f.unit, "vs": &f.text, "vd": &f.data, "vlo": &f.link,
	}
	figures := map[string]**figure{
		"bt": &f.baseTime, "bv": &f.baseValue, "bs": &f.baseSum, "bver": &f.version, "v": &f.value, "s": &f.sum, "t": &f.time, "ut": &f.update,
	}
	for k, v := range m {
		label, known := labels[k]
		if !known {
			// Section 4.4: what is not known is passed over, unless its label says that it must not be.
			if s, text := any(k).(string); text && strings.HasSuffix(s, "_") {
				return f, "has a field that must be understood, and is not"
			}
			continue
		}
		switch {
		case label == "vb":
			b, ok := v.(bool)
			if !ok {
				return f, "has a vb that is no boolean"
			}
			f.flag = &b
		case texts[label] != nil:
			s, ok := v.(string)
			if !ok {
				return f, "has a " + label + " that is no text"
			}
			*texts[label] = &s
		default:
			n, ok := number(v)
			if !ok {
				return f, "has a " + label + " that is no number"
			}
			*figures[label] = &n
		}
	}
	return f, ""
}

// rebase takes a record's bases, which hold for those behind it as well (section 4.1).
func (b *fields) rebase(f *fields) (fault string) {
	if f.version != nil && f.version.text != strconv.Itoa(version) {
		return "has a version that is not 10"
	}
	for _, p := range []struct{ to, from **figure }{{&b.baseTime, &f.baseTime}, {&b.baseValue, &f.baseValue}, {&b.baseSum, &f.baseSum}} {
		if *p.from == nil {
			continue
		}
		if (*p.from).absent != "" {
			return "has a base that is no number"
		}
		*p.to = *p.from
	}
	if f.baseName != nil {
		b.baseName = f.baseName
	}
	if f.baseUnit != nil {
		b.baseUnit = f.baseUnit
	}
	return ""
}

// record resolves a record.
func (b *fields) record(f *fields, now time.Time) (r Record, fault string) {
	r.Name = orEmpty(b.baseName) + orEmpty(f.name)
	if !named(r.Name) {
		return r, "has no name, one that is too long, or one with characters that names have not"
	}
	if r.Unit = orEmpty(f.unit); f.unit == nil {
		r.Unit = orEmpty(b.baseUnit)
	}
	kinds := 0
	for _, there := range []bool{f.value != nil, f.text != nil, f.flag != nil, f.data != nil, f.link != nil} {
		if there {
			kinds++
		}
	}
	if kinds > 1 {
		return r, "has more than one value"
	}
	r.Text, r.Flag, r.Data, r.Link = f.text, f.flag, f.data, orEmpty(f.link)
	if f.value != nil || kinds == 0 && b.baseValue != nil {
		sum := plus(b.baseValue, f.value)
		r.Number, r.Absent = json.Number(sum.text), sum.absent
	}
	if f.sum != nil || b.baseSum != nil {
		sum := plus(b.baseSum, f.sum)
		if sum.absent != "" {
			return r, "has a sum that is no number"
		}
		r.Sum = json.Number(sum.text)
	}
	if f.update != nil {
		r.Update = json.Number(f.update.text)
	}
	var ok bool
	if r.Time, ok = moment(plus(b.baseTime, f.time), now); !ok {
		return r, "has a time that is none"
	}
	r.explain()
	return r, ""
}

// plus adds what is there of two numbers, exactly.
func plus(a, b *figure) figure {
	switch {
	case a == nil && b == nil:
		return figure{text: "0"}
	case a == nil:
		return *b
	case b == nil:
		return *a
	case b.absent != "":
		return *b
	}
	x, okX := new(big.Rat).SetString(a.text)
	y, okY := new(big.Rat).SetString(b.text)
	if !okX || !okY {
		return figure{absent: "not-a-number"}
	}
	sum := x.Add(x, y)
	if sum.IsInt() {
		return figure{text: sum.Num().String()}
	}
	n, _ := sum.FloatPrec() // both were decimals, so that it ends
	return figure{text: strings.TrimRight(sum.FloatString(n), "0")}
}

// moment is a time of a pack: seconds since 1970, or from now on when they are few.
func moment(f figure, now time.Time) (time.Time, bool) {
	s, err := strconv.ParseFloat(f.text, 64)
	if f.absent != "" || err != nil || s > 1e11 || s < -1<<32 {
		return time.Time{}, false
	}
	whole, part := math.Modf(s)
	if s < relative {
		return now.Add(time.Duration(s * float64(time.Second))).UTC(), true
	}
	return time.Unix(int64(whole), int64(math.Round(part*1e6))*1000).UTC(), true
}

// number reads what a decoder made of a number.
func number(v any) (figure, bool) {
	switch n := v.(type) {
	case json.Number:
		return decimal(n.String())
	case int64:
		return figure{text: strconv.FormatInt(n, 10)}, true
	case uint64:
		return figure{text: strconv.FormatUint(n, 10)}, true
	case float64:
		if float64(float32(n)) == n { // sent as one of 32 bits, or it could have been
			return float(n, 32), true
		}
		return float(n, 64), true
	case cbor.Tag: // a decimal fraction (RFC 8949, 3.4.4)
		if part, ok := n.Content.([]any); ok && n.Number == 4 && len(part) == 2 {
			exponent, okE := number(part[0])
			mantissa, okM := number(part[1])
			if okE && okM && exponent.whole() && mantissa.whole() {
				return decimal(mantissa.text + "e" + exponent.text)
			}
		}
	}
	return figure{}, false
}

// whole reports whether a number is written as one without a fraction.
func (f *figure) whole() bool { return f.absent == "" && strings.Trim(f.text, "-0123456789") == "" }

// decimal takes a number of JSON as it is written, within bounds: one with an exponent
// of a billion would be a billion digits when it is added to another.
func decimal(s string) (figure, bool) {
	if len(s) > 40 {
		return figure{}, false
	}
	if f, err := strconv.ParseFloat(s, 64); err != nil || f != 0 && (math.Abs(f) > 1e100 || math.Abs(f) < 1e-100) {
		return figure{}, false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e > 200 || e < -200 {
			return figure{}, false
		}
	}
	return figure{text: s}, true
}

// float writes a binary number with the fewest digits that are it.
func float(f float64, bits int) figure {
	switch {
	case math.IsNaN(f):
		return figure{absent: "not-a-number"}
	case math.IsInf(f, 1):
		return figure{absent: "positive-infinity"}
	case math.IsInf(f, -1):
		return figure{absent: "negative-infinity"}
	}
	return figure{text: strconv.FormatFloat(f, 'g', -1, bits)}
}

// named reports whether a name is one (section 4.5.1).
func named(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 && c != '/' || strings.IndexByte("-:./_", c) < 0) {
			return false // RFC 8428 lets no name begin with a slash; LwM2M's do
		}
	}
	return true
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func invalid(i int, detail string) error {
	p := ledger.Problemf(ledger.CodeInvalid, "the pack is no SenML")
	field := "pack"
	if i >= 0 {
		field = "pack[" + strconv.Itoa(i) + "]"
	}
	p.Faults = []ledger.Fault{{Field: field, Detail: detail}}
	return p
}

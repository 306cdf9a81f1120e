package hl7

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Profile is what is particular to a source of messages.
type Profile struct {
	// Missing are numbers with which the source says that it has no reading.
	Missing []float64
	// Zone is that of times without an offset, unless the message's own time has
	// one. Default: UTC.
	Zone *time.Location
}

// Reasons why an observation has no value, of the code system data-absent-reason
// of HL7 FHIR R4.
const (
	AbsentUnknown     = "unknown"       // the source says that it has no reading, or says nothing
	AbsentNotANumber  = "not-a-number"  // a number was announced, and something else sent
	AbsentUnsupported = "unsupported"   // of a type that is not read here
	AbsentNotDone     = "not-performed" // it was not or could not be obtained (OBX-11 N or X)
)

// Coding is a code of a system, as a message has it (data type CWE).
type Coding struct {
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
	System  string `json:"system,omitempty"` // MDC, UCUM, LN, SCT, or a sender's own (table 0396)
}

// Value is one of its fields, or two of them for a comparison.
type Value struct {
	Number     string   `json:"number,omitempty"`     // decimal, as it was sent
	Comparator string   `json:"comparator,omitempty"` // of a structured number, as in "<"
	Upper      string   `json:"upper,omitempty"`      // of a range or ratio: the second number
	Separator  string   `json:"separator,omitempty"`  // between the two: "-", "/", ":" or "+"
	Numbers    []string `json:"numbers,omitempty"`    // samples of a waveform, in order
	Text       string   `json:"text,omitempty"`
	Coding     *Coding  `json:"coding,omitempty"`
	Time       string   `json:"time,omitempty"` // as it was sent
}

// Observation is what one OBX segment says that is more than the place of others
// (HL7 v2.6, section 7.4.2; IHE Devices Technical Framework, volume 2, appendix B.8).
type Observation struct {
	Code     Coding     `json:"code"`                   // OBX-3; of devices usually of MDC (ISO/IEEE 11073-10101)
	Channel  string     `json:"channel,omitempty"`      // OBX-4: system, virtual device, channel, metric
	Value    *Value     `json:"value,omitempty"`        // OBX-5; nothing: see Absent
	Absent   string     `json:"absentReason,omitempty"` // why there is no value
	Unit     *Coding    `json:"unit,omitempty"`         // OBX-6
	Range    string     `json:"referenceRange,omitempty"`
	Flags    []string   `json:"interpretation,omitempty"` // OBX-8
	Status   string     `json:"status,omitempty"`         // OBX-11 (table 0085)
	Time     *time.Time `json:"time,omitempty"`           // OBX-14, or OBR-7 before it
	Device   string     `json:"device,omitempty"`         // OBX-18: universal id or entity id
	subgroup int        // the OBR segment before it
}

// maxObservations bounds the observations of a message.
const maxObservations = 10_000

// Observations reads the observations of a message, in its order. A number that by
// the source's profile means that there is no reading is never a value. Segments that
// only say where others belong (a device, a channel) are left out.
func (m *Message) Observations(p Profile) []Observation {
	zone := m.zone(p)
	list := []Observation{}
	var of time.Time // OBR-7 of the group
	var group int
	for _, s := range m.segments {
		switch s.name() {
		case "OBR":
			of, _ = moment(component(s.field(m.marks, 7), m.marks, 1), zone)
			group++
		case "OBX":
			if o, is := m.observation(s, &p, zone, of); is && len(list) < maxObservations {
				o.subgroup = group
				list = append(list, o)
			}
		}
	}
	return list
}

// zone is that of times without an offset: the message's, or its source's.
func (m *Message) zone(p Profile) *time.Location {
	own := component(m.segments[0].field(m.marks, 7), m.marks, 1)
	if strings.ContainsAny(own, "+-") {
		if at, ok := moment(own, time.UTC); ok {
			return at.Location()
		}
	}
	if p.Zone != nil {
		return p.Zone
	}
	return time.UTC
}

// Sent returns the time of the message (MSH-7), and whether it has one.
func (m *Message) Sent(p Profile) (time.Time, bool) {
	return moment(component(m.segments[0].field(m.marks, 7), m.marks, 1), m.zone(p))
}

func (m *Message) observation(s segment, p *Profile, zone *time.Location, of time.Time) (Observation, bool) {
	field := func(n int) []byte { return s.field(m.marks, n) }
	first := func(n int) string { return component(field(n), m.marks, 1) }
	o := Observation{
		Code: m.coding(field(3)), Channel: m.text(field(4)), Range: m.text(field(7)), Status: first(11),
		Device: component(field(18), m.marks, 3),
	}
	if o.Device == "" {
		o.Device = first(18)
	}
	if u := m.coding(field(6)); u != (Coding{}) {
		o.Unit = &u
	}
	for _, flag := range split(field(8), m.marks.repetition) {
		if f := component(flag, m.marks, 1); f != "" && len(o.Flags) < 8 {
			o.Flags = append(o.Flags, f)
		}
	}
	if at, ok := moment(first(14), zone); ok {
		o.Time = &at
	} else if !of.IsZero() {
		o.Time = &of
	}
	kind := first(2)
	raw := field(5)
	empty := len(strings.Trim(string(raw), ` "`)) == 0 // "" is HL7's null
	if empty && len(raw) == 0 && (kind == "" || o.Status == "X" || o.Status == "N") && o.Unit == nil {
		return o, false // it says where others belong
	}
	switch {
	case empty && (o.Status == "X" || o.Status == "N"):
		o.Absent = AbsentNotDone
	case empty:
		o.Absent = AbsentUnknown
	default:
		o.Value, o.Absent = m.value(kind, raw, p)
	}
	return o, true
}

// decimal is what a number looks like (data type NM): no exponent.
var decimal = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)$`)

// number reads a number: as it was sent, and whether it is one and a reading.
func (p *Profile) number(text string) (string, string) {
	if text == "" {
		return "", AbsentUnknown
	}
	if len(text) > 64 || !decimal.MatchString(text) {
		return "", AbsentNotANumber
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return "", AbsentNotANumber
	case slices.Contains(p.Missing, f):
		return "", AbsentUnknown
	}
	return text, ""
}

// value reads OBX-5 by its type, OBX-2.
func (m *Message) value(kind string, raw []byte, p *Profile) (*Value, string) {
	part := func(n int) string { return component(raw, m.marks, n) }
	v := &Value{}
	var absent string
	switch kind {
	case "NM":
		v.Number, absent = p.number(m.text(nth(raw, m.marks.repetition, 0)))
	case "SN":
		v.Comparator, v.Separator = m.text([]byte(part(1))), m.text([]byte(part(3)))
		if v.Number, absent = p.number(part(2)); absent == "" && part(4) != "" {
			v.Upper, absent = p.number(part(4))
		}
	case "NA":
		for _, n := range split(nth(raw, m.marks.repetition, 0), m.marks.component) {
			sample, missing := p.number(strings.TrimSpace(string(n)))
			if missing != "" && missing != AbsentUnknown {
				return nil, missing
			}
			v.Numbers = append(v.Numbers, sample) // nothing where there is no sample
		}
	case "CWE", "CE", "CF", "CNE", "CNN":
		c := m.coding(raw)
		v.Coding, v.Text = &c, m.text(nth(nth(raw, m.marks.repetition, 0), m.marks.component, 8))
	case "DTM", "TS", "DT", "TM":
		v.Time = part(1)
	case "ST", "TX", "FT", "IS", "ID", "":
		v.Text = m.text(raw)
	default:
		absent = AbsentUnsupported
	}
	if absent != "" {
		return nil, absent
	}
	return v, ""
}

// coding reads the first code of a field (components 1 to 3), or where it has none
// the alternate one (4 to 6).
func (m *Message) coding(field []byte) Coding {
	part := func(n int) string { return m.text([]byte(component(field, m.marks, n))) }
	c := Coding{Code: part(1), Display: part(2), System: part(3)}
	if c == (Coding{}) {
		c = Coding{Code: part(4), Display: part(5), System: part(6)}
	}
	return c
}

// split cuts a field into parts.
func split(b []byte, separator byte) [][]byte {
	var parts [][]byte
	for len(b) > 0 {
		part := nth(b, separator, 0)
		parts = append(parts, part)
		if len(part) == len(b) {
			break
		}
		b = b[len(part)+1:]
	}
	return parts
}

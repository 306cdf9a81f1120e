package phd

import (
	"slices"
	"strconv"
)

// measured is an observation before it has a device, a time and a subject.
type measured struct {
	profiles []string
	code     Concept
	vital    bool // one of FHIR's vital signs
	value    Value
	parts    []Component
	status   status // of the measurement
	from     bool   // it is about the first one of the same value
	context  bool   // it is about a measurement with the same sequence number
	beyond   bool   // not of a person: a control solution, a device's status
}

// reading is what a characteristic's value says.
type reading struct {
	measured []measured

	stamp    *stamp // by the device's clock; nil: it has none
	unset    bool   // the device says that its clock is not set
	doubtful bool   // the device says that its time may be wrong
	offset   int    // minutes from stamp, or from the session's start
	lost     bool   // the offset is beyond what the device can say
	session  bool   // the time counts from a session's start
	sequence *int

	fault string // not empty: it is not such a value
}

// status is that of a measurement (IEEE 11073-20601, MeasurementStatus), in the terms
// of HL7's point-of-care guide.
type status uint

// The states of a measurement that services report.
const (
	statusInvalid status = 1 << iota
	statusQuestionable
	statusUnavailable
	statusCalibrating
	statusTest
	statusDemo
	statusValidated
	statusEarly
	statusOngoing
)

// wear puts a measurement's state on an observation. What is invalid or not there is
// no reading, whatever number came with it.
func (s status) wear(o *Observation) {
	trust := func(code string) {
		c := Coding{System: systemTrust, Code: code}
		if !slices.Contains(o.Meta.Security, c) {
			o.Meta.Security = append(o.Meta.Security, c)
		}
	}
	says := func(code string) {
		o.Interpretation = append(o.Interpretation, Concept{Coding: []Coding{{System: systemStatus, Code: code}}})
	}
	if s&statusOngoing != 0 {
		says("msmt-ongoing")
		if o.Absent != nil {
			o.Absent = reason(temporarily)
		}
	}
	if s&statusUnavailable != 0 {
		o.Value = Value{Absent: reason(notPerformed)}
	}
	if s&statusInvalid != 0 {
		trust("UNRELIABLE")
		o.Value = Value{Absent: reason(inError)}
	}
	if s&statusQuestionable != 0 {
		trust("UNCERTREL")
		says("questionable")
	}
	if s&statusCalibrating != 0 {
		trust("UNCERTREL")
		says("calibration-ongoing")
	}
	if s&(statusTest|statusDemo) != 0 {
		o.Meta.Security = append(o.Meta.Security, Coding{System: systemReason, Code: "HTEST"})
	}
	if s&statusValidated != 0 {
		trust("HRELIABLE")
		says("validated-data")
	}
	if s&statusEarly != 0 {
		says("early-indication")
	}
}

// The profiles of the guide.
var (
	numericProfile  = []string{profiles + "PhdNumericObservation"}
	compoundProfile = []string{profiles + "PhdCompoundNumericObservation", profiles + "PhdCompoundObservation"}
	bitsProfile     = []string{profiles + "PhdBitsEnumerationObservation"}
	codedProfile    = []string{profiles + "PhdCodedEnumerationObservation"}
)

func numeric(code Concept, vital bool, v Value) measured {
	return measured{profiles: numericProfile, code: code, vital: vital, value: v}
}

func concept(text string, codes ...Coding) Concept { return Concept{Coding: codes, Text: text} }

// bit is a bit of a status as IEEE numbers it and HL7 names it (ASN1ToHL7); at -1 it has
// no number there.
type bit struct {
	at   int
	name string
}

// inOrder are bits that services number as IEEE does.
func inOrder(names ...string) map[int]bit {
	m := map[int]bit{}
	for i, name := range names {
		m[i] = bit{i, name}
	}
	return m
}

// bits is an observation of the bits of a status that are set; nil when none is.
func bits(code, display string, set int, known map[int]bit) *measured {
	m := &measured{profiles: bitsProfile, code: concept("", mdc(code, display)), from: true}
	for i := range 24 {
		if set>>i&1 == 0 {
			continue
		}
		b, named := known[i]
		c := Component{Value: boolean(true)}
		switch {
		case !named:
			c.Code.Text = "bit " + strconv.Itoa(i) + " of the status, which the service keeps for later"
		case b.at < 0:
			c.Code.Text = b.name
		default:
			c.Code.Coding = []Coding{{systemBits, code + "." + strconv.Itoa(b.at), b.name}}
		}
		m.parts = append(m.parts, c)
	}
	if m.parts == nil {
		return nil
	}
	return m
}

// userOf is the user of a device that several persons share: 255 says unknown.
func userOf(id int) []Component {
	if id == 255 {
		return nil
	}
	return []Component{{Code: Concept{Text: "User of the device"}, Value: integer(id)}}
}

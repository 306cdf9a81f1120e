package hl7

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// Head is what a message says of itself in its header (HL7 v2.6, section 2.15.9).
// Each value is the first component of its field unless it says otherwise, as it
// stands in the message.
type Head struct {
	SendingApplication string // MSH-3, namespace
	SendingID          string // MSH-3, universal id: of devices the EUI-64
	Type, Event        string // MSH-9: ORU, R01
	ControlID          string // MSH-10
	Processing         string // MSH-11: P in production
	Version            string // MSH-12
	AcceptAck          string // MSH-15: AL, NE, ER, SU, or empty in the original mode
	ApplicationAck     string // MSH-16
	Charset            string // MSH-18

	raw   [5][]byte // MSH-3 to MSH-6 and MSH-11, whole, for the answer
	marks marks
	text  []byte // separators as they stand in the message: field, then MSH-2
}

// maxControlID bounds a control id, in bytes (HL7 v2.6 allows 199).
const maxControlID = 199

// ReadHead reads the header of what may be less than a message: of one that is cut
// off, too long or spoiled further on, so that its sender can be answered.
func ReadHead(text []byte) (*Head, error) {
	s, _ := cutSegment(text)
	if flaw, _ := Check(s); flaw != Sound {
		return nil, errors.New("reading an HL7 message header: there is none")
	}
	m := marksOf(s)
	msh := segment(s)
	field := func(n, c int) string { return component(msh.field(m, n), m, c) }
	h := &Head{
		SendingApplication: field(3, 1), SendingID: field(3, 2),
		Type: field(9, 1), Event: field(9, 2),
		ControlID: string(msh.field(m, 10)), Processing: field(11, 1), Version: field(12, 1),
		AcceptAck: field(15, 1), ApplicationAck: field(16, 1), Charset: field(18, 1),
		marks: m,
		raw:   [5][]byte{msh.field(m, 3), msh.field(m, 4), msh.field(m, 5), msh.field(m, 6), msh.field(m, 11)},
	}
	end := 4 + len(nth(s[4:], m.field, 0))
	h.text = s[3:end]
	return h, nil
}

// Enhanced reports whether the sender asks for acknowledgements of the enhanced
// mode (section 2.9.3): it fills MSH-15 or MSH-16.
func (h *Head) Enhanced() bool { return h.AcceptAck != "" || h.ApplicationAck != "" }

// versions are those that are read.
var versions = []string{"2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6"}

// accepted are the messages that carry readings, alarms and orders of devices, by
// their event: observations and their alarms (PCD-01, PCD-04), and treatments
// that were given or programmed (PCD-03).
var accepted = map[string][]string{
	"ORU": {"R01", "R30", "R31", "R32", "R40", "R41", "R42"},
	"RGV": {"O15", "O01"}, // O01 before v2.4
}

// Judge finds what keeps a message from being taken by its header alone. The
// order is that of the standard: who asks for the wrong kind need not be told
// more. It returns Accepted when there is nothing.
func (h *Head) Judge() Code {
	events, known := accepted[h.Type]
	switch {
	case h.ControlID == "" || h.Type == "" || h.Processing == "" || h.Version == "":
		return RequiredFieldMissing
	case len(h.ControlID) > maxControlID:
		return DataTypeError
	case !known:
		return UnsupportedMessage
	case !slices.Contains(events, h.Event):
		return UnsupportedEvent
	case h.Processing != "P":
		return UnsupportedProcessing
	case !slices.Contains(versions, h.Version):
		return UnsupportedVersion
	case wide(h.Charset):
		return DataTypeError
	}
	return Accepted
}

// wide reports whether a character set has more than one byte for ASCII: then the
// separators are not where they seem (table 0211). A message that says so and was
// read all the same contradicts itself.
func wide(charset string) bool {
	c := strings.ToUpper(charset)
	return strings.HasPrefix(c, "UNICODE") && !strings.Contains(c, "UTF-8") && c != "UNICODE"
}

// Fits reports whether a message is in the character set that its header names, as
// far as that can be told: UTF-8 is UTF-8, and ASCII that was named has seven bits.
// A message that names none may be in any: many senders name none.
func (h *Head) Fits(text []byte) bool {
	switch strings.ToUpper(h.Charset) {
	case "UNICODE UTF-8":
		return utf8.Valid(text)
	case "ASCII":
		return !slices.ContainsFunc(text, func(c byte) bool { return c > 0x7f })
	}
	return true
}

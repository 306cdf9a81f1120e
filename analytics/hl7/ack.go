package hl7

import (
	"strconv"
	"strings"
	"time"
)

// Code is why a message was not taken: a message error condition code (table
// 0357), or Accepted.
type Code int

// The codes that are given.
const (
	Accepted              Code = 0
	SegmentError          Code = 100
	RequiredFieldMissing  Code = 101
	DataTypeError         Code = 102
	UnsupportedMessage    Code = 200
	UnsupportedEvent      Code = 201
	UnsupportedProcessing Code = 202
	UnsupportedVersion    Code = 203
	UnknownKey            Code = 204
	InternalError         Code = 207
)

var codeNames = map[Code]string{
	Accepted: "Message accepted", SegmentError: "Segment sequence error", RequiredFieldMissing: "Required field missing",
	DataTypeError: "Data type error", UnsupportedMessage: "Unsupported message type", UnsupportedEvent: "Unsupported event code",
	UnsupportedProcessing: "Unsupported processing id", UnsupportedVersion: "Unsupported version id",
	UnknownKey: "Unknown key identifier", InternalError: "Application internal error",
}

// String is the code's name in the table.
func (c Code) String() string { return codeNames[c] }

// reject reports whether a message is turned away for what it is (AR) rather than
// for what stands in it (AE) (section 2.9.2.2).
func (c Code) reject() bool {
	return c >= UnsupportedMessage && c <= UnsupportedVersion || c == InternalError
}

// Acknowledge makes the answer to a message, or none where its sender wants none.
// id is the answer's own control id. detail says what a person should do about a
// code, without anything that was sent, or under what the message is known that was
// taken (MSA-3). A head of nil stands for a message without a header.
func (h *Head) Acknowledge(code Code, detail, id string, now time.Time) []byte {
	if h == nil {
		h = &Head{marks: marks{field: '|', component: '^'}, text: []byte(`|^~\&`), Version: "2.6"}
	}
	if h.Enhanced() && !wanted(h.AcceptAck, code) && !wanted(h.ApplicationAck, code) {
		return nil
	}
	f, c := string(h.marks.field), string(h.marks.component)
	processing := string(h.raw[4])
	if processing == "" {
		processing = "P"
	}
	version := h.Version
	if version == "" {
		version = "2.6"
	}
	kind := "ACK"
	if h.Event != "" {
		kind += c + h.Event
	}
	structured := !strings.HasPrefix(version, "2.3") && !strings.HasPrefix(version, "2.4")
	if structured && h.Event != "" {
		kind += c + "ACK"
	}
	var b strings.Builder
	line := func(fields ...string) { b.WriteString(strings.TrimRight(strings.Join(fields, f), f) + "\r") }
	// own is a value of ours without what separates values in this message: some
	// sender's field separator may be the sign before a time zone.
	own := func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(string(h.text), r) {
				return -1
			}
			return r
		}, s)
	}
	line(header+string(h.text), string(h.raw[2]), string(h.raw[3]), string(h.raw[0]), string(h.raw[1]),
		own(now.UTC().Format("20060102150405.000")+"+0000"), "", kind, id, processing, version, "", "", "", "", "", h.Charset)
	control := h.ControlID
	if len(control) > maxControlID {
		control = ""
	}
	switch {
	case code == Accepted:
		line("MSA", h.outcome(code), control, own(detail))
	case structured:
		line("MSA", h.outcome(code), control)
		line("ERR", "", "", strconv.Itoa(int(code))+c+own(code.String())+c+"HL70357", "E", "", "", "", own(detail))
	default: // MSA-3 and MSA-6 carry it before v2.5
		line("MSA", h.outcome(code), control, own(detail), "", "", strconv.Itoa(int(code))+c+own(code.String())+c+"HL70357")
	}
	return []byte(b.String())
}

// outcome is the acknowledgement code (table 0008). In the enhanced mode the node
// gives the accept acknowledgement, unless only the application's is asked for.
func (h *Head) outcome(code Code) string {
	mode := "A"
	if h.Enhanced() && wanted(h.AcceptAck, code) {
		mode = "C"
	}
	switch {
	case code == Accepted:
		return mode + "A"
	case code.reject():
		return mode + "R"
	}
	return mode + "E"
}

// wanted reads an acknowledgement condition (table 0155).
func wanted(condition string, code Code) bool {
	switch condition {
	case "AL":
		return true
	case "ER":
		return code != Accepted
	case "SU":
		return code == Accepted
	}
	return false
}

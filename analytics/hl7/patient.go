package hl7

import "bytes"

// Patient is an identifier of the patient that a message is about (PID-3, data type CX).
type Patient struct {
	Value string // CX.1

	// The authority that gave it (CX.4): its namespace, and its universal id with the
	// kind of that (table 0301).
	Namespace, Universal, Kind string
}

// Patient returns the first identifier in PID-3 that has a value. There is none without
// ok: when the message names no patient, or several, of whom none has it for herself.
func (m *Message) Patient() (p Patient, ok bool) {
	for _, s := range m.segments {
		if s.name() != "PID" {
			continue
		}
		found, named := m.identifier(s.field(m.marks, 3))
		switch {
		case !named:
			continue
		case ok && found != p:
			return Patient{}, false
		}
		p, ok = found, true
	}
	return p, ok
}

func (m *Message) identifier(field []byte) (Patient, bool) {
	for _, one := range split(field, m.marks.repetition) {
		value := m.text(bytes.TrimSpace(nth(one, m.marks.component, 0)))
		if value == "" || value == `""` { // which deletes a value, and is none
			continue
		}
		authority := nth(one, m.marks.component, 3)
		part := func(n int) string { return m.text(bytes.TrimSpace(nth(authority, m.marks.subcomponent, n))) }
		return Patient{Value: value, Namespace: part(0), Universal: part(1), Kind: part(2)}, true
	}
	return Patient{}, false
}

package hl7

import "bytes"

// header is the name of the segment that every message begins with.
const header = "MSH"

// Message is one message, taken apart as far as somebody asks. It shares the
// memory of the text that it was read from.
type Message struct {
	segments []segment
	marks    marks
	charset  string // MSH-18
}

// segment is one segment as it stands in the message.
type segment []byte

// marks are the separators that a message declares.
type marks struct{ field, component, repetition, escape, subcomponent byte }

// Parse reads a message, unless Check finds a flaw in it.
func Parse(text []byte) (*Message, Flaw) {
	if flaw, _ := Check(text); flaw != Sound {
		return nil, flaw
	}
	m := &Message{marks: marksOf(text)}
	for len(text) > 0 {
		s, next := cutSegment(text)
		m.segments = append(m.segments, s)
		text = text[next:]
	}
	m.charset = component(m.segments[0].field(m.marks, 18), m.marks, 1)
	return m, Sound
}

// marksOf reads the separators of a message that is sound.
func marksOf(text []byte) marks {
	return marks{field: text[3], component: text[4], repetition: text[5], escape: text[6], subcomponent: text[7]}
}

func (s segment) name() string { return string(s[:3]) }

// field returns a field by its number in the standard, and nothing where the
// segment is shorter. In the message header, field 1 is the separator itself.
func (s segment) field(m marks, n int) []byte {
	if s.name() == header {
		n--
	}
	return nth(s, m.field, n)
}

// nth returns the part with a number, from 0, between separators.
func nth(b []byte, separator byte, n int) []byte {
	for ; n > 0; n-- {
		i := bytes.IndexByte(b, separator)
		if i < 0 {
			return nil
		}
		b = b[i+1:]
	}
	if i := bytes.IndexByte(b, separator); i >= 0 {
		return b[:i]
	}
	return b
}

// component returns a component of a field's first repetition, from 1, without
// the spaces around it that some senders add.
func component(field []byte, m marks, n int) string {
	return string(bytes.TrimSpace(nth(nth(field, m.repetition, 0), m.component, n-1)))
}

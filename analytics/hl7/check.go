package hl7

import "bytes"

// Flaw says what keeps a text from being a message.
type Flaw int

// The flaws that Check finds.
const (
	Sound   Flaw = iota
	Header       // no MSH segment with its separators at the beginning
	Segment      // something that is no segment of the one message
	Control      // a control character other than the ends of segments
)

// Check judges whether text is one HL7 v2 message (HL7 v2.6, section 2.5): a
// message header first, with a field separator and encoding characters that
// differ, then segments, each with a name of three letters or digits. Segments
// end with a carriage return; line feeds, which much software writes instead,
// pass as well. The frame bytes of MLLP and other control characters do not: a
// message is kept exactly as it came, and a transport's frame is no part of it.
// Bytes beyond ASCII may be of any character set, which the message names. The
// number is the offset of the byte at which the flaw shows.
func Check(text []byte) (Flaw, int) {
	if len(text) < 8 || string(text[:3]) != "MSH" || !separator(text[3]) {
		return Header, 0
	}
	for i, c := range text {
		if c < ' ' && c != '\r' && c != '\n' || c == 0x7f {
			return Control, i
		}
	}
	field := text[3]
	marks := text[4:]
	if end := bytes.IndexByte(marks, field); end >= 0 {
		marks = marks[:end]
	}
	if len(marks) < 4 || len(marks) > 5 { // component, repetition, escape, subcomponent, and truncation since v2.7
		return Header, 4
	}
	for i, c := range marks {
		if !separator(c) || bytes.IndexByte(marks[:i], c) >= 0 {
			return Header, 4 + i
		}
	}
	return checkSegments(text, field)
}

func separator(c byte) bool {
	return c > ' ' && c < 0x7f && !segmentLetter(c) && (c < 'a' || c > 'z')
}

func segmentLetter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' }

func checkSegments(text []byte, field byte) (Flaw, int) {
	for start := 0; start < len(text); {
		segment, next := cutSegment(text[start:])
		switch {
		case len(segment) < 3 || !segmentLetter(segment[0]) || !segmentLetter(segment[1]) || !segmentLetter(segment[2]):
			return Segment, start
		case len(segment) > 3 && segment[3] != field:
			return Segment, start + 3
		case start > 0 && string(segment[:3]) == header:
			return Segment, start // a second message
		}
		start += next
	}
	return Sound, 0
}

// cutSegment cuts the first segment off a text, and says where the next begins.
func cutSegment(text []byte) (segment []byte, next int) {
	end := bytes.IndexAny(text, "\r\n")
	if end < 0 {
		return text, len(text)
	}
	next = end + 1
	if text[end] == '\r' && next < len(text) && text[next] == '\n' {
		next++
	}
	return text[:end], next
}

package ingest

import "bytes"

// checkHL7 judges whether text is one HL7 v2 message (HL7 v2.6, chapter 2): a
// message header first, with a field separator and encoding characters that
// differ, then segments, each with a name of three letters or digits. Segments
// end with a carriage return; line feeds, which much software writes instead,
// pass as well. The frame bytes of MLLP and other control characters do not: a
// message is kept exactly as it came, and a transport's frame is no part of it.
// Bytes beyond ASCII may be of any character set, which the message names.
func checkHL7(text []byte) (flaw, int) {
	if len(text) < 8 || string(text[:3]) != "MSH" || !separator(text[3]) {
		return flawHeader, 0
	}
	for i, c := range text {
		if c < ' ' && c != '\r' && c != '\n' || c == 0x7f {
			return flawControl, i
		}
	}
	field := text[3]
	marks := text[4:]
	if end := bytes.IndexByte(marks, field); end >= 0 {
		marks = marks[:end]
	}
	if len(marks) < 4 || len(marks) > 5 { // component, repetition, escape, subcomponent, and truncation since v2.7
		return flawHeader, 4
	}
	for i, c := range marks {
		if !separator(c) || bytes.IndexByte(marks[:i], c) >= 0 {
			return flawHeader, 4 + i
		}
	}
	return checkSegments(text, field)
}

func separator(c byte) bool {
	return c > ' ' && c < 0x7f && !segmentLetter(c) && (c < 'a' || c > 'z')
}

func segmentLetter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' }

func checkSegments(text []byte, field byte) (flaw, int) {
	for start := 0; start < len(text); {
		end := start
		for end < len(text) && text[end] != '\r' && text[end] != '\n' {
			end++
		}
		segment := text[start:end]
		switch {
		case len(segment) < 3 || !segmentLetter(segment[0]) || !segmentLetter(segment[1]) || !segmentLetter(segment[2]):
			return flawSegment, start
		case len(segment) > 3 && segment[3] != field:
			return flawSegment, start + 3
		case start > 0 && string(segment[:3]) == "MSH":
			return flawSegment, start // a second message
		}
		if end+1 < len(text) && text[end] == '\r' && text[end+1] == '\n' {
			end++
		}
		start = end + 1
	}
	return sound, 0
}

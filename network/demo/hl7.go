package demo

import (
	"bytes"
	"errors"
	"strings"
)

// takeMessage takes an HL7 v2 file that holds one observation message. Other
// messages are no readings and are passed over.
func (f *found) takeMessage(path string, b []byte) error {
	kind, profile, err := readMessage(b)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(kind, "ORU^R01") {
		return nil
	}
	m := batch{mediaType: "application/hl7-v2", records: [][]byte{b}, from: path}
	if strings.Contains(profile, "PCD_001") || strings.Contains(profile, "PCD_DEC_001") {
		f.profiled = append(f.profiled, m)
	} else {
		f.messages = append(f.messages, m)
	}
	return nil
}

// readMessage returns a message's type (MSH-9) and profile (MSH-21), and fails
// for one that was cut off or glued together.
func readMessage(b []byte) (kind, profile string, err error) {
	segments := strings.FieldsFunc(string(b), func(r rune) bool { return r == '\r' || r == '\n' })
	if len(segments) == 0 || len(segments[0]) < 8 {
		return "", "", errors.New("no HL7 message header")
	}
	fields := strings.Split(segments[0], segments[0][3:4])
	if len(fields) < 12 || fields[8] == "" || fields[11] == "" { // MSH-1 is the separator itself
		return "", "", errors.New("its HL7 message header is cut off")
	}
	if len(fields) > 20 {
		profile = fields[20]
	}
	kind = fields[8]
	if !strings.HasPrefix(kind, "ORU") {
		return kind, profile, nil
	}
	values := 0
	for _, s := range segments {
		if len(s) < 4 || s[3] != segments[0][3] {
			return "", "", errors.New("a segment has no three-character name")
		}
		if strings.HasPrefix(s, "OBX") {
			values++
		}
	}
	if values == 0 || bytes.Count(b, []byte("OBX"+segments[0][3:4])) != values {
		return "", "", errors.New("its observations are missing or run into each other")
	}
	return kind, profile, nil
}

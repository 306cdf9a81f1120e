package demo

import (
	"bytes"
	"errors"
	"strings"
)

// takeMessage takes the observation messages of an HL7 v2 file, bare or in the
// frames of MLLP. Other messages are no readings and are passed over; one damaged
// message spoils its file.
func (f *found) takeMessage(path string, b []byte) error {
	var profiled, others []batch
	for _, one := range splitMessages(b) {
		kind, profile, err := readMessage(one)
		if err != nil {
			return err
		}
		m := batch{mediaType: "application/hl7-v2", records: [][]byte{one}, from: path}
		switch {
		case !strings.HasPrefix(kind, "ORU^R01"):
		case strings.Contains(profile, "PCD_001") || strings.Contains(profile, "PCD_DEC_001"):
			profiled = append(profiled, m)
		default:
			others = append(others, m)
		}
	}
	f.profiled, f.messages = append(f.profiled, profiled...), append(f.messages, others...)
	return nil
}

// splitMessages cuts a file at the message headers and takes off the frames: a
// vertical tab before each message, a file separator and a carriage return after
// it (HL7 v2.6, appendix C).
func splitMessages(b []byte) [][]byte {
	var all [][]byte
	for len(b) > 0 {
		b = bytes.TrimLeft(b, "\x0b\x1c\r\n \xef\xbb\xbf")
		end := len(b)
		for _, start := range []string{"\rMSH|", "\nMSH|", "\x0bMSH|"} {
			if i := bytes.Index(b, []byte(start)); i >= 0 {
				end = min(end, i+1)
			}
		}
		if one := bytes.TrimRight(b[:end], "\x0b\x1c\n "); len(one) > 0 {
			if bytes.HasSuffix(one, []byte("\x1c\r")) {
				one = one[:len(one)-2]
			}
			all = append(all, one)
		}
		b = b[end:]
	}
	return all
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

package dicom

import (
	"strings"
	"unicode/utf8"
)

// textOf decodes a value of text in the character set that (0008,0005) names. What is
// in a set that is not known here, or not in the one that is named, has no text.
func textOf(value []byte, charset string) string {
	charset, _, _ = strings.Cut(charset, `\`) // the others are reached by escape sequences, which are not read
	var text string
	switch strings.TrimSpace(charset) {
	case "ISO_IR 192":
		if !utf8.Valid(value) {
			return ""
		}
		text = string(value)
	case "ISO_IR 100", "ISO 2022 IR 100":
		runes := make([]rune, len(value))
		for i, b := range value {
			runes[i] = rune(b)
		}
		text = string(runes)
	default:
		for _, b := range value {
			if b >= utf8.RuneSelf {
				return ""
			}
		}
		text = string(value)
	}
	text = strings.Trim(text, " \x00")
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
		return ""
	}
	return text
}

// uidOf takes the padding off a UID.
func uidOf(value []byte) string { return strings.TrimRight(string(value), "\x00 ") }

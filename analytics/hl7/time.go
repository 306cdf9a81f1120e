package hl7

import (
	"strings"
	"time"
)

// layouts are the forms of a time with a minute at least, by their length without
// a fraction (HL7 v2.6, section 2.A.22).
var layouts = map[int]string{12: "200601021504", 14: "20060102150405"}

// moment reads a time. One without an offset is of the zone; one without a minute is
// none, since a day is no moment.
func moment(text string, zone *time.Location) (at time.Time, ok bool) {
	text = strings.TrimSpace(text)
	digits, offset := text, ""
	if i := strings.IndexAny(text, "+-"); i >= 0 {
		digits, offset = text[:i], text[i:]
	}
	digits = strings.TrimSpace(digits)
	whole, fraction, _ := strings.Cut(digits, ".")
	layout := layouts[len(whole)]
	if layout == "" || len(fraction) > 4 {
		return at, false
	}
	if fraction != "" {
		layout, whole = layout+"."+strings.Repeat("0", len(fraction)), whole+"."+fraction
	}
	var err error
	if offset != "" {
		at, err = time.Parse(layout+"-0700", whole+offset)
	} else {
		at, err = time.ParseInLocation(layout, whole, zone)
	}
	if err != nil || at.Year() < 1 {
		return at, false
	}
	// The parser lets an offset of 24 hours pass, which no JSON has.
	_, seconds := at.Zone()
	return at, max(seconds, -seconds) < int((24 * time.Hour).Seconds())
}

package cti

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
)

// tlpExtension marks TLP 2.0 in STIX 2.1 (OASIS cti-stix-common-objects,
// extension definition "TLP 2.0"). The standard's own TLP objects are TLP 1.
const tlpExtension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

// tlpCreated is when the TLP 2.0 marking objects were made; it is part of them.
const tlpCreated = "2022-10-01T00:00:00.000Z"

// The levels of TLP 2.0, the widest first.
const (
	levelClear       = "clear"
	levelGreen       = "green"
	levelAmber       = "amber"
	levelAmberStrict = "amber+strict"
	levelRed         = "red"
)

var levels = []string{levelClear, levelGreen, levelAmber, levelAmberStrict, levelRed}

// tlp2 are the ids of the TLP 2.0 marking objects.
var tlp2 = map[string]string{
	levelClear:       "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	levelGreen:       "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
	levelAmber:       "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
	levelAmberStrict: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
	levelRed:         "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

// knownMarkings gives the level of every fixed TLP object: version 2.0, and
// version 1 (STIX 2.1, section 7.2.1.4), where white is today's clear.
var knownMarkings = func() map[string]string {
	known := map[string]string{
		"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": levelClear,
		"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": levelGreen,
		"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": levelAmber,
		"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": levelRed,
	}
	for level, id := range tlp2 {
		known[id] = level
	}
	return known
}()

// strictness orders markings; an unmarked or unknown one is widest.
func strictness(level string) int {
	for i, l := range levels {
		if l == level {
			return i + 1
		}
	}
	return 0
}

// parseLevel reads a level as TLP 1 or 2 writes it; empty for any other text.
func parseLevel(s string) string {
	s = strings.TrimPrefix(strings.ToLower(s), "tlp:")
	if s == "white" {
		return levelClear
	}
	if strictness(s) == 0 {
		return ""
	}
	return s
}

func levelName(level string) string { return strings.ToUpper(level) }

// Levels returns the level of every fixed TLP marking, of version 2.0 and 1, by its id.
func Levels() map[string]string { return maps.Clone(knownMarkings) }

// MarkingLevel reads the TLP level of a marking's definition; empty for one of another
// kind.
func MarkingLevel(body []byte) string {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var o object
	if d.Decode(&o) != nil {
		return ""
	}
	return levelOf(o)
}

// levelOf reads it from the object.
func levelOf(o object) string {
	level := ""
	if d, ok := o["definition"].(object); ok && text(o, "definition_type") == "tlp" {
		level = parseLevel(text(d, "tlp"))
	}
	if all, ok := o["extensions"].(object); ok {
		if e, ok := all[tlpExtension].(object); ok {
			level = parseLevel(text(e, "tlp_2_0"))
		}
	}
	return level
}

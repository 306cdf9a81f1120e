package cti

import (
	"encoding/json"
	"slices"
	"strings"
)

// maxWords bounds the text by which one object is found, in bytes.
const maxWords = 64 << 10

// textless are properties that say nothing to people who search.
var textless = []string{"spec_version", "created", "modified", "object_marking_refs", "granular_markings", "extensions", "pattern_type", "pattern_version", "id", "type"}

// Text returns what an object is called, and all that it says in words: strings at any
// depth in the order of their names, references to other objects left out. Bytes that
// are no object have neither.
func Text(body []byte) (name, words string) {
	var o map[string]any
	if err := json.Unmarshal(body, &o); err != nil {
		return "", ""
	}
	name, _ = o["name"].(string)
	if name == "" {
		name, _ = o["value"].(string)
	}
	var b strings.Builder
	for _, property := range properties(o) {
		if !slices.Contains(textless, property) {
			addWords(&b, property, o[property])
		}
	}
	return name, b.String()
}

func addWords(b *strings.Builder, property string, v any) {
	switch v := v.(type) {
	case string:
		if b.Len()+len(v) < maxWords && !strings.HasSuffix(property, "_ref") && !strings.HasSuffix(property, "_refs") {
			b.WriteString(v)
			b.WriteByte('\n')
		}
	case []any:
		for _, one := range v {
			addWords(b, property, one)
		}
	case map[string]any:
		for _, inner := range properties(v) {
			addWords(b, inner, v[inner])
		}
	}
}

func properties(o map[string]any) []string {
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

package fhir

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// isNarrative takes the XHTML of a narrative: one div, well-formed, with nothing in
// it that a reader's program would run or fetch by itself (FHIR R4, section 2.4.0:
// txt-1).
func isNarrative(s string) bool {
	if s == "" {
		return true // refused where it stands, as every empty text
	}
	d := xml.NewDecoder(strings.NewReader(s))
	d.Entity = xml.HTMLEntity
	depth, roots := 0, 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return roots == 1 && depth == 0
		}
		if err != nil {
			return false
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
				if t.Name.Local != "div" || roots > 1 {
					return false
				}
			}
			if depth++; !harmless(&t) {
				return false
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && strings.TrimSpace(string(t)) != "" {
				return false
			}
		case xml.Directive, xml.ProcInst: // a document type could define entities
			return false
		}
	}
}

var active = []string{"script", "style", "iframe", "frame", "object", "embed", "applet", "form", "input", "button", "link", "meta", "base", "svg", "math", "head", "body"}

func harmless(e *xml.StartElement) bool {
	if slices.Contains(active, strings.ToLower(e.Name.Local)) {
		return false
	}
	for _, a := range e.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(strings.TrimSpace(a.Value))
		if strings.HasPrefix(name, "on") || strings.HasPrefix(value, "javascript:") || strings.HasPrefix(value, "vbscript:") {
			return false
		}
	}
	return true
}

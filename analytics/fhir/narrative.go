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
	// HTML ends these elsewhere than XML does, so that a browser would see elements where
	// there are none here.
	if strings.Contains(s, "<![CDATA[") {
		return false
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
		case xml.Comment:
			if c := string(t); strings.HasPrefix(c, ">") || strings.HasPrefix(c, "->") || strings.Contains(c, "--!>") {
				return false
			}
		case xml.Directive, xml.ProcInst: // a document type could define entities
			return false
		}
	}
}

// active are elements that do something by themselves, and those within which HTML reads
// no elements, so that they would end elsewhere there.
var active = []string{
	"script", "style", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "input", "button", "link", "meta", "base", "svg", "math", "head", "body",
	"audio", "video", "source", "track", "portal", "template",
	"noscript", "noembed", "noframes", "plaintext", "textarea", "title", "xmp",
}

func harmless(e *xml.StartElement) bool {
	if slices.Contains(active, strings.ToLower(e.Name.Local)) {
		return false
	}
	for _, a := range e.Attr {
		if strings.HasPrefix(strings.ToLower(a.Name.Local), "on") || runs(a.Value) {
			return false
		}
	}
	return true
}

// runs reports whether a browser that follows an address would run what is in it. It
// passes over control characters and spaces in the scheme (WHATWG URL, section 4.4).
func runs(address string) bool {
	address = strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, address))
	switch scheme, rest, _ := strings.Cut(address, ":"); scheme {
	case "javascript", "vbscript":
		return true
	case "data":
		return !strings.HasPrefix(rest, "image/") || strings.HasPrefix(rest, "image/svg")
	}
	return false
}

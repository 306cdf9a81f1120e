package gs1

import (
	"fmt"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on what is read.
const (
	MaxScan     = 512 // bytes of a scan
	MaxElements = 32
	MaxLink     = 2000 // bytes of a URI
)

// Element is one application identifier with its data.
type Element struct{ AI, Value string }

// Elements are read from one label, in its order.
type Elements []Element

// Get returns an identifier's data, empty when it is not there.
func (e Elements) Get(ai string) string {
	for _, x := range e {
		if x.AI == ai {
			return x.Value
		}
	}
	return ""
}

const separator = '\x1d' // FNC1 inside a symbol, as scanners send it

// symbologies are what scanners put before GS1 data (ISO/IEC 15424).
var symbologies = []string{"]C1", "]e0", "]d2", "]Q3", "]J1", "]L2"}

// ParseScan reads GS1 element strings: with identifiers in parentheses, as people
// read them, or as a scanner sends them, with a symbology identifier or without
// and with FNC1 as the character GS. Problems: invalid, too_large.
func ParseScan(text string) (Elements, error) {
	if len(text) > MaxScan {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the scan has more than %d characters", MaxScan)
	}
	text = strings.TrimRight(text, "\r\n")
	for _, s := range symbologies {
		text = strings.TrimPrefix(text, s)
	}
	if strings.HasPrefix(text, "(") {
		return readable(text)
	}
	return scanned(strings.TrimPrefix(text, string(separator)))
}

// readable reads "(01)04012345678901(21)A". Parentheses may also stand in data, so
// an identifier is only what is known and the data before it fits.
func readable(text string) (Elements, error) {
	var all Elements
	for text != "" {
		end := strings.IndexByte(text, ')')
		if text[0] != '(' || end < 0 {
			return nil, unreadable("an identifier in parentheses is missing")
		}
		ai := text[1:end]
		form, known := identifiers[ai]
		if !known {
			return nil, unreadable("an application identifier is not known")
		}
		rest := text[end+1:]
		n := len(rest)
		for at := range len(rest) {
			if rest[at] != '(' {
				continue
			}
			if end := strings.IndexByte(rest[at:], ')'); end > 0 {
				if _, next := identifiers[rest[at+1:at+end]]; next && form.fits(rest[:at]) {
					n = at
					break
				}
			}
		}
		var err error
		if all, err = all.add(ai, rest[:n]); err != nil {
			return nil, err
		}
		text = rest[n:]
	}
	return all.whole()
}

func scanned(text string) (Elements, error) {
	var all Elements
	for text != "" {
		ai, form, ok := leading(text)
		if !ok {
			return nil, unreadable("an application identifier is not known")
		}
		text = text[len(ai):]
		n := strings.IndexByte(text, separator)
		switch {
		case form.fixed:
			n = min(form.longest(), len(text))
		case n < 0:
			n = len(text)
		}
		var err error
		if all, err = all.add(ai, text[:n]); err != nil {
			return nil, err
		}
		// Behind data of a known length a separator is not needed, and allowed.
		text = strings.TrimPrefix(text[n:], string(separator))
	}
	return all.whole()
}

// leading finds the identifier at the beginning; none begins another.
func leading(text string) (string, identifier, bool) {
	for n := 2; n <= 4 && n <= len(text); n++ {
		if form, ok := identifiers[text[:n]]; ok {
			return text[:n], form, true
		}
	}
	return "", identifier{}, false
}

func (e Elements) add(ai, value string) (Elements, error) {
	form, known := identifiers[ai]
	if !known {
		return nil, unreadable("an application identifier is not known")
	}
	if !form.fits(value) {
		return nil, unreadable(fmt.Sprintf("the data of (%s) have a wrong length, character, date or check digit", ai))
	}
	if have := e.Get(ai); have != "" && have != value {
		return nil, unreadable(fmt.Sprintf("(%s) stands twice with different data", ai))
	}
	if len(e) == MaxElements {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the label has more than %d elements", MaxElements)
	}
	return append(e, Element{ai, value}), nil
}

func (e Elements) whole() (Elements, error) {
	if len(e) == 0 {
		return nil, unreadable("it is empty")
	}
	return e, nil
}

func unreadable(detail string) error {
	return &ledger.Problem{
		Code: ledger.CodeInvalid, Detail: "the label cannot be read",
		Faults: []ledger.Fault{{Field: "label", Detail: detail}},
	}
}

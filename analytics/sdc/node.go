package sdc

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The namespaces of ISO/IEEE 11073-10207, of XML Schema's own attributes and of SOAP.
const (
	participant = "http://standards.ieee.org/downloads/11073/11073-10207-2017/participant"
	message     = "http://standards.ieee.org/downloads/11073/11073-10207-2017/message"
	extension   = "http://standards.ieee.org/downloads/11073/11073-10207-2017/extension"
	instance    = "http://www.w3.org/2001/XMLSchema-instance"
	envelope    = "http://www.w3.org/2003/05/soap-envelope"
)

// What a document may have at most.
const (
	MaxBytes      = 2 << 20
	MaxElements   = 100_000
	maxDepth      = 48
	maxAttributes = 64 // of an element
)

// node is an element.
type node struct {
	name  xml.Name
	kind  string // xsi:type, when it is of the participant model
	attrs map[string]string
	kids  []*node
	text  string // of an element that holds no others
	// barred says that there is an extension here which must be understood.
	barred bool
}

func invalid(format string, args ...any) error {
	return ledger.Problemf(ledger.CodeInvalid, format, args...)
}

// reader builds the elements of a document.
type reader struct {
	d        *xml.Decoder
	elements int
	spaces   []map[string]string // namespaces by their prefixes, of the open elements
}

// read reads a document, and refuses what leads outside it or makes more of it than was
// sent: document types, entities, processing instructions.
func read(text []byte) (*node, error) {
	if len(text) > MaxBytes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the document has more than %d bytes", MaxBytes)
	}
	if !utf8.Valid(text) {
		return nil, invalid("the document is not UTF-8")
	}
	r := &reader{d: xml.NewDecoder(bytes.NewReader(text))}
	var root *node
	for first := true; ; first = false {
		t, err := r.token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		} else if errors.Is(err, io.EOF) {
			return nil, invalid("the document is empty")
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.ProcInst:
			if t.Target != "xml" || !first {
				return nil, invalid("the document has processing instructions")
			}
		case xml.StartElement:
			if root != nil {
				return nil, invalid("the document has more than one element outermost")
			}
			if root, err = r.element(t, 1); err != nil {
				return nil, err
			}
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, invalid("the document has text outside its elements")
			}
		}
	}
}

func (r *reader) token() (xml.Token, error) {
	t, err := r.d.Token()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		line, _ := r.d.InputPos()
		return nil, invalid("the document is not well-formed XML, at line %d", line)
	}
	if _, ok := t.(xml.Directive); ok {
		return nil, invalid("the document has a document type, which is not taken")
	}
	return t, nil
}

// element reads an element that was opened, to its end.
func (r *reader) element(start xml.StartElement, depth int) (*node, error) {
	r.elements++
	switch {
	case r.elements > MaxElements:
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the document has more than %d elements", MaxElements)
	case depth > maxDepth:
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the document is nested more than %d deep", maxDepth)
	case len(start.Attr) > maxAttributes:
		return nil, ledger.Problemf(ledger.CodeTooLarge, "an element has more than %d attributes", maxAttributes)
	}
	n := &node{name: start.Name, attrs: map[string]string{}}
	if err := r.attributes(n, start.Attr); err != nil {
		return nil, err
	}
	defer func() { r.spaces = r.spaces[:len(r.spaces)-1] }()
	var text strings.Builder
	for {
		t, err := r.token()
		if errors.Is(err, io.EOF) {
			return nil, invalid("the document ends within an element")
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			kid, err := r.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			if n.adopt(kid) {
				n.kids = append(n.kids, kid)
			}
		case xml.EndElement:
			if len(n.kids) == 0 {
				n.text = strings.TrimSpace(text.String())
			}
			return n, nil
		case xml.CharData:
			text.Write(t)
		case xml.ProcInst:
			return nil, invalid("the document has processing instructions")
		}
	}
}

// adopt reports whether an element is kept. Extensions are not: nobody here knows any.
// Whether one must be understood is noted at the element whose meaning it changes.
func (n *node) adopt(kid *node) bool {
	if kid.name.Space == extension && kid.name.Local == "Extension" {
		for _, e := range kid.kids {
			n.barred = n.barred || e.barred
		}
		return false
	}
	if n.name.Space == extension || n.name.Space != participant && n.name.Space != message {
		n.barred = n.barred || kid.barred // within an extension, wherever it says so
	}
	return true
}

// attributes reads an element's attributes and the namespaces that it declares.
func (r *reader) attributes(n *node, list []xml.Attr) error {
	declared := map[string]string{}
	seen := map[xml.Name]bool{}
	for _, a := range list {
		if seen[a.Name] {
			return invalid("an element has an attribute twice")
		}
		seen[a.Name] = true
		switch {
		case a.Name.Space == "xmlns":
			declared[a.Name.Local] = a.Value
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			declared[""] = a.Value
		case a.Name.Space == "":
			n.attrs[a.Name.Local] = a.Value
		case a.Name.Space == extension && a.Name.Local == "MustUnderstand":
			n.barred = a.Value == "true" || a.Value == "1"
		}
	}
	r.spaces = append(r.spaces, declared)
	for _, a := range list {
		if a.Name.Space != instance || a.Name.Local != "type" || n.name.Space != participant {
			continue
		}
		prefix, local, ok := strings.Cut(strings.TrimSpace(a.Value), ":")
		if !ok {
			prefix, local = "", prefix
		}
		if r.space(prefix) != participant {
			return invalid("an element is of a type that is not the participant model's")
		}
		n.kind = local
	}
	return nil
}

func (r *reader) space(prefix string) string {
	for i := len(r.spaces) - 1; i >= 0; i-- {
		if uri, ok := r.spaces[i][prefix]; ok {
			return uri
		}
	}
	return ""
}

// is reports whether n is the element of that name in the participant model.
func (n *node) is(local string) bool {
	return n.name.Space == participant && n.name.Local == local
}

// first finds the first element of that name in n, or nil.
func (n *node) first(local string) *node {
	for _, k := range n.kids {
		if k.is(local) {
			return k
		}
	}
	return nil
}

// count reads an attribute that is a version or a time: a whole number, 0 when it is
// missing.
func (n *node) count(name string) (uint64, error) {
	text, ok := n.attrs[name]
	if !ok {
		return 0, nil
	}
	v, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, invalid("an attribute %s is not a whole number", name)
	}
	return v, nil
}

package sdjwt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// maxNesting bounds how deep disclosures and values may nest: verifiers take less.
const maxNesting = 16

var errNesting = errors.New("opening a credential: it nests too deep")

// Opened is a credential as its holder sees it: with every claim in its place.
// Nothing of it is verified.
type Opened struct {
	Claims map[string]any // numbers are json.Number

	token string
	order []string // disclosures, as they came
	root  *node
}

// node is a value with the disclosures without which nobody sees it.
type node struct {
	value    any
	members  map[string]*node // of an object
	elements []*node          // of an array
	needs    []string         // disclosures, from the outermost to its own
}

// Open puts the disclosures of a credential, as Issue returns it, into their places
// (RFC 9901, section 7.1).
func Open(credential string) (*Opened, error) {
	parts := strings.Split(credential, "~")
	last := len(parts) - 1
	if last < 1 || parts[last] != "" || last-1 > verify.MaxDisclosures {
		return nil, errors.New("opening a credential: this is none, or not without a key binding")
	}
	jws, err := verify.ParseJWS(parts[0])
	if err != nil {
		return nil, fmt.Errorf("opening a credential: %w", err)
	}
	payload, err := verify.ParseObject(jws.Payload, maxNesting)
	if err != nil {
		return nil, fmt.Errorf("opening a credential: %w", err)
	}
	o := &Opened{token: parts[0], order: parts[1:last]}
	b := builder{found: map[string][]any{}, text: map[string]string{}}
	for _, d := range o.order {
		if err := b.add(d); err != nil {
			return nil, err
		}
	}
	if o.root, err = b.build(payload, nil, 0); err != nil {
		return nil, err
	}
	delete(o.root.members, "_sd_alg")
	claims, ok := o.root.plain().(map[string]any)
	if !ok {
		return nil, errors.New("opening a credential: it has no claims")
	}
	o.Claims = claims
	return o, nil
}

// builder finds disclosures by their digests.
type builder struct {
	found map[string][]any
	text  map[string]string
}

func (b *builder) add(disclosure string) error {
	raw, err := base64.RawURLEncoding.DecodeString(disclosure)
	if err != nil {
		return fmt.Errorf("reading a disclosure: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var list []any
	if err := d.Decode(&list); err != nil || len(list) != 2 && len(list) != 3 {
		return errors.New("reading a disclosure: it is not a salt, a name and a value, or a salt and a value")
	}
	digest := verify.Hash(disclosure)
	b.found[digest], b.text[digest] = list, disclosure
	return nil
}

// take returns the disclosure of a digest, when it has so many parts.
func (b *builder) take(digest any, parts int) (list []any, text string, ok bool) {
	s, isText := digest.(string)
	list = b.found[s]
	return list, b.text[s], isText && len(list) == parts
}

func (b *builder) build(v any, needs []string, depth int) (*node, error) {
	if depth > maxNesting {
		return nil, errNesting
	}
	n := &node{value: v, needs: needs}
	var err error
	switch v := v.(type) {
	case map[string]any:
		n.members, err = b.object(v, needs, depth)
	case []any:
		n.elements, err = b.array(v, needs, depth)
	}
	return n, err
}

func (b *builder) object(o map[string]any, needs []string, depth int) (map[string]*node, error) {
	members := map[string]*node{}
	for name, v := range o {
		if name == "_sd" {
			continue
		}
		one, err := b.build(v, needs, depth+1)
		if err != nil {
			return nil, err
		}
		members[name] = one
	}
	digests, _ := o["_sd"].([]any)
	for _, digest := range digests {
		list, text, ok := b.take(digest, 3)
		if !ok { // a decoy
			continue
		}
		name, isText := list[1].(string)
		if _, twice := members[name]; !isText || twice {
			return nil, errors.New("opening a credential: a disclosure has no name of its own")
		}
		one, err := b.build(list[2], append(slices.Clone(needs), text), depth+1)
		if err != nil {
			return nil, err
		}
		members[name] = one
	}
	return members, nil
}

func (b *builder) array(list []any, needs []string, depth int) ([]*node, error) {
	elements := []*node{}
	for _, v := range list {
		own := needs
		if o, ok := v.(map[string]any); ok && len(o) == 1 && o["..."] != nil {
			hidden, text, ok := b.take(o["..."], 2)
			if !ok {
				continue
			}
			v, own = hidden[1], append(slices.Clone(needs), text)
		}
		one, err := b.build(v, own, depth+1)
		if err != nil {
			return nil, err
		}
		elements = append(elements, one)
	}
	return elements, nil
}

// plain is the value with what was hidden in it.
func (n *node) plain() any {
	switch {
	case n.members != nil:
		o := map[string]any{}
		for name, m := range n.members {
			o[name] = m.plain()
		}
		return o
	case n.elements != nil:
		list := []any{}
		for _, e := range n.elements {
			list = append(list, e.plain())
		}
		return list
	}
	return n.value
}

// Present returns a presentation that shows what the paths point at, with all that
// is in it, and no more: strings name members, ints count elements, nil stands for
// every element (OpenID4VP 1.0, section 7). What is not hidden is always shown.
func (o *Opened) Present(holder keys.Signer, paths [][]any, b Binding) (string, error) {
	show := map[string]bool{}
	for _, path := range paths {
		found := o.root.at(path)
		if len(found) == 0 {
			return "", errors.New("presenting: the credential has nothing at a path that is to be shown")
		}
		for _, n := range found {
			n.collect(show)
		}
	}
	if err := boundTo(o.token, holder.JWK()); err != nil {
		return "", err
	}
	var shown []string
	for _, d := range o.order {
		if show[d] {
			shown = append(shown, d)
		}
	}
	return bind(o.token, shown, holder, b)
}

// at returns the nodes that a path points at.
func (n *node) at(path []any) []*node {
	found := []*node{n}
	for _, step := range path {
		var next []*node
		for _, f := range found {
			switch step := step.(type) {
			case string:
				if m := f.members[step]; m != nil {
					next = append(next, m)
				}
			case int:
				if step >= 0 && step < len(f.elements) {
					next = append(next, f.elements[step])
				}
			case nil:
				next = append(next, f.elements...)
			}
		}
		found = next
	}
	return found
}

// collect adds the disclosures that show the node and all in it.
func (n *node) collect(show map[string]bool) {
	for _, d := range n.needs {
		show[d] = true
	}
	for _, m := range n.members {
		m.collect(show)
	}
	for _, e := range n.elements {
		e.collect(show)
	}
}

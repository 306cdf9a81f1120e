package oid4vp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/secant-platform/secant/identity/vc"
)

// Older wallets know no DCQL: up to the protocol's draft 25 a verifier asked by a
// presentation definition (DIF Presentation Exchange 2.0), and the wallet said in a
// submission where its answer has what. Here that is another phrasing of a query and
// nothing else: what is asked, whose word counts, that an answer serves once and whom
// it is for do not depend on it.

// descriptorID is the id of the one input descriptor of a definition.
const descriptorID = "credential"

// presentationFormats are the names that a submission may give to a presentation,
// by what it holds.
var presentationFormats = map[Format][]string{FormatJWT: {"jwt_vp_json", "jwt_vp"}, FormatLDP: {"ldp_vp"}}

// exchangeable checks that a query can be asked as a definition with one descriptor:
// for one credential, in any of the W3C's formats.
func (q *Query) exchangeable() error {
	if q.Validate() != nil || len(q.Sets) > 1 || len(q.Sets) == 0 && len(q.Credentials) != 1 {
		return errExchange
	}
	if len(q.Sets) == 1 && len(q.Sets[0].Options) != len(q.Credentials) {
		return errExchange
	}
	for _, c := range q.Credentials {
		first := q.Credentials[0]
		if presentationFormats[c.Format] == nil || !c.Bound() || c.Multiple || len(c.ClaimSets) > 0 || len(c.Meta.W3C) != 1 ||
			!reflect.DeepEqual(c.Meta, first.Meta) || !reflect.DeepEqual(c.Claims, first.Claims) {
			return errExchange
		}
		for _, claim := range c.Claims {
			if _, ok := namesOf(claim.Path); !ok {
				return errExchange
			}
		}
	}
	return nil
}

// mayExchange checks that a definition can be asked with: by a client that older
// wallets know how to find out about, and that signs.
func (v *Verifier) mayExchange(q *Query, c *Client) error {
	if v.o.Contexts == nil || v.o.HAIP || c.unsigned() || strings.HasPrefix(c.id, PrefixHash+":") {
		return errors.New("asking a wallet: a presentation definition needs contexts, and a client that older wallets know: none by x509_hash, and not under HAIP")
	}
	return q.exchangeable()
}

var errExchange = errors.New("asking a wallet: a presentation definition asks for one credential of the W3C's formats that is bound to its holder")

// namesOf returns a path of names alone.
func namesOf(p Path) ([]string, bool) {
	var names []string
	for _, step := range p {
		name, ok := step.(string)
		if !ok || !isID(name) {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

// definition writes the query of a flow as a presentation definition. Its id belongs
// to this one request.
func (f *flow) definition() ([]byte, error) {
	c := f.Query.Credentials[0]
	var fields []map[string]any
	for _, kind := range c.Meta.W3C[0] {
		fields = append(fields, map[string]any{
			"path": []string{"$.type", "$.vc.type"}, "filter": map[string]any{"type": "array", "contains": map[string]any{"const": kind}},
		})
	}
	for _, claim := range c.Claims {
		names, _ := namesOf(claim.Path)
		path := strings.Join(names, ".")
		field := map[string]any{"path": []string{"$." + path, "$.vc." + path}}
		if len(claim.Values) > 0 {
			field["filter"] = map[string]any{"enum": claim.Values}
		}
		fields = append(fields, field)
	}
	b, err := json.Marshal(map[string]any{
		"id":                digestOf("definition " + f.Nonce),
		"input_descriptors": []map[string]any{{"id": descriptorID, "constraints": map[string]any{"fields": fields}}},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding a presentation definition: %w", err)
	}
	return b, nil
}

// olderFormats says which formats are taken, as the drafts have it.
func olderFormats(q *Query) map[string]any {
	out := map[string]any{}
	for _, c := range q.Credentials {
		switch c.Format {
		case FormatJWT:
			for _, name := range []string{"jwt_vc_json", "jwt_vp_json"} {
				out[name] = map[string]any{"alg": algorithms}
			}
		case FormatLDP:
			for _, name := range []string{"ldp_vc", "ldp_vp"} {
				out[name] = map[string]any{"proof_type": boundProofs}
			}
		}
	}
	return out
}

// judgeExchange returns what an answer to a definition shows, when all of it is
// accepted: by the same judge as any, and then by the definition.
func (v *Verifier) judgeExchange(ctx context.Context, f *flow, r *Response, want Want) (Shown, error) {
	raw, err := soleToken(r.Token)
	if err != nil {
		return nil, err
	}
	format := FormatJWT
	if raw[0] == '{' {
		format = FormatLDP
	}
	submission, err := readSubmission(r.Submission, format, f)
	if err != nil {
		return nil, err
	}
	for i := range f.Query.Credentials {
		c := &f.Query.Credentials[i]
		if c.Format != format {
			continue
		}
		one, err := v.judgeOne(ctx, c, raw, want)
		if err != nil {
			return nil, err
		}
		b, err := f.definition()
		if err != nil {
			return nil, err
		}
		definition, err := vc.ParseDefinition(b)
		if err != nil {
			return nil, fmt.Errorf("reading a definition of ours: %w", err)
		}
		text := textOf(format, raw)
		if err := definition.Answers(v.o.Contexts, text, submission); err != nil {
			return nil, err
		}
		if f.Keep {
			one.Token = text
		}
		shown := Shown{c.ID: {*one}}
		return shown, f.Query.Satisfied(shown)
	}
	return nil, invalid("the answer is in a format that was not asked for")
}

// soleToken returns the one presentation of an answer: JSON, a text or an object,
// which may stand in a list, or a JWT as it is.
func soleToken(text string) (json.RawMessage, error) {
	none := invalid("the answer must hold one presentation")
	if text == "" || len(text) > MaxAnswer {
		return nil, none
	}
	if !strings.ContainsAny(text[:1], `{["`) {
		b, err := json.Marshal(text)
		if err != nil {
			return nil, none
		}
		return b, nil
	}
	raw := json.RawMessage(text)
	if text[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
			return nil, none
		}
		raw = list[0]
	}
	if len(raw) == 0 || raw[0] != '{' && raw[0] != '"' {
		return nil, none
	}
	return raw, nil
}

// readSubmission reads where an answer has what it shows. One that stands in a list
// of one is at its first place; from there on it is as if it stood alone.
func readSubmission(text string, format Format, f *flow) ([]byte, error) {
	var s struct {
		ID           string           `json:"id"`
		DefinitionID string           `json:"definition_id"`
		Map          []map[string]any `json:"descriptor_map"`
	}
	if err := read("the submission", []byte(text), maxSubmission, &s); err != nil {
		return nil, err
	}
	wrong := invalid("the submission does not say where the one presentation is")
	if len(s.Map) != 1 || s.DefinitionID != digestOf("definition "+f.Nonce) {
		return nil, wrong
	}
	said, _ := s.Map[0]["format"].(string)
	ok := false
	for _, name := range presentationFormats[format] {
		ok = ok || name == said
	}
	if !ok {
		return nil, wrong
	}
	if s.Map[0]["path"] == "$[0]" {
		s.Map[0]["path"] = "$"
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding a submission: %w", err)
	}
	return b, nil
}

// maxSubmission bounds a submission, in bytes.
const maxSubmission = 16 << 10

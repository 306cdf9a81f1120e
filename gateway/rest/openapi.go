package rest

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// OpenAPI returns the OpenAPI 3.1 document of the interface, indented.
func (a *API) OpenAPI() []byte { return a.text }

func encodeDocument(doc *huma.OpenAPI) ([]byte, error) {
	openAnswers(doc)
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, doing("encoding the OpenAPI document", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, doing("encoding the OpenAPI document", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// openAnswers lets answers have more properties than are described, so that a
// later version may add some. What is sent to us stays closed.
func openAnswers(doc *huma.OpenAPI) {
	all := doc.Components.Schemas.Map()
	sent := map[string]bool{}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Content {
				mark(media.Schema, all, sent)
			}
		}
	}
	for name, s := range all {
		if !sent[name] {
			s.AdditionalProperties = nil
		}
	}
}

// mark notes the schemas that s refers to, and theirs.
func mark(s *huma.Schema, all map[string]*huma.Schema, seen map[string]bool) {
	if s == nil {
		return
	}
	if name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]; name != "" && !seen[name] {
		seen[name] = true
		mark(all[name], all, seen)
	}
	mark(s.Items, all, seen)
	for _, p := range s.Properties {
		mark(p, all, seen)
	}
}

package rest

import (
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// namesKey is where an operation carries the names that it knows.
const namesKey = "names"

// names are all names that may stand in the place of a fault: those of our own
// schemas. Whatever else stands there was made up by the sender.
type names struct {
	body []string        // properties of the body itself, sorted
	all  map[string]bool // of the body and everything in it, and the parameters
}

// namesOf collects the names that an operation knows.
func namesOf(op *huma.Operation, registry huma.Registry) *names {
	n := &names{all: map[string]bool{}}
	for _, part := range []string{"body", "path", "query", "header"} {
		n.all[part] = true
	}
	for _, p := range op.Parameters {
		n.all[p.Name] = true
	}
	if op.RequestBody == nil {
		return n
	}
	for _, media := range op.RequestBody.Content {
		s := resolve(media.Schema, registry)
		n.body = slices.Sorted(maps.Keys(s.Properties))
		n.collect(s, registry)
	}
	return n
}

// collect adds the names in a schema. Our schemas of bodies are not recursive.
func (n *names) collect(s *huma.Schema, registry huma.Registry) {
	if s = resolve(s, registry); s == nil {
		return
	}
	n.collect(s.Items, registry)
	for name, p := range s.Properties {
		n.all[name] = true
		n.collect(p, registry)
	}
}

func resolve(s *huma.Schema, registry huma.Registry) *huma.Schema {
	for s != nil && s.Ref != "" {
		s = registry.SchemaFromRef(s.Ref)
	}
	return s
}

// known cuts a place off where a name begins that is not known.
func (n *names) known(place string) string {
	if n == nil {
		return "body"
	}
	var kept strings.Builder
	for step := range strings.SplitSeq(place, ".") {
		name, index, indexed := strings.Cut(step, "[")
		if !n.all[name] || indexed && strings.Trim(index, "0123456789[]") != "" {
			break
		}
		if kept.Len() > 0 {
			kept.WriteByte('.')
		}
		kept.WriteString(step)
	}
	if kept.Len() == 0 {
		return "body"
	}
	return kept.String()
}

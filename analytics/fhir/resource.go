package fhir

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Resource is a resource that was judged, with its text as it was received.
type Resource struct {
	Type string
	ID   string // as the text has it; empty: none
	Text []byte // must not change

	root *node
}

// Ref is a reference as an element has it.
type Ref struct {
	Reference  string // empty: none
	Identifier Name   // of a logical reference; zero: none
}

// Name is an identifier: a value, within a system that may be empty.
type Name struct{ System, Value string }

// Meta is what a server says of a version of a resource.
type Meta struct {
	ID      string
	Version int64 // from 1
	Updated time.Time
}

// Link says what a reference of a transaction stands for: a urn, or a search, that
// became the place of a resource.
type Link struct{ From, To string }

// referenceType returns the type of the resource that a reference is to by its text,
// if it is of the form TYPE/ID, or an address that ends so.
func referenceType(reference string) string {
	typ, _, ok := splitReference(reference)
	if !ok {
		return ""
	}
	return typ
}

// splitReference takes TYPE/ID, also with a version or behind a base, apart.
func splitReference(reference string) (typ, id string, ok bool) {
	if strings.HasPrefix(reference, "#") || strings.HasPrefix(reference, "urn:") || strings.Contains(reference, "?") {
		return "", "", false
	}
	reference, _, _ = strings.Cut(reference, "/_history/")
	parts := strings.Split(reference, "/")
	if len(parts) < 2 {
		return "", "", false
	}
	typ, id = parts[len(parts)-2], parts[len(parts)-1]
	if !ValidID(id) || typ == "" || typ[0] < 'A' || typ[0] > 'Z' {
		return "", "", false
	}
	return typ, id, true
}

// Local takes a reference to a resource of the server apart whose base addresses are
// given: TYPE/ID, alone or below one of them.
func Local(reference string, bases []string) (typ, id string, ok bool) {
	for _, b := range bases {
		if rest, is := strings.CutPrefix(reference, b+"/"); is {
			reference = rest
			break
		}
	}
	if strings.Contains(reference, ":") {
		return "", "", false
	}
	reference, _, _ = strings.Cut(reference, "/_history/")
	if strings.Count(reference, "/") != 1 {
		return "", "", false
	}
	return splitReference(reference)
}

func (r *Resource) ref(n *node) Ref {
	i := n.get("identifier")
	return Ref{Reference: n.get("reference").str(r.Text), Identifier: Name{i.get("system").str(r.Text), i.get("value").str(r.Text)}}
}

// DeviceRef returns the element that says which device a resource is from: the device
// of an observation, the source (or else the parent) of a metric. There is none, or
// none that could be followed, without ok.
func (r *Resource) DeviceRef() (Ref, bool) {
	var n *node
	switch r.Type {
	case "Observation":
		n = r.root.get("device")
	case "DeviceMetric":
		if n = r.root.get("source"); n == nil {
			n = r.root.get("parent")
		}
	}
	ref := r.ref(n)
	return ref, ref.Reference != "" || ref.Identifier.Value != ""
}

// Identifiers lists the identifiers of a resource.
func (r *Resource) Identifiers() []Name { return r.names(r.root) }

func (r *Resource) names(n *node) []Name {
	var all []Name
	for _, i := range n.get("identifier").list() {
		if v := i.get("value").str(r.Text); v != "" {
			all = append(all, Name{i.get("system").str(r.Text), v})
		}
	}
	return all
}

// Contained returns the identifiers of a contained device, and false when the
// resource contains none by this reference (#ID).
func (r *Resource) Contained(reference string) ([]Name, bool) {
	for _, c := range r.root.get("contained").list() {
		if c.get("resourceType").str(r.Text) == "Device" && "#"+c.get("id").str(r.Text) == reference {
			return r.names(c), true
		}
	}
	return nil, false
}

// References lists the texts of all references in the resource, those of what is
// contained too.
func (r *Resource) References() []string {
	var all []string
	r.eachReference(r.root, func(n *node) { all = append(all, n.str(r.Text)) })
	return all
}

func (r *Resource) eachReference(n *node, use func(*node)) {
	for _, k := range n.kids {
		if k.name == "reference" && k.kind == kindString {
			use(k)
		}
		r.eachReference(k, use)
	}
}

// Served returns the resource as it is served: the bytes received, with id and meta
// in place of what the sender had there, and with the references of a transaction
// replaced by what they became. Nothing else is changed, not even the space.
func (r *Resource) Served(m Meta, links []Link) ([]byte, error) {
	to := map[string]string{}
	for _, l := range links {
		to[l.From] = l.To
	}
	var edits []edit
	if len(to) > 0 {
		r.eachReference(r.root, func(n *node) {
			target, fragment := n.str(r.Text), ""
			if i := strings.IndexByte(target, '#'); i > 0 {
				target, fragment = target[:i], target[i:]
			}
			if became, ok := to[target]; ok {
				b, _ := json.Marshal(became + fragment) // a string
				edits = append(edits, edit{n.start, n.end, b})
			}
		})
	}
	head, err := r.head(m)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(r.Text)+len(head)+256)
	out = append(out, r.Text[:r.root.start+1]...)
	at, kept := r.root.start+1, 0
	for i, k := range r.root.kids {
		if i > 0 {
			at = r.root.kids[i-1].end + bytes.IndexByte(r.Text[r.root.kids[i-1].end:], ',') + 1
		}
		if k.name == "id" || k.name == "meta" {
			continue
		}
		if kept++; kept > 1 {
			out = append(out, ',')
		}
		var rest []byte
		rest, edits = apply(r.Text, at, k.end, edits)
		out = append(out, rest...)
		if k.name == "resourceType" {
			out = append(out, head...)
		}
	}
	return append(out, r.Text[r.root.kids[len(r.root.kids)-1].end:]...), nil
}

// edit puts bytes in place of others.
type edit struct {
	start, end int
	with       []byte
}

// apply returns a part of the text with the edits that lie in it, and the edits that
// lie behind it. They come in their order.
func apply(text []byte, from, to int, edits []edit) (part []byte, rest []edit) {
	for len(edits) > 0 && edits[0].start < to {
		e := edits[0]
		edits = edits[1:]
		if e.start < from {
			continue // in what was left out
		}
		part = append(part, text[from:e.start]...)
		part = append(part, e.with...)
		from = e.end
	}
	return append(part, text[from:to]...), edits
}

// head is what stands behind the type: id and meta, in which the sender's profiles,
// tags and labels are kept.
func (r *Resource) head(m Meta) ([]byte, error) {
	id, err := json.Marshal(m.ID)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(`,"id":`)
	b.Write(id)
	b.WriteString(`,"meta":{"versionId":"` + strconv.FormatInt(m.Version, 10) + `","lastUpdated":"` + Instant(m.Updated) + `"`)
	if meta := r.root.get("meta"); meta != nil {
		for _, k := range meta.kids {
			switch k.name {
			case "versionId", "lastUpdated", "_versionId", "_lastUpdated":
			default:
				b.WriteByte(',')
				b.Write(r.Text[k.nameStart:k.end])
			}
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Instant writes a time as FHIR does.
func Instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// Reopen reads a resource that was judged before.
func Reopen(text []byte) (*Resource, error) {
	root, err := parse("the resource", text, Limits{Bytes: len(text), Depth: maxReopened, Values: len(text) + 1})
	if err != nil {
		return nil, err
	}
	return &Resource{Text: text, root: root, Type: root.get("resourceType").str(text), ID: root.get("id").str(text)}, nil
}

// maxReopened bounds how deep a resource is that was judged by other limits.
const maxReopened = 1000

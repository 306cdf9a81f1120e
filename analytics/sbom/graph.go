package sbom

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// contexts are the JSON-LD contexts of SPDX 3.0, with their versions.
var contexts = map[string]string{
	"https://spdx.org/rdf/3.0.0/spdx-context.jsonld": "3.0.0",
	"https://spdx.org/rdf/3.0.1/spdx-context.jsonld": "3.0.1",
}

// typeName is a class of the SPDX model, as software_Package; a class of somebody
// else's has a name with a colon.
var typeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)?$|^[^\s:]+:\S+$`)

// parts are classes that are no elements: they stand inside others, or are blank
// nodes, and have neither spdxId nor creationInfo (SPDX 3.0, Core).
var parts = map[string]bool{
	"CreationInfo": true, "ExternalIdentifier": true, "ExternalRef": true, "ExternalMap": true, "Hash": true, "PackageVerificationCode": true,
	"NamespaceMap": true, "DictionaryEntry": true, "PositiveIntegerRange": true, "IntegrityMethod": true,
}

// graph judges a document of SPDX 3.0 in its JSON-LD form: the context, what every
// element has, one SpdxDocument, and that creation infos are there and whole. The
// properties of single classes are judged where they are read, and no others: the
// model is open to what other profiles add.
func graph(doc map[string]any) (version string, f *fault) {
	name, _ := doc["@context"].(string)
	version, known := contexts[name]
	if !known {
		return "", &fault{"@context", "must be the context of SPDX 3.0.0 or 3.0.1, and no other"}
	}
	if doc["@graph"] == nil || len(doc) != 2 {
		return "", &fault{"", "must have an @context and a @graph, and nothing beside them"}
	}
	nodes, ok := doc["@graph"].([]any)
	if !ok {
		return "", &fault{"@graph", "must be a list"}
	}
	g := &graphJudge{version: version, ids: map[string]string{}}
	for i, n := range nodes {
		if f := g.collect(n); f != nil {
			return "", f.under(fmt.Sprintf("@graph[%d]", i))
		}
	}
	for i, n := range nodes {
		if f := g.node(object(n)); f != nil {
			return "", f.under(fmt.Sprintf("@graph[%d]", i))
		}
	}
	if g.documents != 1 {
		return "", &fault{"@graph", "must have exactly one SpdxDocument"}
	}
	return version, nil
}

type graphJudge struct {
	version   string
	ids       map[string]string // class by id
	documents int
}

func (g *graphJudge) collect(n any) *fault {
	o := object(n)
	if o == nil {
		return &fault{"", "must be an object"}
	}
	class, _ := o["type"].(string)
	if !typeName.MatchString(class) {
		return &fault{"type", "must be a class of the SPDX model"}
	}
	id, _ := o["spdxId"].(string)
	if parts[class] {
		if id != "" {
			return &fault{"spdxId", "must be @id, as this class is no element"}
		}
		id, _ = o["@id"].(string)
	} else if !strings.Contains(id, ":") || strings.ContainsAny(id, " \t\n") || strings.HasPrefix(id, "_:") {
		return &fault{"spdxId", "must be a URI"}
	}
	if id == "" {
		return nil
	}
	if _, twice := g.ids[id]; twice {
		return &fault{"spdxId", "must not be another element's, too"}
	}
	g.ids[id] = class
	return nil
}

func (g *graphJudge) node(o map[string]any) *fault {
	class, _ := o["type"].(string)
	if class == "CreationInfo" {
		return g.creation(o)
	}
	if !parts[class] {
		switch info := o["creationInfo"].(type) {
		case string:
			if g.ids[info] != "CreationInfo" {
				return &fault{"creationInfo", "must name one that is in the graph"}
			}
		case map[string]any:
			if f := g.creation(info); f != nil {
				return f.under("creationInfo")
			}
		default:
			return &fault{"creationInfo", "must be there"}
		}
	}
	switch class {
	case "SpdxDocument":
		g.documents++
	case "Relationship", "LifecycleScopedRelationship":
		for _, name := range []string{"from", "relationshipType"} {
			if s, _ := o[name].(string); s == "" {
				return &fault{name, "must be there"}
			}
		}
		if to, ok := o["to"].([]any); !ok || len(to) == 0 {
			return &fault{"to", "must be a list that is not empty"}
		}
	case "software_Package":
		return pack(o)
	}
	return nil
}

func (g *graphJudge) creation(o map[string]any) *fault {
	if v, _ := o["specVersion"].(string); v != g.version {
		return &fault{"specVersion", "must be the version of the context"}
	}
	created, _ := o["created"].(string)
	if _, err := time.Parse("2006-01-02T15:04:05Z", created); err != nil {
		return &fault{"created", "must be a time in UTC, to the second"}
	}
	by, ok := o["createdBy"].([]any)
	if !ok || len(by) == 0 {
		return &fault{"createdBy", "must be a list that is not empty"}
	}
	return nil
}

// pack wants what is read of a package to be of the kinds that the model has.
func pack(o map[string]any) *fault {
	if s, _ := o["name"].(string); s == "" {
		return &fault{"name", "must be there"}
	}
	for _, name := range []string{"software_packageVersion", "software_packageUrl", "suppliedBy"} {
		if v, there := o[name]; there {
			if _, text := v.(string); !text && !(name == "suppliedBy" && object(v) != nil) {
				return &fault{name, "must be text"}
			}
		}
	}
	for name, wanted := range map[string][]string{
		"externalIdentifier": {"type", "externalIdentifierType", "identifier"}, "verifiedUsing": {"type"},
	} {
		v, there := o[name]
		if !there {
			continue
		}
		list, ok := v.([]any)
		if !ok {
			return &fault{name, "must be a list"}
		}
		for i, e := range list {
			entry := object(e)
			want := wanted
			if entry["type"] == "Hash" {
				want = []string{"type", "algorithm", "hashValue"}
			}
			for _, w := range want {
				if s, _ := entry[w].(string); s == "" {
					return &fault{fmt.Sprintf("%s[%d].%s", name, i, w), "must be there"}
				}
			}
		}
	}
	return nil
}

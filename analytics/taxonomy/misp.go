package taxonomy

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// readTaxonomy reads a machinetag.json of MISP: a node for each predicate, and under it
// one for each of its values. Their ids are the tags without the namespace.
func readTaxonomy(b []byte) (*Vocabulary, error) {
	type entry struct{ Value, Expanded, Description, UUID string }
	var doc struct {
		Namespace, Expanded, Description string
		Predicates                       []entry
		Values                           []struct {
			Predicate string
			Entry     []entry
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the taxonomy does not have the properties of MISP's machinetag.json")
	}
	v := &Vocabulary{Title: doc.Expanded, Authority: "misp:" + doc.Namespace}
	if v.Title == "" {
		v.Title = doc.Description
	}
	add := func(id, parent, kind string, e *entry) {
		n := Node{ID: id, Kind: kind, Name: e.Expanded, Description: e.Description}
		if n.Name == "" {
			n.Name = e.Value
		}
		if parent != "" {
			n.Parents = []string{parent}
		}
		if e.UUID != "" {
			n.External = []ExternalReference{{SourceUUID, e.UUID}}
		}
		v.Nodes = append(v.Nodes, n)
	}
	for i := range doc.Predicates {
		add(doc.Predicates[i].Value, "", "predicate", &doc.Predicates[i])
	}
	for _, p := range doc.Values {
		for i := range p.Entry {
			add(p.Predicate+`="`+p.Entry[i].Value+`"`, p.Predicate, "value", &p.Entry[i])
		}
	}
	return v, nil
}

// texts are a property that MISP's galaxies have as a list of texts, or as one.
type texts []string

// UnmarshalJSON takes either; anything else says nothing.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	var raw []json.RawMessage
	if json.Unmarshal(b, &raw) == nil {
		for _, r := range raw {
			if json.Unmarshal(r, &one) == nil {
				*t = append(*t, one)
			}
		}
	}
	return nil
}

var attackID = regexp.MustCompile(`^(?:T\d{4}(?:\.\d{3})?|[SGC]\d{4}|TA\d{4})$`)

// readGalaxy reads a cluster of one of MISP's galaxies. A node's id is its value, which is
// what stands in a tag.
func readGalaxy(b []byte) (*Vocabulary, error) {
	var doc struct {
		Name, Type string
		Values     []struct {
			Value, Description, UUID string
			Revoked                  bool
			Meta                     struct {
				Synonyms   texts
				ExternalID texts `json:"external_id"`
			}
			Related []struct {
				To   string `json:"dest-uuid"`
				Type string
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the cluster does not have the properties of MISP's galaxies")
	}
	v := &Vocabulary{Title: doc.Name, Authority: "misp-galaxy:" + doc.Type}
	byUUID := map[string]string{}
	for i := range doc.Values {
		byUUID[doc.Values[i].UUID] = doc.Values[i].Value
	}
	for i := range doc.Values {
		o := &doc.Values[i]
		n := Node{ID: o.Value, Kind: doc.Type, Name: o.Value, Description: tidy(o.Description), Synonyms: o.Meta.Synonyms, Deprecated: o.Revoked}
		if o.UUID != "" {
			n.External = append(n.External, ExternalReference{SourceUUID, o.UUID})
		}
		ids := o.Meta.ExternalID
		// MISP writes ATT&CK's id behind the name.
		if k := strings.LastIndex(o.Value, " - "); k > 0 {
			if attackID.MatchString(o.Value[k+3:]) {
				n.Name, ids = o.Value[:k], append(ids, o.Value[k+3:])
			}
		}
		for _, id := range ids {
			switch {
			case attackID.MatchString(id):
				n.External = append(n.External, ExternalReference{"mitre-attack", id})
			case strings.HasPrefix(id, "CAPEC-"):
				n.External = append(n.External, ExternalReference{"capec", id})
			}
		}
		for _, r := range o.Related {
			switch r.Type {
			case "similar":
				n.External = append(n.External, ExternalReference{SourceSimilar, r.To})
			case "subtechnique-of":
				n.Parents = append(n.Parents, byUUID[r.To])
			case "revoked-by":
				n.Successor = byUUID[r.To]
			}
		}
		v.Nodes = append(v.Nodes, n)
	}
	return v, nil
}

package taxonomy

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// stixObject is what is read of an object of ATT&CK's and CAPEC's bundles, STIX 2.0 and 2.1.
type stixObject struct {
	Type, ID, Name, Description string

	Kind        string      `json:"relationship_type"`
	Source      string      `json:"source_ref"`
	Target      string      `json:"target_ref"`
	Revoked     bool        `json:"revoked"`
	Deprecated  bool        `json:"x_mitre_deprecated"`
	Status      string      `json:"x_capec_status"`
	ShortName   string      `json:"x_mitre_shortname"`
	Aliases     []string    `json:"aliases"`
	Others      []string    `json:"x_mitre_aliases"`
	Alternate   []string    `json:"x_capec_alternate_terms"`
	ChildOf     []string    `json:"x_capec_child_of_refs"`
	KillChain   []phase     `json:"kill_chain_phases"`
	RawExternal []reference `json:"external_references"`
}

type phase struct {
	Phase string `json:"phase_name"`
}

type reference struct {
	Source string `json:"source_name"`
	ID     string `json:"external_id"`
}

// kinds are the types of objects that become nodes.
var kinds = map[string]string{
	"attack-pattern": "technique", "x-mitre-tactic": "tactic", "malware": "software", "tool": "software",
	"intrusion-set": "group", "campaign": "campaign",
}

var (
	citation = regexp.MustCompile(`\(Citation: [^)]*\)`)
	link     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	markup   = regexp.MustCompile(`<[^<>]{1,40}>`)
)

// readSTIX reads techniques with their tactics, software, groups and campaigns.
func readSTIX(b []byte) (*Vocabulary, error) {
	var bundle struct{ Objects []stixObject }
	if err := json.Unmarshal(b, &bundle); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "an object of the bundle does not have the properties that STIX gives it")
	}
	v := &Vocabulary{}
	place, tactic := map[string]int{}, map[string]string{}
	for i := range bundle.Objects {
		o := &bundle.Objects[i]
		kind, ok := kinds[o.Type]
		own, authority, external := o.references()
		if !ok || own == "" {
			continue
		}
		if v.Authority == "" {
			v.Authority, v.Title = authority, strings.ToUpper(authority)
		}
		if o.ShortName != "" {
			tactic[o.ShortName] = own
		}
		place[o.ID] = len(v.Nodes)
		v.Nodes = append(v.Nodes, Node{
			ID: own, Kind: kind, Name: o.Name, Description: tidy(o.Description), External: external,
			Synonyms:   append(append(o.Aliases, o.Others...), o.Alternate...),
			Deprecated: o.Revoked || o.Deprecated || o.Status == "Deprecated",
		})
	}
	v.relate(bundle.Objects, place, tactic)
	return v, nil
}

// relate sets parents and successors: phases of the kill chain, what a technique is a part
// of, what an attack pattern is a case of, and what stands in the place of what was revoked.
func (v *Vocabulary) relate(objects []stixObject, place map[string]int, tactic map[string]string) {
	for i := range objects {
		o := &objects[i]
		if from, ok := place[o.ID]; ok {
			n := &v.Nodes[from]
			for _, p := range o.KillChain {
				n.Parents = append(n.Parents, tactic[p.Phase])
			}
			for _, ref := range o.ChildOf {
				if to, ok := place[ref]; ok {
					n.Parents = append(n.Parents, v.Nodes[to].ID)
				}
			}
			continue
		}
		from, ok := place[o.Source]
		to, also := place[o.Target]
		if !ok || !also {
			continue
		}
		switch n := &v.Nodes[from]; o.Kind {
		case "subtechnique-of":
			n.Parents = append(n.Parents, v.Nodes[to].ID)
		case "revoked-by":
			n.Successor = v.Nodes[to].ID
		}
	}
}

// references returns the object's own id with whose it is, and what else it names.
func (o *stixObject) references() (own, authority string, external []ExternalReference) {
	for _, r := range o.RawExternal {
		source, id := strings.ToLower(r.Source), r.ID
		switch {
		case id == "":
			continue
		case source == "attack":
			if source = "mitre-attack"; !strings.HasPrefix(id, "T") {
				id = "T" + id
			}
		case strings.HasPrefix(source, "mitre-") && strings.HasSuffix(source, "-attack"):
			source = "mitre-attack"
		case source == "capec" && !strings.HasPrefix(id, "CAPEC-"):
			id = "CAPEC-" + id
		}
		if own == "" && (source == "mitre-attack" || source == "capec") {
			own, authority = id, source
			continue
		}
		external = append(external, ExternalReference{source, id})
	}
	if _, uuid, ok := strings.Cut(o.ID, "--"); ok {
		external = append(external, ExternalReference{SourceUUID, uuid})
	}
	return own, authority, external
}

func tidy(s string) string {
	return markup.ReplaceAllString(link.ReplaceAllString(citation.ReplaceAllString(s, ""), "$1"), "")
}

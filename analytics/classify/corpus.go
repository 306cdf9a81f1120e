package classify

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxCorpus bounds a file with examples, in bytes once unpacked.
const MaxCorpus = 128 << 20

var corpusLimits = strictjson.Limits{Bytes: MaxCorpus, Depth: 32, Values: 8_000_000}

// explained is what an example of ATT&CK's counts against a labelled sentence.
const explained = 0.3

//go:embed background.txt
var background string

// Background are sentences of everyday hospital and office life, and of reports, that
// speak of no technique. They are this project's own.
func Background() []Example {
	var all []Example
	for line := range strings.Lines(background) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, Example{Text: line, Document: "background: " + line, Weight: explained})
		}
	}
	return all
}

// ReadLabelled reads sentences that persons labelled, in TRAM's form: an array of objects
// with text, label and doc_title. An empty label is a sentence that speaks of none.
func ReadLabelled(b []byte) ([]Example, error) {
	if err := strictjson.Check("the list of sentences", b, corpusLimits); err != nil {
		return nil, err
	}
	var rows []struct {
		Text     *string `json:"text"`
		Label    *string `json:"label"`
		Document string  `json:"doc_title"`
	}
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the list of sentences must be an array of objects with text, label and doc_title")
	}
	all := make([]Example, 0, len(rows))
	for i, r := range rows {
		if r.Text == nil || r.Label == nil || len(*r.Label) > 100 {
			return nil, ledger.Problemf(ledger.CodeInvalid, "sentence %d must have a text, and a label of at most 100 bytes", i)
		}
		all = append(all, Example{Text: cut(*r.Text), Label: strings.TrimSpace(*r.Label), Document: r.Document, Weight: 1})
	}
	return all, nil
}

var (
	citation = regexp.MustCompile(`\(Citation: [^)]*\)`)
	link     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	markup   = regexp.MustCompile(`</?[a-z]{1,10}>`)
)

// attack is what is read of a bundle of ATT&CK.
type attack struct {
	Objects []struct {
		Type, ID, Name, Description string
		Kind                        string `json:"relationship_type"`
		Source                      string `json:"source_ref"`
		Target                      string `json:"target_ref"`
		References                  []struct {
			Source string `json:"source_name"`
			ID     string `json:"external_id"`
		} `json:"external_references"`
		Revoked    bool
		Deprecated bool `json:"x_mitre_deprecated"`
	}
}

// ReadATTACK reads what a STIX bundle of ATT&CK says of its techniques: names,
// descriptions, and how software and groups use them. Of groups, what they are is read as
// a sentence that speaks of no technique. successor has, for each technique that was
// revoked, the one in its place.
func ReadATTACK(b []byte) (all []Example, successor map[string]string, err error) {
	if err := strictjson.Check("the bundle", b, corpusLimits); err != nil {
		return nil, nil, err
	}
	var bundle attack
	if err := json.Unmarshal(b, &bundle); err != nil {
		return nil, nil, ledger.Problemf(ledger.CodeInvalid, "the bundle is not one of ATT&CK: it must have objects with types, ids and references")
	}
	technique := map[string]string{}
	for i := range bundle.Objects {
		o := &bundle.Objects[i]
		for _, r := range o.References {
			if o.Type == "attack-pattern" && strings.HasPrefix(r.Source, "mitre-") {
				technique[o.ID] = r.ID
				break
			}
		}
	}
	if len(technique) == 0 {
		return nil, nil, ledger.Problemf(ledger.CodeInvalid, "the bundle holds no technique of ATT&CK")
	}
	successor = map[string]string{}
	for i := range bundle.Objects {
		o := &bundle.Objects[i]
		from, to := technique[o.Source], technique[o.Target]
		if o.Kind == "revoked-by" && from != "" && to != "" {
			successor[from] = to
		}
	}
	for i := range bundle.Objects {
		o := &bundle.Objects[i]
		if o.Revoked || o.Deprecated {
			continue
		}
		add := func(text, label string, weight float32) {
			if text = strings.TrimSpace(text); text != "" {
				all = append(all, Example{Text: cut(text), Label: label, Document: "attack: " + o.ID, Weight: weight})
			}
		}
		switch {
		case o.Type == "attack-pattern":
			id := technique[o.ID]
			add(o.Name, id, explained)
			for _, s := range Sentences(plain(o.Description, "$1")) {
				if len(s) > 20 {
					add(s, id, explained/2)
				}
			}
		case o.Type == "relationship" && o.Kind == "uses" && technique[o.Target] != "":
			// Whose name a sentence begins with says nothing of what it did.
			add(plain(o.Description, ""), Follow(successor, technique[o.Target]), explained)
		case o.Type == "intrusion-set" || o.Type == "campaign":
			if s := Sentences(plain(o.Description, "$1")); len(s) > 0 {
				add(s[0], "", explained)
			}
		}
	}
	return all, successor, nil
}

// Follow returns what stands in the place of a node, at the end of a chain of successors.
func Follow(successor map[string]string, id string) string {
	for range 10 {
		next, ok := successor[id]
		if !ok {
			break
		}
		id = next
	}
	return id
}

// plain takes citations, links and markup out of a description.
func plain(s, links string) string {
	return markup.ReplaceAllString(link.ReplaceAllString(citation.ReplaceAllString(s, ""), links), "")
}

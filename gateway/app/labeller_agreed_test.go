package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/taxonomy"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
)

// adopt has the members agree on a change of a vocabulary, which the north proposes.
func adopt(t *testing.T, nodes map[string]*running, change map[string]any) {
	t.Helper()
	const proposals = "/v1/taxonomy-proposals"
	var w word
	nodes["hospital-north"].want(http.StatusCreated, "analyst", http.MethodPost, proposals, change, &w)
	at := proposals + "/" + w.Change.Proposal
	for _, org := range []string{"hospital-south", "medtech", "authority"} {
		nodes[org].await("the proposal to be known", func() bool {
			status, _ := nodes[org].call("auditor", http.MethodGet, at, nil, nil)
			return status == http.StatusOK
		})
		nodes[org].want(http.StatusCreated, "operator", http.MethodPost, at+"/votes", map[string]bool{"approve": true}, nil)
	}
	nodes["authority"].await("the votes to be known", func() bool {
		status, _ := nodes["authority"].call("operator", http.MethodPost, at+"/adoption", nil, nil)
		return status == http.StatusCreated
	})
}

// TestAWordThatMembersAdoptLabelsWhatTheyHave: a term that recurs is proposed with the
// reports that came with it, adopted by vote, and labels those reports at each node under
// the version's digest on the ledger; the next version labels them anew, and the one before
// is told as it was.
func TestAWordThatMembersAdoptLabelsWhatTheyHave(t *testing.T) {
	if testing.Short() {
		t.Skip("five nodes")
	}
	t.Parallel()
	c := newConsortium(t)
	_, nodes := c.inhabit(t)
	north := nodes["hospital-north"]
	list := filepath.Join(t.TempDir(), "own.csv")
	write(t, list, "id,name\ntheft,Theft of equipment\n")
	if out, err := north.importedAs("operator", "vocabulary", list, "--as", "own"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var reports []string
	for i := range 4 {
		marking, note := "green", fmt.Sprintf("note--a1b2c3d4-0000-4000-8000-%012d", i)
		body := fmt.Sprintf(`{"type":"bundle","id":"bundle--a1b2c3d4-0000-4000-8000-%012d","objects":[{"type":"note","spec_version":"2.1","id":%q,
			"created":"2026-11-01T00:00:00.000Z","modified":"2026-11-01T00:00:00.000Z","content":"A pump was found beside the Glimmerfox toolkit %d.","object_refs":[%q]}]}`, i, note, i, note)
		if i == 3 {
			marking = "amber&to=hospital-south"
		}
		if status, b := north.call("analyst", http.MethodPost, "/v1/threats?marking="+marking, []byte(body), map[string]string{"Content-Type": ledger.MediaTypeSTIX}); status/100 != 2 {
			t.Fatalf("%d %s", status, b)
		}
		if i < 3 {
			reports = append(reports, ledger.BodyDigest([]byte(body)))
		}
	}
	slices.Sort(reports)
	var terms struct{ Items []taxonomy.Candidate }
	north.await("a term in all four", func() bool {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/candidates", nil, &terms)
		return len(terms.Items) > 0 && strings.HasPrefix(terms.Items[0].Name, "Glimmerfox") && terms.Items[0].Reports == 4
	})
	term := terms.Items[0]
	var have []string
	for _, e := range term.Evidence {
		if have = append(have, e.Digest); e.Sharer != "hospital-north" {
			t.Errorf("who shared it is %q", e.Sharer)
		}
	}
	if slices.Sort(have); !slices.Equal(have, reports) || len(term.Sentences) != 4 {
		t.Errorf("what all can read is the evidence, and that alone: %v, not %v", have, reports)
	}

	const vocabulary = "Ward-threats"
	north.want(http.StatusCreated, "operator", http.MethodPost, "/v1/taxonomies", map[string]any{"id": vocabulary, "title": "Threats to wards", "kind": "nodes"}, nil)
	adopt(t, nodes, map[string]any{
		"vocabulary": vocabulary, "change": "add", "reason": "It recurs.", "evidence": term.Evidence,
		"term": map[string]any{"id": term.ID, "name": term.Name, "definition": term.Described},
	})
	labelled := func(org, name string, number, reports int) string {
		r, digest := nodes[org], ""
		r.await("labels at "+org, func() bool {
			var at ledger.VocabularyVersion
			if status, _ := r.call("auditor", http.MethodGet, fmt.Sprintf("/v1/taxonomies/%s/versions/%d", vocabulary, number), nil, nil); status != http.StatusOK {
				return false
			}
			r.want(http.StatusOK, "auditor", http.MethodGet, fmt.Sprintf("/v1/taxonomies/%s/versions/%d", vocabulary, number), nil, &at)
			var labels struct{ Items []fact.TextLabel }
			r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/classifications?vocabulary="+vocabulary, nil, &labels)
			digest = at.Digest
			return len(labels.Items) == reports && !slices.ContainsFunc(labels.Items, func(l fact.TextLabel) bool {
				return l.Version != at.Digest || l.Node != term.ID || l.Name != name || l.Basis != taxonomy.BasisName
			})
		})
		return digest
	}
	first := labelled("hospital-north", term.Name, 1, 4)
	for org, reports := range map[string]int{"hospital-south": 4, "authority": 3, "medtech": 3} {
		if digest := labelled(org, term.Name, 1, reports); digest != first {
			t.Errorf("%s labels by %s, the north by %s", org, digest, first)
		}
	}
	north.await("the term to be none that is missing", func() bool {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/candidates", nil, &terms)
		return !slices.ContainsFunc(terms.Items, func(c taxonomy.Candidate) bool { return c.ID == term.ID })
	})

	// Another version: the same texts, another name.
	adopt(t, nodes, map[string]any{
		"vocabulary": vocabulary, "change": "change", "base": 1, "reason": "It is a toolkit.",
		"term": map[string]any{"id": term.ID, "name": "Glimmerfox toolkit", "definition": "What else stands there."},
	})
	second := labelled("hospital-north", "Glimmerfox toolkit", 2, 4)
	if labelled("medtech", "Glimmerfox toolkit", 2, 3) != second || second == first {
		t.Errorf("the second version is %s, the first %s", second, first)
	}
	for digest, name := range map[string]string{first: term.Name, second: "Glimmerfox toolkit"} {
		var told struct{ Items []taxonomy.Node }
		nodes["medtech"].want(http.StatusOK, "auditor", http.MethodGet, "/v1/vocabularies/"+vocabulary+"/nodes?version="+digest, nil, &told)
		if len(told.Items) != 1 || told.Items[0].Name != name {
			t.Errorf("version %s is %+v, want %s", digest, told.Items, name)
		}
	}
	var versions struct{ Items []fact.VocabularyVersion }
	north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/vocabularies?all=true", nil, &versions)
	if len(versions.Items) != 3 || versions.Items[0].Digest != second || versions.Items[0].Number != 2 || versions.Items[1].Digest != first || versions.Items[2].ID != "own" {
		t.Errorf("the versions are %+v", versions.Items)
	}

	// Its name is the members'.
	north.want(http.StatusCreated, "operator", http.MethodPost, "/v1/taxonomies", map[string]any{"id": "own", "title": "Own", "kind": "nodes"}, nil)
	adopt(t, nodes, map[string]any{
		"vocabulary": "own", "change": "add", "reason": "It recurs.", "evidence": term.Evidence,
		"term": map[string]any{"id": "pump", "name": "Pump", "definition": "Any."},
	})
	north.await("the members' vocabulary in place of the own one", func() bool {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/vocabularies", nil, &versions)
		return len(versions.Items) == 2 && versions.Items[1].ID == "own" && versions.Items[1].Number == 1
	})
	if out, err := north.importedAs("operator", "vocabulary", list, "--as", "own"); err == nil {
		t.Errorf("a vocabulary was taken in under the members' name: %s", out)
	}
}

// TestADocumentThatMembersAdoptLabelsWhereItIs: members agree on a document from elsewhere
// by its digest; each node labels by it once it has it, under the version's digest on the
// ledger, and takes no other in under its name.
func TestADocumentThatMembersAdoptLabelsWhereItIs(t *testing.T) {
	if testing.Short() {
		t.Skip("five nodes")
	}
	t.Parallel()
	c := newConsortium(t)
	_, nodes := c.inhabit(t)
	north, south := nodes["hospital-north"], nodes["hospital-south"]
	const vocabulary = "techniques"
	document := func(name string) (file, digest string) {
		file = filepath.Join(t.TempDir(), "attack.json")
		text := fmt.Sprintf(`{"type":"bundle","id":"bundle--1","objects":[{"type":"attack-pattern","id":"attack-pattern--1","name":%q,"external_references":[{"source_name":"mitre-attack","external_id":"T9001"}]}]}`, name)
		write(t, file, text)
		return file, ledger.BodyDigest([]byte(text))
	}
	first, digest := document("Badge Cloning")
	second, next := document("Badge Copying")
	take := func(r *running, file string) (string, error) {
		return r.importedAs("operator", "vocabulary", file, "--as", vocabulary)
	}
	if out, err := take(north, first); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := take(south, second); err != nil { // which is free as long as nothing was adopted
		t.Fatalf("%v\n%s", err, out)
	}
	body := `{"type":"bundle","id":"bundle--a1b2c3d4-0000-4000-8000-000000000001","objects":[{"type":"note","spec_version":"2.1","id":"note--a1b2c3d4-0000-4000-8000-000000000001",
		"created":"2026-11-01T00:00:00.000Z","modified":"2026-11-01T00:00:00.000Z","content":"They went on as T9001 says.","object_refs":["note--a1b2c3d4-0000-4000-8000-000000000001"]}]}`
	if status, b := north.call("analyst", http.MethodPost, "/v1/threats?marking=green", []byte(body), map[string]string{"Content-Type": ledger.MediaTypeSTIX}); status/100 != 2 {
		t.Fatalf("%d %s", status, b)
	}
	labelled := func(r *running, version, name string) {
		t.Helper()
		var labels struct{ Items []fact.TextLabel }
		r.await(name+" as a label", func() bool {
			r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/classifications?vocabulary="+vocabulary, nil, &labels)
			return len(labels.Items) == 1 && labels.Items[0].Version == version && labels.Items[0].Name == name && labels.Items[0].Node == "T9001"
		})
		var known rest.KnownContext
		r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/known/T9001", nil, &known)
		if k := known.Techniques; len(k) != 1 || k[0].Name != name || k[0].Version != version {
			t.Errorf("what is known of it is %+v", k)
		}
	}
	var versions struct{ Items []fact.VocabularyVersion }
	north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/vocabularies", nil, &versions)
	if len(versions.Items) != 1 || versions.Items[0].Document != digest {
		t.Fatalf("the document is %s, not %+v", digest, versions.Items)
	}
	labelled(north, versions.Items[0].Digest, "Badge Cloning")

	adopted := func(digest, label string, base int) string {
		t.Helper()
		adopt(t, nodes, map[string]any{
			"vocabulary": vocabulary, "change": "import", "base": base, "reason": "All shall label by it.",
			"imported": map[string]any{"digest": digest, "label": label, "nodes": 1},
		})
		var at ledger.VocabularyVersion
		for _, r := range []*running{north, south} {
			r.await("the version", func() bool {
				status, text := r.call("auditor", http.MethodGet, fmt.Sprintf("/v1/taxonomies/%s/versions/%d", vocabulary, base+1), nil, nil)
				return status == http.StatusOK && json.Unmarshal(text, &at) == nil
			})
		}
		return at.Digest
	}
	north.want(http.StatusCreated, "operator", http.MethodPost, "/v1/taxonomies", map[string]any{"id": vocabulary, "title": "Techniques", "kind": "imported"}, nil)
	one := adopted(digest, "1", 0)
	labelled(north, one, "Badge Cloning")
	if out, err := take(south, second); err == nil || !strings.Contains(err.Error()+out, "agreed on another document") {
		t.Errorf("another document was taken in under the members' name: %v %s", err, out)
	}
	south.want(http.StatusOK, "analyst", http.MethodGet, "/v1/vocabularies", nil, &versions)
	if v := versions.Items; len(v) != 1 || v[0].Number != 0 || v[0].Document != next {
		t.Errorf("without the document the south goes on with what it has: %+v", v)
	}
	if out, err := take(south, first); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	labelled(south, one, "Badge Cloning")

	// The next one holds where it is: the south took it in before.
	two := adopted(next, "2", 1)
	labelled(south, two, "Badge Copying")
	labelled(north, one, "Badge Cloning")
	if out, err := take(north, second); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	labelled(north, two, "Badge Copying")
	for version, name := range map[string]string{one: "Badge Cloning", two: "Badge Copying"} {
		var told struct{ Items []taxonomy.Node }
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/vocabularies/"+vocabulary+"/nodes?version="+version, nil, &told)
		if len(told.Items) != 1 || told.Items[0].Name != name {
			t.Errorf("version %s is %+v, want %s", version, told.Items, name)
		}
	}
	north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/vocabularies", nil, &versions)
	if v := versions.Items; len(v) != 1 || v[0].Number != 2 || v[0].Authority != "mitre-attack" || v[0].Title != "Techniques" || v[0].Document != next {
		t.Errorf("the version in use is %+v", v)
	}
}

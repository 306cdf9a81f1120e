package app

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/taxonomy"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
)

// taught writes a small bundle of ATT&CK's form, and sentences about its two techniques,
// all in words of our own.
func taught(t *testing.T) (bundle, sentences string) {
	t.Helper()
	dir := t.TempDir()
	bundle, sentences = filepath.Join(dir, "attack.json"), filepath.Join(dir, "sentences.json")
	object := func(id, name, text string) string {
		return fmt.Sprintf(`{"type":"attack-pattern","id":"attack-pattern--%s","name":%q,"description":%q,"external_references":[{"source_name":"mitre-attack","external_id":%q}]}`, id, name, text, id)
	}
	write(t, bundle, `{"type":"bundle","id":"bundle--1","objects":[{"type":"x-mitre-matrix","id":"x-mitre-matrix--1","external_references":[{"source_name":"mitre-attack","external_id":"ward-attack"}]},`+
		object("T9001", "Badge Cloning", "Adversaries copy the badges of members of staff to enter rooms.")+","+
		object("T9002", "Pump Tampering", "Adversaries change the rate of infusion pumps over the network.")+`]}`)
	type row struct {
		Text  string `json:"text"`
		Label string `json:"label"`
		Doc   string `json:"doc_title"`
	}
	var rows []row
	for i := range 12 {
		who := []string{"The intruders", "An attacker", "They", "The group"}[i%4]
		rows = append(rows,
			row{who + " copied the badge of a nurse with a radio reader" + strings.Repeat(" again", i%3), "T9001", fmt.Sprint("report ", i)},
			row{who + " changed the rate of an infusion pump through its open port" + strings.Repeat(" twice", i%3), "T9002", fmt.Sprint("report ", i)})
	}
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	write(t, sentences, string(text))
	return bundle, sentences
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTextsAreLabelledAndTermsProposed: what analysts import labels the reports that
// members share, with the versions by which it was judged; another version labels them
// anew; and a term that fits nowhere is proposed with the reports that have it.
func TestTextsAreLabelledAndTermsProposed(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	bundle, sentences := taught(t)
	if out, err := north.importedAs("operator", "techniques", bundle, sentences); err != nil || !strings.Contains(out, "ward-attack: 2 nodes") || !strings.Contains(out, "24 sentences with 2 labels") {
		t.Fatalf("importing techniques: %v\n%s", err, out)
	}
	list := filepath.Join(t.TempDir(), "own.csv")
	write(t, list, "id,name,synonyms\nstory.theft,Theft of equipment,stolen pump\n")
	if out, err := north.importedAs("operator", "vocabulary", list, "--as", "own"); err != nil || !strings.Contains(out, "own: 1 nodes, version ") {
		t.Fatalf("importing a vocabulary: %v\n%s", err, out)
	}
	var reports []string
	for i := range 3 {
		objects := fmt.Sprintf(`{"type":"note","spec_version":"2.1","id":"note--a1b2c3d4-0000-4000-8000-%012d","created":"2026-11-01T00:00:00.000Z","modified":"2026-11-01T00:00:00.000Z",
			"content":"Someone changed the rate of an infusion pump through its open port %d. See T9001. A stolen pump was found beside the Glimmerfox toolkit.",
			"object_refs":["note--a1b2c3d4-0000-4000-8000-%012d"]}`, i, i, i)
		body := fmt.Sprintf(`{"type":"bundle","id":"bundle--a1b2c3d4-0000-4000-8000-%012d","objects":[%s]}`, i, objects)
		if status, b := north.call("analyst", http.MethodPost, "/v1/threats?marking=green", []byte(body), map[string]string{"Content-Type": ledger.MediaTypeSTIX}); status != http.StatusCreated {
			t.Fatalf("%d %s", status, b)
		}
		reports = append(reports, ledger.BodyDigest([]byte(body)))
	}
	var state rest.ClassifierState
	north.await("a classifier", func() bool {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/classifier", nil, &state)
		return state.Digest != "" && !state.Training
	})
	var labels struct{ Items []fact.TextLabel }
	node := func(vocabulary, node string) (fact.TextLabel, bool) {
		for _, l := range labels.Items {
			if l.Vocabulary == vocabulary && l.Node == node && l.Object == "note--a1b2c3d4-0000-4000-8000-000000000000" {
				return l, true
			}
		}
		return fact.TextLabel{}, false
	}
	north.await("labels", func() bool {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/classifications?size=200", nil, &labels)
		l, ok := node("ward-attack", "T9002")
		return ok && l.Model == state.Digest && len(labels.Items) == 9
	})
	if l, _ := node("ward-attack", "T9001"); l.Basis != taxonomy.BasisID || l.Collection != cti.CollectionID("hospital-north", aliasShared) {
		t.Errorf("a technique's id must label: %+v", l)
	}
	own, _ := node("own", "story.theft")
	if own.Basis != taxonomy.BasisName || !strings.Contains(own.Sentence, "stolen pump") {
		t.Errorf("a synonym must label, with its sentence: %+v", own)
	}
	var terms struct{ Items []taxonomy.Candidate }
	north.await("a term", func() bool {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/candidates", nil, &terms)
		return len(terms.Items) > 0 && strings.HasPrefix(terms.Items[0].Name, "Glimmerfox")
	})
	have := map[string]bool{}
	for _, e := range terms.Items[0].Sentences {
		have[e.Report] = true
	}
	for _, r := range reports {
		if !have[r] {
			t.Errorf("report %s must be evidence of %+v", r, terms.Items[0])
		}
	}

	// Another version: labels follow, and the version before is still there.
	write(t, list, "id,name,synonyms\nstory.theft,Theft of equipment,\nstory.found,Found again,stolen pump was found\n")
	if out, err := north.importedAs("operator", "vocabulary", list, "--as", "own"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	north.await("new labels", func() bool {
		north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/classifications?vocabulary=own", nil, &labels)
		return len(labels.Items) == 3 && labels.Items[0].Node == "story.found" && labels.Items[0].Version != own.Version
	})
	var nodes struct{ Items []taxonomy.Node }
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/vocabularies/own/nodes?version="+own.Version, nil, &nodes)
	if len(nodes.Items) != 1 || nodes.Items[0].Synonyms[0] != "stolen pump" {
		t.Errorf("the version before must be told as it was: %+v", nodes)
	}
	var said rest.Classified
	in := map[string]any{"text": "The canteen is closed. An attacker copied the badge of a nurse with a radio reader."}
	north.want(http.StatusOK, "analyst", http.MethodPost, "/v1/classify", in, &said)
	if len(said.Labels) != 1 || said.Labels[0].Node != "T9001" || said.Labels[0].Probability < taxonomy.AtLeast || said.Model != state.Digest {
		t.Errorf("the second sentence alone speaks of T9001: %+v", said)
	}
}

// TestAnArchiveIsManyVocabularies: each taxonomy and cluster of an archive becomes a
// vocabulary, and a broken one spoils no other.
func TestAnArchiveIsManyVocabularies(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, m := range [][2]string{
		{"./ward/machinetag.json", `{"namespace":"ward","predicates":[{"value":"icu","expanded":"Intensive care"}]}`},
		{"./clusters/crew.json", `{"name":"Crews","type":"crew","values":[{"value":"Night Heron","uuid":"1"}]}`},
		{"./clusters/broken.json", `{"name":`},
		{"./README.json", `{}`},
	} {
		if err := w.WriteHeader(&tar.Header{Name: m[0], Mode: 0o600, Size: int64(len(m[1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "misp.tar.gz")
	write(t, file, b.String())
	out, err := north.importedAs("operator", "vocabulary", file, "--as", "misp")
	if err == nil || !strings.Contains(out, "misp.ward: 1 nodes") || !strings.Contains(out, "misp.crew: 1 nodes") || !strings.Contains(out, "clusters/broken.json: ") {
		t.Errorf("%v\n%s", err, out)
	}
	var v struct{ Items []fact.VocabularyVersion }
	north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/vocabularies", nil, &v)
	if len(v.Items) != 2 || v.Items[0].Authority != "misp-galaxy:crew" {
		t.Errorf("there must be two vocabularies: %+v", v)
	}
}

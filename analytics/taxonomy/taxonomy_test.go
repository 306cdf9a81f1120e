package taxonomy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// small vocabularies of this project's own, in each form.
const (
	ownBundle = `{"type":"bundle","id":"bundle--1","objects":[
 {"type":"x-mitre-tactic","id":"x-mitre-tactic--1","name":"Entry","x_mitre_shortname":"entry","external_references":[{"source_name":"mitre-attack","external_id":"TA0901"}]},
 {"type":"attack-pattern","id":"attack-pattern--00000000-0000-4000-8000-000000000001","name":"Badge Cloning","description":"Copies a badge.(Citation: X)","kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"entry"}],"external_references":[{"source_name":"mitre-attack","external_id":"T9001"}]},
 {"type":"attack-pattern","id":"attack-pattern--2","name":"Radio Badge Cloning","external_references":[{"source_name":"mitre-attack","external_id":"T9001.001"}]},
 {"type":"attack-pattern","id":"attack-pattern--3","name":"Old Cloning","revoked":true,"external_references":[{"source_name":"mitre-attack","external_id":"T9000"}]},
 {"type":"malware","id":"malware--4","name":"Quillworm","x_mitre_aliases":["Quillworm","QW-7"],"external_references":[{"source_name":"mitre-attack","external_id":"S9001"}]},
 {"type":"tool","id":"tool--5","name":"at","external_references":[{"source_name":"mitre-attack","external_id":"S9002"}]},
 {"type":"relationship","id":"relationship--1","relationship_type":"subtechnique-of","source_ref":"attack-pattern--2","target_ref":"attack-pattern--00000000-0000-4000-8000-000000000001"},
 {"type":"relationship","id":"relationship--2","relationship_type":"revoked-by","source_ref":"attack-pattern--3","target_ref":"attack-pattern--00000000-0000-4000-8000-000000000001"}]}`
	ownTaxonomy = `{"namespace":"ward","expanded":"Where it happened","version":1,"predicates":[{"value":"place","expanded":"Place"}],"values":[{"predicate":"place","entry":[{"value":"icu","expanded":"Intensive care"}]}]}`
	ownGalaxy   = `{"name":"Crews","type":"crew","values":[
 {"value":"Night Heron","uuid":"00000000-0000-4000-8000-00000000000a","meta":{"synonyms":["NHERON"]},"related":[]},
 {"value":"Badge Cloning - T9001","uuid":"00000000-0000-4000-8000-000000000001","meta":{"external_id":"T9001"}}]}`
	ownCSV = "id,name,parent,synonyms,external\nphysical,Physical attack,,,\nphysical.theft,Theft of equipment,physical,stolen pump;stolen monitor,mitre-attack:T9001\n"
)

func read(t *testing.T, name, text string) *Vocabulary {
	t.Helper()
	v, err := Read(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEachFormIsRead(t *testing.T) {
	attack := read(t, "attack", ownBundle)
	n, _ := attack.Find("T9001")
	if n == nil || !slices.Equal(n.Parents, []string{"TA0901"}) || n.Description != "Copies a badge." {
		t.Errorf("a technique must have its tactic as a parent and no citations: %+v", n)
	}
	if sub, _ := attack.Find("T9001.001"); sub == nil || !slices.Equal(sub.Parents, []string{"T9001"}) {
		t.Errorf("a part of a technique must have it as a parent: %+v", sub)
	}
	if now, ok := attack.Current("T9000"); !ok || now.ID != "T9001" {
		t.Errorf("what was revoked must lead to what stands in its place: %+v", now)
	}
	if v := read(t, "ward", ownTaxonomy); len(v.Nodes) != 2 || v.Nodes[1].ID != `place="icu"` || v.Nodes[1].Parents[0] != "place" {
		t.Errorf("a value must stand under its predicate: %+v", v.Nodes)
	}
	galaxy := read(t, "crews", ownGalaxy)
	if _, ok := galaxy.Find("Night Heron"); !ok {
		t.Errorf("a galaxy's node must have its value as id: %+v", galaxy.Nodes)
	}
	own := read(t, "own", ownCSV)
	if n, _ := own.Find("physical.theft"); n == nil || len(n.Synonyms) != 2 || n.Parents[0] != "physical" {
		t.Errorf("a list of one's own must keep parents and synonyms: %+v", n)
	}
	again, err := Read("attack", attack.Encode())
	if err != nil || again.Digest() != attack.Digest() {
		t.Errorf("a vocabulary read again must have the same digest (%v)", err)
	}
	for _, bad := range []string{"", "{}", "[]", "id;name\n1;2", "id,name\n1", `{"type":"bundle","objects":[]}`, `{"type":"bundle","objects":3}`, "id,external\na,b"} {
		if _, err := Read("x", []byte(bad)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q must be refused as invalid, not %v", bad, err)
		}
	}
	if _, err := Read("No Name", []byte(ownCSV)); err == nil {
		t.Error("a name that is none must be refused")
	}
}

func TestVocabulariesCorrespond(t *testing.T) {
	attack, galaxy, own := read(t, "attack", ownBundle), read(t, "crews", ownGalaxy), read(t, "own", ownCSV)
	for _, to := range []struct {
		v    *Vocabulary
		want string
	}{{galaxy, "Badge Cloning - T9001"}, {own, "physical.theft"}} {
		got := Correspond(attack, to.v)
		if len(got) != 1 || got[0].From != "T9001" || got[0].To != to.want {
			t.Errorf("T9001 must correspond to %s alone: %+v", to.want, got)
		}
	}
}

func TestATextIsLabelledByEachBasis(t *testing.T) {
	l := NewLabeller([]*Vocabulary{read(t, "attack", ownBundle), read(t, "ward", ownTaxonomy), read(t, "crews", ownGalaxy), read(t, "own", ownCSV)}, nil, 0)
	got := l.Label(Text{
		Text: "They met at noon. Night Heron used QW-7 against the pumps. See T9000 for more. A stolen pump was found.\n\nNightly Herons are birds.",
		Tags: []string{`ward:place="icu"`, `misp-galaxy:crew="Night Heron"`, "tlp:amber"},
	})
	want := []string{"crews/Night Heron/tag", `ward/place="icu"/tag`, "attack/T9001/id", "attack/S9001/name", "own/physical.theft/name"}
	var have []string
	for _, v := range got {
		have = append(have, v.Vocabulary+"/"+v.Node+"/"+v.Basis)
	}
	if !slices.Equal(have, want) {
		t.Errorf("labels are\n%q, not\n%q", have, want)
	}
}

func TestATermThatFitsNowhereIsProposed(t *testing.T) {
	vocabularies := []*Vocabulary{read(t, "attack", ownBundle), read(t, "crews", ownGalaxy)}
	var reports []Report
	for i := range 5 {
		reports = append(reports, Report{fmt.Sprintf("%064d", i), "The vendor confirmed the incident. Attackers sent Glimmerfox to the ward. " +
			"Later Glimmerfox Loader was found beside Quillworm and Quillworms. The Night Heron group was named."})
	}
	reports = append(reports, Report{"x", "Onceonly was seen here and Onceonly again."})
	got := Emerging(reports, NewBackground(vocabularies), 3, nil)
	if len(got) == 0 || !strings.HasPrefix(got[0].Name, "Glimmerfox") || got[0].Reports != 5 || len(got[0].Sentences) != 5 || !strings.Contains(got[0].Sentences[0].Sentence, "Glimmerfox") {
		t.Fatalf("Glimmerfox must come first, with a sentence of each report: %+v", got)
	}
	for _, c := range got {
		if s := strings.ToLower(c.Name); strings.Contains(s, "quillworm") || strings.Contains(s, "heron") || strings.Contains(s, "onceonly") {
			t.Errorf("%q is known, or in one report only", c.Name)
		}
	}
}

func TestRealVocabularies(t *testing.T) {
	if testing.Short() {
		t.Skip("reading all of MISP's galaxies takes ten seconds")
	}
	attack := realVocabulary(t, "attack", "attack/enterprise-attack-18.1.stix20.json.gz")
	ics := realVocabulary(t, "attack-ics", "attack/ics-attack-18.1.json.gz")
	capec := realVocabulary(t, "capec", "capec/stix-capec-2.1.json.gz")
	if n, ok := attack.Current("T1574.002"); !ok || n.ID != "T1574.001" || len(n.Parents) < 2 {
		t.Errorf("T1574.002 must lead to T1574.001, under tactics and T1574: %+v", n)
	}
	if len(ics.Nodes) < 100 || len(capec.Nodes) < 500 {
		t.Errorf("there are %d nodes of ICS and %d of CAPEC", len(ics.Nodes), len(capec.Nodes))
	}
	links := Correspond(capec, attack)
	if !slices.Contains(links, Correspondence{"CAPEC-57", "T1040", "mitre-attack"}) {
		t.Errorf("CAPEC-57 must correspond to T1040, in %d", len(links))
	}
	taxonomies, clusters := 0, 0
	var technique *Vocabulary
	eachOf(t, "misp/misp-taxonomies.tar.gz", "machinetag.json", func(name string, b []byte) {
		if _, err := Read("one", b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		taxonomies++
	})
	eachOf(t, "misp/misp-galaxy-clusters.tar.gz", ".json", func(name string, b []byte) {
		if !strings.Contains(name, "clusters/") {
			return
		}
		v, err := Read("one", b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if strings.HasSuffix(name, "/mitre-attack-pattern.json") {
			technique = v
		}
		clusters++
	})
	both := Correspond(technique, attack)
	t.Logf("%d nodes of ATT&CK, %d of ICS, %d of CAPEC (%d correspond), %d taxonomies, %d clusters, %d techniques of a galaxy correspond",
		len(attack.Nodes), len(ics.Nodes), len(capec.Nodes), len(links), taxonomies, clusters, len(both))
	if len(both) < 500 {
		t.Errorf("%d techniques of MISP's galaxy correspond to ATT&CK's; there must be 500", len(both))
	}
}

func realFile(t *testing.T, name string) *gzip.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "cti", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("there is no real input (%s) on this machine", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func realVocabulary(t *testing.T, name, file string) *Vocabulary {
	t.Helper()
	b, err := io.ReadAll(realFile(t, file))
	if err != nil {
		t.Fatal(err)
	}
	v, err := Read(name, b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func eachOf(t *testing.T, file, ending string, do func(name string, b []byte)) {
	t.Helper()
	r := tar.NewReader(realFile(t, file))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, ending) {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		do(h.Name, b)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{ownBundle, ownTaxonomy, ownGalaxy, ownCSV, ownWeaknesses} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := Read("x", b)
		if err != nil {
			if c := ledger.CodeOf(err); c != ledger.CodeInvalid && c != ledger.CodeTooLarge {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		again, err := Read("x", v.Encode())
		if err != nil || !bytes.Equal(again.Encode(), v.Encode()) {
			t.Fatalf("a vocabulary is not the same when it is read again (%v)", err)
		}
		NewLabeller([]*Vocabulary{v}, nil, 0).Label(Text{Text: string(b[:min(len(b), 1_000)])})
	})
}

package correlate

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/adapt"
)

var at = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

func indicator(pattern string) []byte {
	b, err := json.Marshal(map[string]any{
		"type": "indicator", "spec_version": "2.1", "id": "indicator--a1b2c3d4-0000-4000-8000-000000000001", "name": "Beacon", "pattern_type": "stix",
		"pattern": pattern, "valid_from": at.Add(-24 * time.Hour).Format(time.RFC3339),
	})
	if err != nil {
		panic(err)
	}
	return b
}

// brief writes ways as type:property op value & ..., with + for a partial one.
func brief(e Entry) []string {
	var all []string
	for _, w := range e.Ways {
		var parts []string
		for _, v := range w.Values {
			parts = append(parts, strings.TrimSpace(v.Property+" "+v.Op)+" "+v.Text)
		}
		s := strings.Join(parts, " & ")
		if w.Partial {
			s += " +"
		}
		all = append(all, s)
	}
	return all
}

func TestPatternsBecomeValues(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string][]string{
		`[ipv4-addr:value = '198.51.100.7']`:                                                        {"value 198.51.100.7"},
		`[ipv4-addr:value = '198.51.100.7/32']`:                                                     {"value 198.51.100.7"},
		`[ipv4-addr:value ISSUBSET '198.51.100.0/24' OR domain-name:value = 'Evil.TEST.']`:          {"value within 198.51.100.0/24", "value evil.test"},
		`[ipv6-addr:value ISSUPERSET '2001:DB8::1/128']`:                                            {"value holds 2001:db8::1"},
		`[domain-name:value = 'evil.test' AND domain-name:resolves_to_refs[*].value = '192.0.2.1']`: {"value evil.test & value 192.0.2.1"},
		`[file:hashes.'SHA-256' = '` + strings.Repeat("AB", 32) + `' AND file:name = 'x']`:          {"SHA-256 " + strings.Repeat("ab", 32) + " +"},
		`[file:hashes.MD5 = '` + strings.Repeat("a", 40) + `']`:                                     nil,
		`[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2')] REPEATS 3 TIMES`:                           {"value 192.0.2.1 +", "value 192.0.2.2 +"},
		`[url:value = 'HTTP://Evil.test:80/a#b'] FOLLOWEDBY [mac-addr:value = '00-11-22-33-44-55']`: {"value http://evil.test/a +", "value 00:11:22:33:44:55 +"},
		`[domain-name:value != 'good.test']`:                                                        nil,
		`[domain-name:value LIKE '%.test']`:                                                         nil,
		`[x509-certificate:serial_number = '00:AB:01']`:                                             {"serial_number ab01"},
		`no pattern`: nil,
	} {
		e, _ := Derive(indicator(pattern))
		if d := cmp.Diff(want, brief(e)); d != "" {
			t.Errorf("%s: %s", pattern, d)
		}
	}
}

func TestObservablesBecomeValues(t *testing.T) {
	t.Parallel()
	e, ok := Derive([]byte(`{"type":"domain-name","id":"domain-name--A1B2C3D4-0000-4000-8000-000000000001","value":"A.Evil.co.uk","resolves_to_refs":["ipv4-addr--a1b2c3d4-0000-4000-8000-000000000002"]}`))
	if !ok || len(e.Links) != 1 || e.Links[0].Source != e.ID || e.Ways[0].Values[0].Near() != "evil.co.uk" {
		t.Errorf("%+v", e)
	}
	e, _ = Derive([]byte(`{"type":"file","id":"f","hashes":{"MD5":"` + strings.Repeat("A", 32) + `","SHA-1":"` + strings.Repeat("B", 40) + `"}}`))
	if d := cmp.Diff([]string{"MD5 " + strings.Repeat("a", 32), "SHA-1 " + strings.Repeat("b", 40)}, brief(e)); d != "" {
		t.Error(d)
	}
	for _, nothing := range []string{``, `[]`, `{"type":7}`, `{"type":"identity","name":"x"}`, `{"type":"ipv4-addr","value":"no"}`} {
		if e, ok := Derive([]byte(nothing)); ok {
			t.Errorf("%s: %+v", nothing, e)
		}
	}
}

func TestJudging(t *testing.T) {
	t.Parallel()
	warned, err := ParseWarninglist([]byte(`{"name":"Resolvers","version":1,"type":"cidr","list":["203.0.113.0/24"],"matching_attributes":["ip-src"]}`))
	if err != nil {
		t.Fatal(err)
	}
	rules := Rules{Warnings: NewWarnings([]*Warninglist{warned})}
	seen := func(values ...string) []adapt.Observable {
		var all []adapt.Observable
		for _, s := range values {
			for _, read := range []func(string) (adapt.Observable, bool){adapt.Address, adapt.URL, adapt.FileHash, adapt.Domain} {
				if o, ok := read(s); ok {
					all = append(all, o)
					break
				}
			}
		}
		return all
	}
	for _, c := range []struct {
		pattern string
		seen    []adapt.Observable
		after   time.Duration
		want    string // of the sentence; empty: no match
	}{
		{`[ipv4-addr:value = '198.51.100.7']`, seen("10.0.0.1", "198.51.100.7"), 0, `names 198.51.100.7, as the indicator "Beacon" describes.`},
		{`[ipv4-addr:value = '198.51.100.7']`, seen("198.51.100.8"), 0, ""},
		{`[ipv4-addr:value = '198.51.100.7']`, seen("198.51.100.7"), 200 * 24 * time.Hour, ""}, // not believed any more
		{`[ipv4-addr:value = '198.51.100.7']`, seen("198.51.100.7"), -200 * 24 * time.Hour, "names 198.51.100.7"},
		{`[ipv4-addr:value ISSUBSET '198.51.100.0/24']`, seen("198.51.100.8"), 0, "which lies in 198.51.100.0/24"},
		{`[domain-name:value = 'evil.test']`, seen("https://evil.test/a"), 0, "names https://evil.test/a, whose host is evil.test"},
		{`[domain-name:value = 'evil.test']`, seen("www.evil.test"), 0, ""},
		{`[domain-name:value = 'evil.test' AND domain-name:resolves_to_refs[*].value = '192.0.2.1']`, seen("evil.test"), 0, ""},
		{`[domain-name:value = 'evil.test' AND domain-name:resolves_to_refs[*].value = '192.0.2.1']`, seen("evil.test", "192.0.2.1"), 0, "names evil.test and 192.0.2.1"},
		{`[ipv4-addr:value = '203.0.113.9']`, seen("203.0.113.9"), 0, `it is suppressed, because 203.0.113.0/24 is on the warninglist "Resolvers".`},
		{`[ipv4-addr:value = '192.0.2.1' AND network-traffic:dst_port = 22]`, seen("192.0.2.1"), 0, "which also asks for what the alert does not say"},
		{`[file:hashes.TLSH = '` + tlshOracle[1].a + `']`, seen(tlshOracle[1].b), 0, "a file that is like the one described (96 of 100)"},
	} {
		e, _ := Derive(indicator(c.pattern))
		j, ok := rules.Judge(&e, &Alert{Title: "x", Source: "suricata", Time: at.Add(c.after), Seen: c.seen}, time.Time{})
		if ok != (c.want != "") || !strings.Contains(j.Sentence, c.want) {
			t.Errorf("%s, %v: %v %q", c.pattern, c.seen, ok, j.Sentence)
		}
		// A matcher leads to what judging finds.
		m := NewMatcher(0)
		for _, w := range e.Ways {
			for _, v := range w.Values {
				m.Add(1, v)
			}
		}
		var hits []Hit
		for _, o := range c.seen {
			hits = m.Find(hits, Seen(o))
		}
		if ok && len(hits) == 0 {
			t.Errorf("%s: the matcher misses it", c.pattern)
		}
	}
	e, _ := Derive(indicator(`[ipv4-addr:value = '198.51.100.7']`))
	a := Alert{Time: at, Seen: seen("198.51.100.7")}
	for name, change := range map[string]func(*Entry){
		"revoked": func(e *Entry) { e.Revoked = true }, "benign": func(e *Entry) { e.Benign = true }, "expired": func(e *Entry) { e.Until = at },
		"no indicator": func(e *Entry) { e.Type = "ipv4-addr" },
	} {
		other := e
		change(&other)
		if _, ok := rules.Judge(&other, &a, time.Time{}); ok {
			t.Errorf("%s: it matches", name)
		}
	}
	// A sighting refreshes it.
	a.Time = at.Add(150 * 24 * time.Hour)
	if _, ok := rules.Judge(&e, &a, at.Add(140*24*time.Hour)); !ok {
		t.Error("what was seen ten days ago is not believed")
	}
}

// TestMatcherForgets: after any adding and removing the matcher finds what comparing all
// finds, and nothing else.
func TestMatcherForgets(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	m := NewMatcher(0)
	there := map[int64]Value{}
	random := func() Value {
		switch r.IntN(4) {
		case 0:
			v, _ := Read(adapt.TypeIPv4, "value", fmt.Sprintf("192.0.%d.%d/%d", r.IntN(2), r.IntN(256), 20+r.IntN(12)))
			if r.IntN(4) == 0 {
				v.Op = OpHolds
			}
			return v
		case 1:
			v, _ := Read(adapt.TypeIPv4, "value", fmt.Sprintf("192.0.%d.%d", r.IntN(2), r.IntN(256)))
			return v
		case 2:
			v, _ := Read(adapt.TypeDomain, "value", fmt.Sprintf("h%d.test", r.IntN(50)))
			return v
		}
		v, _ := Read(adapt.TypeURL, "value", fmt.Sprintf("http://h%d.test/%d", r.IntN(50), r.IntN(2)))
		return v
	}
	for i := range 5_000 {
		ref := int64(r.IntN(500))
		if v, ok := there[ref]; ok {
			m.Remove(ref, v)
			delete(there, ref)
		} else {
			there[ref] = random()
			m.Add(ref, there[ref])
		}
		if i%10 > 0 {
			continue
		}
		s := random()
		if s.Op != "" {
			continue // nothing that is seen
		}
		var want, got []int64
		for ref, v := range there {
			if _, _, ok := v.metBy(s); ok {
				want = append(want, ref)
			}
		}
		for _, h := range m.Find(nil, s) {
			got = append(got, h.Ref)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) || m.Len() != len(there) {
			t.Fatalf("seed %d: %+v: found %v, want %v", seed, s, got, want)
		}
	}
}

func TestDecay(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]int{
		-time.Hour: 8_000, 0: 8_000, 30 * day: 4_000, 120 * day: 0, 500 * day: 0, // (30/120)^(1/2) is a half
	} {
		if got := NIDS.Score(8_000, after); got != want {
			t.Errorf("after %s: %d, want %d", after, got, want)
		}
	}
	for want, e := range map[int]Entry{
		8_000: {Confidence: UnknownConfidence, Labels: []string{"tlp:green", "x"}},
		7_500: {Confidence: UnknownConfidence, Labels: []string{`admiralty-scale:source-reliability="b"`}},
		2_500: {Confidence: UnknownConfidence, Labels: []string{`admiralty-scale:source-reliability="d"`, `admiralty-scale:information-credibility="4"`}},
		9_000: {Confidence: 90},
		8_500: {Confidence: UnknownConfidence, Labels: []string{"priority-level:high"}},
		6_667: {Confidence: 100, Labels: []string{`admiralty-scale:source-reliability="e"`}}, // 0.5*100 of 0.75
	} {
		if got := NIDS.BaseOf(&e); got != want {
			t.Errorf("%+v: %d, want %d", e, got, want)
		}
	}
}

func TestWarninglists(t *testing.T) {
	t.Parallel()
	var lists []*Warninglist
	for _, text := range []string{
		`{"name":"s","type":"string","list":["192.0.2.1","empty.test"]}`,
		`{"name":"h","type":"hostname","list":[".good.test"],"matching_attributes":["domain","url"]}`,
		`{"name":"c","type":"cidr","list":["198.51.100.0/24","2001:db8::/32","no"]}`,
		`{"name":"b","type":"substring","list":["sandbox"]}`,
		`{"name":"r","type":"regex","list":["/^abuse@.*$/i","/(?=x)/"]}`,
	} {
		w, err := ParseWarninglist([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, w)
	}
	if lists[2].Left != 1 || lists[4].Left != 1 {
		t.Errorf("left out: %d %d", lists[2].Left, lists[4].Left)
	}
	w := NewWarnings(lists)
	for text, want := range map[string]string{
		"ipv4-addr 192.0.2.1": "s", "ipv4-addr 192.0.2.2": "", "domain-name empty.test": "s", "domain-name a.b.good.test": "h", "domain-name notgood.test": "",
		"url http://www.good.test/x": "h", "ipv4-addr 198.51.100.9": "c", "ipv6-addr 2001:db8::5": "c", "url http://198.51.100.9/": "c",
		"domain-name my.sandbox.test": "b", "email-addr Abuse@x.test": "r",
	} {
		kind, value, _ := strings.Cut(text, " ")
		v, ok := Read(kind, "value", value)
		if !ok {
			t.Fatal(text)
		}
		if got, _ := w.Find(v); got.List != want {
			t.Errorf("%s: %q, want %q", text, got.List, want)
		}
	}
	for _, bad := range []string{``, `{}`, `{"name":"x","list":[]}`, `{"name":"x","type":"program","list":["a"]}`, `{"name":"x","list":[1]}`} {
		if _, err := ParseWarninglist([]byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// TestMISPsOwnModels reads the models that MISP publishes.
func TestMISPsOwnModels(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("../../../shared/data/cti/misp/decaying-models/*.json")
	if len(files) == 0 {
		t.Skip("no ../shared/data")
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ParseDecay(b)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if d.Name == NIDS.Name && (d.Lifetime != NIDS.Lifetime || d.Speed != NIDS.Speed || d.Threshold != NIDS.Threshold || d.Base != NIDS.Base) {
			t.Errorf("%+v is not what is built in", d)
		}
	}
}

func FuzzDerive(f *testing.F) {
	f.Add(indicator(`[ipv4-addr:value ISSUBSET '198.51.100.0/24' OR file:hashes.MD5 IN ('a', 'b')] AND [url:value = 'http://x.test/']`))
	f.Add([]byte(`{"type":"file","id":"f","hashes":{"TLSH":"` + tlshOracle[0].a + `"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, ok := Derive(b)
		if !ok {
			return
		}
		m := NewMatcher(0)
		for _, w := range e.Ways {
			if len(w.Values) == 0 {
				t.Fatal("a way without values is always right")
			}
			for _, v := range w.Values {
				m.Add(1, v)
				m.Find(nil, v)
				_ = v.Near()
			}
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var again Entry
		if err := json.Unmarshal(text, &again); err != nil || !cmp.Equal(e, again) {
			t.Errorf("%v: it is kept as another: %s", err, cmp.Diff(e, again))
		}
	})
}

func FuzzWarninglist(f *testing.F) {
	f.Add([]byte(`{"name":"r","type":"regex","list":["/^a$/i","(","/"]}`), "a.test")
	f.Add([]byte(`{"name":"c","type":"cidr","list":["10.0.0.0/8","::ffff:1.2.3.4/120"]}`), "10.1.1.1")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		w, err := ParseWarninglist(b)
		if err != nil {
			return
		}
		all := NewWarnings([]*Warninglist{w})
		for _, kind := range []string{adapt.TypeIPv4, adapt.TypeDomain, adapt.TypeURL, adapt.TypeEmail} {
			if v, ok := Read(kind, "value", text); ok {
				all.Find(v)
			}
		}
	})
}

func FuzzDecay(f *testing.F) {
	f.Add([]byte(`{"name":"x","formula":"Polynomial","parameters":{"lifetime":3,"decay_speed":2.3,"threshold":30,"default_base_score":80,"base_score_config":{"a":1}}}`), int64(time.Hour))
	f.Fuzz(func(t *testing.T, b []byte, after int64) {
		d, err := ParseDecay(b)
		if err != nil {
			return
		}
		if n := d.Score(d.Base, time.Duration(after)); n < 0 || n > d.Base {
			t.Errorf("%d of %d", n, d.Base)
		}
	})
}

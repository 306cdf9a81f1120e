package adapt

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/cti/ctitest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// readBytes reads a file by a format.
func readBytes(t *testing.T, f Format, b []byte) (records []Record, wrong []error, err error) {
	t.Helper()
	err = f.Read(t.Context(), bytes.NewReader(b), func(r Record) error {
		records = append(records, r)
		return nil
	}, func(_ []byte, why error) { wrong = append(wrong, why) })
	return records, wrong, err
}

// TestRealMISPEvents reads what a company publishes. One file is none of MISP's.
func TestRealMISPEvents(t *testing.T) {
	t.Parallel()
	folder := ctitest.RealData(t, "cti/misp/eset-events")
	schema := ctitest.OfficialSchemas(t)
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: no files in %s", err, folder)
	}
	indicators, observed, techniques, refused := 0, 0, 0, 0
	for i, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		records, wrong, err := readBytes(t, mispFormat, b)
		if filepath.Base(file) == "rqz-dnsduvel_blocklist.json" {
			if len(wrong) != 1 || len(records) != 0 {
				t.Errorf("%s is no event: %d records, %v", file, len(records), err)
			}
			refused++
			continue
		}
		if err != nil {
			if ledger.CodeOf(err) != ledger.CodeInvalid || json.Valid(b) {
				t.Errorf("%s: %v", file, err)
			}
			t.Logf("refused %s: %v", filepath.Base(file), err)
			refused++
			continue
		}
		if len(records) != 1 || len(wrong) != 0 {
			t.Errorf("%s: %d records, %v", file, len(records), wrong)
			continue
		}
		r := records[0]
		indicators += bytes.Count(r.Bundle, []byte(`"type":"indicator"`))
		observed += bytes.Count(r.Bundle, []byte(`"type":"file"`)) + bytes.Count(r.Bundle, []byte(`"type":"domain-name"`)) + bytes.Count(r.Bundle, []byte(`"type":"ipv4-addr"`))
		techniques += len(r.Techniques)
		if _, err := cti.ParseBundle(r.Bundle); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if !testing.Short() && len(r.Bundle) < 200_000 || i%8 == 0 && len(r.Bundle) < 20_000 {
			schema.Validate(t, r.Bundle)
		}
		again, _, err := readBytes(t, mispFormat, b)
		if err != nil || !bytes.Equal(again[0].Bundle, r.Bundle) {
			t.Errorf("%s: read twice it is two bundles (%v)", file, err)
		}
	}
	t.Logf("%d files, %d refused: %d indicators, %d observables, %d techniques", len(files), refused, indicators, observed, techniques)
	if refused > 2 || indicators < 100 || techniques < 20 {
		t.Error("too little was read")
	}
}

const mispEvent = `{"Event":{"uuid":"5be1e65d-8198-497b-bdf5-5ec20a016219","info":"A test","date":"2026-01-02","timestamp":"1767312000","threat_level_id":"1","Orgc":{"name":"Somebody"},"distribution":"3",
"Tag":[{"name":"tlp:white"},{"name":"misp-galaxy:mitre-attack-pattern=\"Launch Daemon - T1543.004\""},{"name":"kind:test"},{"name":"misp-galaxy:threat-actor=\"APT32 - G0050\""}],
"Attribute":[
{"uuid":"11111111-1111-4111-8111-111111111111","type":"ip-dst","to_ids":true,"value":"198.51.100.7","comment":"it's [bad] \\ '","timestamp":"1767312001","Sighting":[{"type":"0","date_sighting":"1767312500","Organisation":{"name":"Other"}},{"type":"1"},{"type":"2","date_sighting":"1798848000"}]},
{"uuid":"11111111-1111-4111-8111-111111111112","type":"ip-dst|port","to_ids":"1","value":"198.51.100.8|443","Tag":[{"name":"tlp:amber"},{"name":"own label"}]},
{"uuid":"11111111-1111-4111-8111-111111111113","type":"domain|ip","to_ids":true,"value":"Evil.example.|198.51.100.9"},
{"uuid":"11111111-1111-4111-8111-111111111114","type":"filename|md5","to_ids":false,"value":"a|b.exe|9E107D9D372BB6826BD81D3542A419D6"},
{"uuid":"11111111-1111-4111-8111-111111111115","type":"domain","to_ids":true,"deleted":true,"value":"gone.example"},
{"uuid":"11111111-1111-4111-8111-111111111116","type":"vulnerability","to_ids":false,"value":"CVE-2024-3400"},
{"uuid":"11111111-1111-4111-8111-111111111117","type":"btc","to_ids":true,"value":"1BoatSLRHtKNngkdXEeobR76b53LETtpyT"},
{"uuid":"11111111-1111-4111-8111-111111111118","type":"yara","to_ids":true,"value":"rule x { condition: true }"},
{"uuid":"11111111-1111-4111-8111-111111111111","type":"domain","to_ids":true,"value":"same-uuid.example"},
{"uuid":"11111111-1111-4111-8111-111111111119","type":"ip-src","to_ids":true,"value":"203.0.113.0/24"},
{"uuid":"11111111-1111-4111-8111-11111111111a","type":"domain","to_ids":true,"value":"x'] OR [ipv4-addr:value = '0.0.0.0"}],
"Object":[{"name":"file","uuid":"22222222-2222-4222-8222-222222222222","Attribute":[
{"type":"filename","object_relation":"filename","value":"it's.exe","to_ids":false},
{"type":"sha256","object_relation":"sha256","value":"d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592","to_ids":true},
{"type":"md5","object_relation":"md5","value":"9e107d9d372bb6826bd81d3542a419d6","to_ids":true}]}]}}`

func TestAMISPEventBecomesABundle(t *testing.T) {
	t.Parallel()
	records, wrong, err := readBytes(t, mispFormat, []byte(mispEvent))
	if err != nil || len(wrong) != 0 || len(records) != 1 {
		t.Fatal(err, wrong, len(records))
	}
	r := records[0]
	if r.Title != "A test" || r.Severity != 8_000 || r.Rule != "misp:5be1e65d-8198-497b-bdf5-5ec20a016219" {
		t.Errorf("%q %d %q", r.Title, r.Severity, r.Rule)
	}
	if d := cmp.Diff([]string{"CVE-2024-3400"}, r.CVEs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"T1543.004"}, r.Techniques); d != "" {
		t.Error(d)
	}
	if !strings.Contains(r.Text, "btc (1), domain (1)") {
		t.Errorf("what was left out is not said: %q", r.Text)
	}
	report, err := cti.ParseBundle(r.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	if report.Marking != "amber" {
		t.Errorf("the strictest of all markings is %q", report.Marking)
	}
	patterns := patternsOf(t, r.Bundle)
	want := []string{
		`[domain-name:value = 'evil.example' OR ipv4-addr:value = '198.51.100.9']`,
		`[domain-name:value = 'same-uuid.example']`,
		`[file:hashes.'SHA-256' = 'd7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592' OR file:hashes.MD5 = '9e107d9d372bb6826bd81d3542a419d6']`,
		`[ipv4-addr:value = '198.51.100.7']`,
		`[ipv4-addr:value ISSUBSET '203.0.113.0/24']`,
		`[network-traffic:dst_ref.value = '198.51.100.8' AND network-traffic:dst_port = 443]`,
		`rule x { condition: true }`,
	}
	if d := cmp.Diff(want, patterns); d != "" {
		t.Error(d)
	}
	for _, s := range []string{
		`"indicator--11111111-1111-4111-8111-111111111111"`, `"valid_until":"2027-01-02`, `"type":"sighting"`, `"type":"opinion"`,
		`"name":"APT32"`, `"labels":["kind:test"]`, `"labels":["own label"]`, `"name":"Other"`,
	} {
		if !bytes.Contains(r.Bundle, []byte(s)) {
			t.Errorf("%s is not in the bundle: %s", s, r.Bundle)
		}
	}
	if bytes.Contains(r.Bundle, []byte("gone.example")) {
		t.Error("a deleted attribute was told")
	}
	if bare, _, err := readBytes(t, mispFormat, []byte(mispEvent[len(`{"Event":`):len(mispEvent)-1])); err != nil || !bytes.Equal(bare[0].Bundle, r.Bundle) {
		t.Errorf("without its envelope it is another bundle: %v", err)
	}
}

// patternsOf lists the patterns of a bundle's indicators, sorted, and holds each object
// against what STIX requires.
func patternsOf(t *testing.T, bundle []byte) []string {
	t.Helper()
	var patterns []string
	objects, err := cti.ReadEnvelope(bundle)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.Fault != nil {
			t.Errorf("%s: %v", o.ID, o.Fault)
		}
		if o.Type == "indicator" {
			var i struct{ Pattern string }
			if err := json.Unmarshal(o.Body, &i); err != nil {
				t.Fatal(err)
			}
			patterns = append(patterns, i.Pattern)
		}
	}
	slices.Sort(patterns)
	return patterns
}

func TestWhatIsNoMISPEventIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []string{``, `{`, `[]`, `{"response":[]}`, `{"a":1,"a":2}`, `nonsense`, strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100)} {
		if records, _, err := readBytes(t, mispFormat, []byte(s)); err == nil || len(records) > 0 {
			t.Errorf("%.40q was read", s)
		}
	}
	for _, s := range []string{`{}`, `[1]`, `{"Event":{"uuid":"../../etc/passwd","info":"x"}}`, `{"Event":null}`} {
		if records, wrong, _ := readBytes(t, mispFormat, []byte(s)); len(records) > 0 || len(wrong) != 1 {
			t.Errorf("%q was read", s)
		}
	}
}

func TestTheManifestOfAFeed(t *testing.T) {
	t.Parallel()
	got, err := ParseMISPManifest([]byte(`{"5BE1E65D-8198-497b-bdf5-5ec20a016219":{"info":"A\ntest","timestamp":"1767312000","Orgc":{"name":"Somebody"}},"11111111-1111-4111-8111-111111111111":{"timestamp":1}}`))
	if err != nil || len(got) != 2 || got[1].Title != "A test" || got[1].Time.Unix() != 1767312000 || got[1].UUID != "5be1e65d-8198-497b-bdf5-5ec20a016219" {
		t.Errorf("%v %+v", err, got)
	}
	for _, s := range []string{`[]`, `{"../x":{}}`, `{"5be1e65d-8198-497b-bdf5-5ec20a016219":1}`} {
		if _, err := ParseMISPManifest([]byte(s)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// FuzzFromMISP holds that whatever an event says is a bundle that we read ourselves.
func FuzzFromMISP(f *testing.F) {
	f.Add([]byte(mispEvent))
	f.Add([]byte(`{"uuid":"5be1e65d-8198-497b-bdf5-5ec20a016219","info":"x","Attribute":[{"type":"regkey|value","value":"a|b","to_ids":1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := FromMISP(b)
		if err != nil {
			return
		}
		if _, err := cti.ParseBundle(r.Bundle); err != nil {
			t.Errorf("%v: %s", err, r.Bundle)
		}
	})
}

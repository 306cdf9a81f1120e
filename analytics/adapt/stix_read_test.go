package adapt

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/cti/ctitest"
)

// TestTheExamplesOfSTIX reads OASIS' own examples.
func TestTheExamplesOfSTIX(t *testing.T) {
	t.Parallel()
	read, observables := 0, 0
	err := filepath.WalkDir(ctitest.RealData(t, "cti/stix/schemas-2.1/examples"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		records, wrong, err := readBytes(t, stixFormat, b)
		if err != nil || len(wrong) > 0 {
			t.Logf("refused %s: %v %v", filepath.Base(path), err, wrong)
			if _, whole := cti.ParseBundle(b); whole == nil {
				t.Errorf("%s is a bundle and was refused", path)
			}
			return nil
		}
		for _, r := range records {
			read++
			observables += len(r.Observables)
			if r.Title == "" || r.Time.IsZero() {
				t.Errorf("%s: %q %v", path, r.Title, r.Time)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d examples read, %d values to look for", read, observables)
	if read < 5 {
		t.Error("too few were read")
	}
}

func TestWhatABundleLooksFor(t *testing.T) {
	t.Parallel()
	r := one(t, stixFormat, []byte(`{"type":"bundle","id":"bundle--44af6c39-c09b-49c5-9de2-394224b04982","objects":[
{"type":"indicator","spec_version":"2.1","id":"indicator--44af6c39-c09b-49c5-9de2-394224b04982","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-02T00:00:00.000Z","pattern":"[domain-name:value = 'Evil.example' OR file:hashes.MD5 = '9E107D9D372BB6826BD81D3542A419D6' OR (ipv4-addr:value = '198.51.100.1' AND domain-name:value = 'both.example')]","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"},
{"type":"indicator","spec_version":"2.1","id":"indicator--44af6c39-c09b-49c5-9de2-394224b04983","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"[domain-name:value != 'not.example']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"},
{"type":"attack-pattern","spec_version":"2.1","id":"attack-pattern--44af6c39-c09b-49c5-9de2-394224b04984","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"x","external_references":[{"source_name":"mitre-attack","external_id":"T1486"},{"source_name":"capec","external_id":"T2"}]}]}`))
	want := []Observable{{Type: TypeDomain, Property: "value", Value: "evil.example"}, {Type: TypeFile, Property: "MD5", Value: "9e107d9d372bb6826bd81d3542a419d6"}}
	if d := cmp.Diff(want, r.Observables); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"T1486"}, r.Techniques); d != "" || r.Time.Day() != 2 {
		t.Error(d, r.Time)
	}
}

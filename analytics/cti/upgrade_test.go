package cti

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/cti/ctitest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const oldBundle = `{"type":"bundle","id":"bundle--44af6c39-c09b-49c5-9de2-394224b04982","spec_version":"2.0","objects":[
{"type":"indicator","id":"indicator--44af6c39-c09b-49c5-9de2-394224b04982","created":"2017-01-01T00:00:00.000Z","modified":"2017-01-01T00:00:00.000Z","labels":["malicious-activity"],"pattern":"[ipv4-addr:value = '198.51.100.1']","valid_from":"2017-01-01T00:00:00Z","object_marking_refs":["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"],"x_vendor_score":7},
{"type":"malware","id":"malware--44af6c39-c09b-49c5-9de2-394224b04983","created":"2017-01-01T00:00:00.000Z","modified":"2017-01-01T00:00:00.000Z","labels":["ransomware"],"name":"Cryptolocker"},
{"type":"x-vendor-thing","id":"x-vendor-thing--44af6c39-c09b-49c5-9de2-394224b04984","created":"2017-01-01T00:00:00.000Z","modified":"2017-01-01T00:00:00.000Z","name":"own"},
{"type":"marking-definition","id":"marking-definition--44af6c39-c09b-49c5-9de2-394224b04985","created":"2017-01-01T00:00:00.000Z","definition_type":"tlp","definition":{"tlp":"red"}},
{"type":"observed-data","id":"observed-data--44af6c39-c09b-49c5-9de2-394224b04986","created":"2017-01-01T00:00:00.000Z","modified":"2017-01-01T00:00:00.000Z","first_observed":"2017-01-01T00:00:00Z","last_observed":"2017-01-01T00:00:00Z","number_observed":1,"object_marking_refs":["marking-definition--44af6c39-c09b-49c5-9de2-394224b04985"],
 "objects":{"0":{"type":"ipv4-addr","value":"198.51.100.3"},"1":{"type":"network-traffic","dst_ref":"0","protocols":["tcp"],"dst_port":80},"2":{"type":"file","name":"a.exe","parent_directory_ref":"3","created":"2016-01-01T00:00:00Z"},"3":{"type":"directory","path":"C:\\x","contains_refs":["2"]},"4":{"type":"process","pid":7,"name":"a.exe","binary_ref":"2"}}},
{"type":"sighting","id":"sighting--44af6c39-c09b-49c5-9de2-394224b04987","created":"2017-01-01T00:00:00.000Z","modified":"2017-01-01T00:00:00.000Z","sighting_of_ref":"indicator--44af6c39-c09b-49c5-9de2-394224b04982","observed_data_refs":["observed-data--44af6c39-c09b-49c5-9de2-394224b04986"]}]}`

func upgraded(t *testing.T, body string) (bundles []*Report, wrong []error, err error) {
	t.Helper()
	err = Bundles([]byte(body), func(r *Report) error {
		bundles = append(bundles, r)
		return nil
	}, func(_ []byte, why error) { wrong = append(wrong, why) })
	return bundles, wrong, err
}

func TestABundleOf20BecomesOneOf21(t *testing.T) {
	t.Parallel()
	bundles, wrong, err := upgraded(t, oldBundle)
	if err != nil || len(bundles) != 1 || len(wrong) != 0 {
		t.Fatal(err, wrong, len(bundles))
	}
	again, _, err := upgraded(t, oldBundle)
	if err != nil || !bytes.Equal(again[0].Body, bundles[0].Body) {
		t.Errorf("twice it is not the same: %v", err)
	}
	if bundles[0].Marking != levelRed {
		t.Errorf("marked %q", bundles[0].Marking)
	}
	byType := map[string]object{}
	for _, raw := range mustObjects(t, bundles[0]) {
		byType[text(raw, "type")] = raw
	}
	for path, want := range map[[2]string]any{
		{"indicator", "pattern_type"}: "stix", {"indicator", "indicator_types"}: []any{"malicious-activity"},
		{"indicator", "object_marking_refs"}: []any{tlp2[levelAmber]}, {"indicator", "x_vendor_score"}: nil,
		{"malware", "malware_types"}: []any{"ransomware"}, {"malware", "is_family"}: true, {"malware", "labels"}: nil,
		{"observed-data", "objects"}: nil, {"file", "ctime"}: "2016-01-01T00:00:00Z", {"file", "created"}: nil,
		{"process", "name"}: nil, {"process", "image_ref"}: byType["file"]["id"],
		{"network-traffic", "dst_ref"}: byType["ipv4-addr"]["id"], {"directory", "contains_refs"}: []any{byType["file"]["id"]},
		{"ipv4-addr", "object_marking_refs"}: []any{tlp2[levelRed]},
	} {
		if d := cmp.Diff(want, byType[path[0]][path[1]]); d != "" {
			t.Errorf("%v: %s", path, d)
		}
	}
	extension, _ := byType["indicator"]["extensions"].(object)[oldExtension].(object)
	if extension["x_vendor_score"] != json.Number("7") || byType["extension-definition"] == nil {
		t.Errorf("the custom property is lost: %v", byType["indicator"])
	}
	// Ids of observables are those that every producer derives (STIX 2.1, section 2.9).
	if id, _ := observableID("ipv4-addr", map[string]any{"value": "198.51.100.3"}); byType["ipv4-addr"]["id"] != id {
		t.Error("the address has another id than the standard derives")
	}
}

func mustObjects(t *testing.T, r *Report) []object {
	t.Helper()
	objects, err := decodeBundle(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestWhatIsNoCollectionIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		``, `[]`, `{}`, `{"type":"bundle","objects":[]}`, `{"type":"report","objects":[{}]}`, `{"type":"bundle","spec_version":"1.2","objects":[{}]}`,
		`{"type":"bundle","id":"bundle--x","objects":[{"type":"x"}]}`,
	} {
		if bundles, _, err := upgraded(t, s); ledger.CodeOf(err) != ledger.CodeInvalid || len(bundles) > 0 {
			t.Errorf("%s: %v", s, err)
		}
	}
	// One that is wrong by itself leaves the others.
	broken := strings.Replace(oldBundle, `"pattern":"[ipv4-addr:value = '198.51.100.1']",`, "", 1)
	broken = strings.Replace(broken, `"dst_ref":"0"`, `"dst_ref":"9"`, 1)
	bundles, wrong, err := upgraded(t, broken)
	if err != nil || len(bundles) != 1 || len(wrong) != 2 {
		t.Errorf("%v, %d bundles, %v", err, len(bundles), wrong)
	}
}

// TestRealCollections upgrades all of ATT&CK, which is more than one bundle may hold, and
// reads what is 2.1 already.
func TestRealCollections(t *testing.T) {
	t.Parallel()
	files := []string{"cti/attack/ics-attack-18.1.json.gz"}
	if !testing.Short() {
		files = append(files, "cti/capec/stix-capec-2.1.json.gz", "cti/attack/enterprise-attack-18.1.stix20.json.gz")
	}
	schema := ctitest.OfficialSchemas(t)
	for _, name := range files {
		file, err := os.Open(ctitest.RealData(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		z, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		var in struct{ Objects []json.RawMessage }
		if err := json.Unmarshal(b, &in); err != nil {
			t.Fatal(err)
		}
		bundles, wrong, err := upgraded(t, string(b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		objects := 0
		for _, r := range bundles {
			all := mustObjects(t, r)
			objects += len(all)
			validateSome(t, schema, all)
		}
		for _, why := range wrong {
			t.Errorf("%s: %v", name, why)
		}
		t.Logf("%s: %d objects became %d bundles with %d objects", name, len(in.Objects), len(bundles), objects)
		if objects < len(in.Objects) {
			t.Errorf("%s: objects were lost", name)
		}
	}
}

// validateSome holds a sample of the standard's own objects against the schemas.
func validateSome(t *testing.T, schema ctitest.Schemas, all []object) {
	t.Helper()
	var sample []any
	for i, o := range all {
		if _, known := shapes[text(o, "type")]; known && (i%397 == 0 || i > len(all)-4) {
			sample = append(sample, o)
		}
	}
	body, err := encode(stixBundle{Type: "bundle", ID: "bundle--" + someUUID, Objects: sample})
	if err != nil {
		t.Fatal(err)
	}
	schema.Validate(t, body)
}

func FuzzBundles(f *testing.F) {
	f.Add([]byte(oldBundle))
	f.Add([]byte(`{"objects":[{"type":"x-y"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = Bundles(b, func(r *Report) error {
			if _, err := ParseBundle(r.Body); err != nil {
				t.Errorf("%v: %s", err, r.Body)
			}
			return nil
		}, func([]byte, error) {})
	})
}

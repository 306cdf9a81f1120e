package cti

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const someUUID = "44af6c39-c09b-49c5-9de2-394224b04982"

// bundle wraps objects, written without what all have in common.
func bundleOf(objects ...string) []byte {
	for i, o := range objects {
		if !strings.HasPrefix(o, "{") {
			kind, rest, _ := strings.Cut(o, " ")
			objects[i] = fmt.Sprintf(`{"type":%q,"spec_version":"2.1","id":"%s--%08d-c09b-49c5-9de2-394224b04982","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z",%s}`,
				kind, kind, i, rest)
		}
	}
	return []byte(`{"type":"bundle","id":"bundle--` + someUUID + `","objects":[` + strings.Join(objects, ",") + `]}`)
}

func indicator(pattern, more string) string {
	return fmt.Sprintf(`indicator "pattern":%q,"pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"%s`, pattern, more)
}

func address(id, value string) string {
	return fmt.Sprintf(`{"type":"ipv4-addr","id":"ipv4-addr--%s","value":%q}`, id, value)
}

func TestFactsOfForeignBundles(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix
	const a1, a2 = "28bb3599-77cd-5a82-a950-b5bc3caf07c4", "9cf4a8ec-7640-5f40-a006-79942896168b"
	cases := []struct {
		name string
		body []byte
		want Report
	}{
		{"vulnerability by name and reference", bundleOf(
			`vulnerability "name":"Heartbleed","external_references":[{"source_name":"cve","external_id":"CVE-2014-0160"}]`,
			`vulnerability "name":"cve-2021-44228"`,
			`report "name":"Two  old\n ones","published":"2026-01-01T00:00:00Z","object_refs":["vulnerability--`+someUUID+`"]`,
		), Report{Title: "Two old ones", CVEs: []string{"CVE-2014-0160", "CVE-2021-44228"}}},
		{"software", bundleOf(`{"type":"software","id":"software--` + someUUID + `","name":"openssl","vendor":"OpenSSL","version":"1.0.1"}`), Report{
			Title: "openssl", Software: []Software{{Name: "openssl", Vendor: "OpenSSL", Version: "1.0.1"}},
		}},
		{"attack on a service", bundleOf(
			address(a1, "198.51.100.3"),
			`{"type":"network-traffic","id":"network-traffic--`+someUUID+`","src_ref":"ipv4-addr--`+a1+`","dst_port":502,"protocols":["ipv4","tcp"]}`,
		), Report{Title: "STIX bundle of 2 objects", Services: []Service{{"tcp", 502}}}},
		{"call home is no attacked service", bundleOf(
			address(a1, "198.51.100.3"), address(a2, "203.0.113.5"), indicator("[ipv4-addr:value = '198.51.100.3']", ""),
			`{"type":"network-traffic","id":"network-traffic--`+someUUID+`","src_ref":"ipv4-addr--`+a2+`","dst_ref":"ipv4-addr--`+a1+`","dst_port":443,"protocols":["ipv4","tcp"]}`,
		), Report{Title: "STIX bundle of 4 objects", Hosts: []Host{{Network: prefix("198.51.100.3/32")}}}},
		{"unknown source is no attacked service", bundleOf(
			address(a1, "198.51.100.3"),
			`{"type":"network-traffic","id":"network-traffic--`+someUUID+`","dst_ref":"ipv4-addr--`+a1+`","dst_port":443,"protocols":["tcp"]}`,
		), Report{Title: "STIX bundle of 2 objects"}},
		{
			"pattern of a service", bundleOf(indicator("[network-traffic:dst_port = 3389 AND network-traffic:protocols[*] = 'rdp']", `,"name":"RDP"`)),
			Report{Title: "RDP", Services: []Service{{"tcp", 3389}}},
		},
		{
			"hosts", bundleOf(indicator("[domain-name:value = 'Evil.example.'] OR [url:value = 'http://bad.example:8080/x' OR ipv4-addr:value ISSUBSET '203.0.113.0/24']", `,"valid_until":"2026-02-01T00:00:00Z"`)),
			Report{Title: "STIX bundle of 1 objects", Hosts: []Host{
				{Network: prefix("203.0.113.0/24"), Until: "2026-02-01T00:00:00Z"},
				{Domain: "bad.example", Until: "2026-02-01T00:00:00Z"},
				{Domain: "evil.example", Until: "2026-02-01T00:00:00Z"},
			}},
		},
		{
			"private and far too wide networks are nobody's", bundleOf(indicator("[ipv4-addr:value IN ('10.0.0.1', '0.0.0.0/0', '192.168.0.0/16', '8.0.0.0/4')]", "")),
			Report{Title: "STIX bundle of 1 objects"},
		},
		{"revoked says nothing", bundleOf(indicator("[ipv4-addr:value = '198.51.100.3']", `,"revoked":true`)), Report{Title: "STIX bundle of 1 objects"}},
		{"benign says nothing", bundleOf(indicator("[ipv4-addr:value = '198.51.100.3']", `,"indicator_types":["benign"]`)), Report{Title: "STIX bundle of 1 objects"}},
		{"other pattern language", bundleOf(strings.Replace(indicator("alert tcp any any -> any 22", ""), `"stix"`, `"suricata"`, 1)), Report{Title: "STIX bundle of 1 objects"}},
		{"broken pattern", bundleOf(indicator("[ipv4-addr:value = ", "")), Report{Title: "STIX bundle of 1 objects"}},
		{"custom object", bundleOf(`{"type":"x-acme-thing","id":"x-acme-thing--` + someUUID + `","name":"Thing"}`), Report{Title: "Thing"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := ParseBundle(c.body)
			if err != nil {
				t.Fatal(err)
			}
			if string(r.Body) != string(c.body) {
				t.Error("the body was not kept")
			}
			c.want.Body, c.want.Severity = c.body, UnknownSeverity
			if d := cmp.Diff(c.want, *r, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMarkingsAreRead(t *testing.T) {
	t.Parallel()
	ref := func(id string) string {
		return `tool "name":"x","object_marking_refs":["` + id + `"]`
	}
	own := `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--` + someUUID + `","created":"2026-01-01T00:00:00Z",`
	cases := []struct {
		name string
		body []byte
		want string
	}{
		{"none", bundleOf(`tool "name":"x"`), ""},
		{"TLP 1 white", bundleOf(ref("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9")), levelClear},
		{"TLP 2 green", bundleOf(ref(tlp2[levelGreen])), levelGreen},
		{"strictest", bundleOf(ref(tlp2[levelGreen]), ref(tlp2[levelRed]), ref(tlp2[levelClear])), levelRed},
		{"part of an object", bundleOf(`tool "name":"x","granular_markings":[{"marking_ref":"` + tlp2[levelAmber] + `","selectors":["name"]}]`), levelAmber},
		{"own object with the extension", bundleOf(own+`"extensions":{"`+tlpExtension+`":{"extension_type":"property-extension","tlp_2_0":"amber+strict"}}}`, ref("marking-definition--"+someUUID)), levelAmberStrict},
		{"own TLP 1 object", bundleOf(own+`"definition_type":"tlp","definition":{"tlp":"amber"}}`, ref("marking-definition--"+someUUID)), levelAmber},
		{"defined and unused", bundleOf(own + `"definition_type":"tlp","definition":{"tlp":"red"}}`), ""},
	}
	for _, c := range cases {
		r, err := ParseBundle(c.body)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if r.Marking != c.want {
			t.Errorf("%s: got %q, want %q", c.name, r.Marking, c.want)
		}
		for i, level := range levels {
			err := r.Permits(level)
			if allowed := i+1 >= strictness(c.want); allowed != (err == nil) {
				t.Errorf("%s: sharing as %s: %v", c.name, level, err)
			}
		}
	}
}

func TestBadBundlesAreRefused(t *testing.T) {
	t.Parallel()
	one := `tool "name":"x"`
	with := func(old, now string) []byte {
		s := string(bundleOf(one))
		if !strings.Contains(s, old) {
			t.Fatalf("%q is not in %s", old, s)
		}
		return []byte(strings.Replace(s, old, now, 1))
	}
	cases := []struct {
		name  string
		body  []byte
		field string
		code  ledger.Code
	}{
		{"empty", nil, "", ledger.CodeInvalid},
		{"no JSON", []byte("STIX"), "", ledger.CodeInvalid},
		{"null", []byte("null"), "", ledger.CodeInvalid},
		{"list", []byte("[]"), "", ledger.CodeInvalid},
		{"not a bundle", with(`"type":"bundle"`, `"type":"report"`), "type", ledger.CodeInvalid},
		{"STIX 2.0", with(`"type":"bundle"`, `"type":"bundle","spec_version":"2.0"`), "spec_version", ledger.CodeInvalid},
		{"no id", with(`"id":"bundle--`+someUUID+`",`, ``), "id", ledger.CodeInvalid},
		{"id of another type", with(`"id":"bundle--`, `"id":"report--`), "id", ledger.CodeInvalid},
		{"no objects", []byte(`{"type":"bundle","id":"bundle--` + someUUID + `"}`), "objects", ledger.CodeInvalid},
		{"empty objects", []byte(`{"type":"bundle","id":"bundle--` + someUUID + `","objects":[]}`), "objects", ledger.CodeInvalid},
		{"object in object's place", []byte(`{"type":"bundle","id":"bundle--` + someUUID + `","objects":["secret-value"]}`), "objects[0]", ledger.CodeInvalid},
		{"bundle in a bundle", bundleOf(`{"type":"bundle","id":"bundle--` + someUUID + `"}`), "objects[0].type", ledger.CodeInvalid},
		{"type with capitals", with(`"type":"tool"`, `"type":"Tool"`), "objects[0].type", ledger.CodeInvalid},
		{"id without UUID", with(`"id":"tool--00000000-c09b-49c5-9de2-394224b04982"`, `"id":"tool--1"`), "objects[0].id", ledger.CodeInvalid},
		{"old version", with(`"spec_version":"2.1"`, `"spec_version":"2.0"`), "objects[0].spec_version", ledger.CodeInvalid},
		{"no version", with(`"spec_version":"2.1",`, ``), "objects[0].spec_version", ledger.CodeInvalid},
		{"no created", with(`"created":"2026-01-01T00:00:00.000Z",`, ``), "objects[0].created", ledger.CodeInvalid},
		{"local time", with(`"created":"2026-01-01T00:00:00.000Z"`, `"created":"2026-01-01T00:00:00+01:00"`), "objects[0].created", ledger.CodeInvalid},
		{"no such day", with(`"created":"2026-01-01T00:00:00.000Z"`, `"created":"2026-02-30T00:00:00.000Z"`), "objects[0].created", ledger.CodeInvalid},
		{"modified before created", with(`"modified":"2026-`, `"modified":"2025-`), "objects[0].modified", ledger.CodeInvalid},
		{"no name", with(`"name":"x"`, `"name":""`), "objects[0].name", ledger.CodeInvalid},
		{"bad reference", with(`"name":"x"`, `"name":"x","created_by_ref":"me"`), "objects[0].created_by_ref", ledger.CodeInvalid},
		{"bad reference in a list", with(`"name":"x"`, `"name":"x","object_marking_refs":["me"]`), "objects[0].object_marking_refs[0]", ledger.CodeInvalid},
		{"empty list of references", with(`"name":"x"`, `"name":"x","object_marking_refs":[]`), "objects[0].object_marking_refs", ledger.CodeInvalid},
		{"indicator without pattern", bundleOf(`indicator "pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"`), "objects[0].pattern", ledger.CodeInvalid},
		{"file without anything", bundleOf(`{"type":"file","id":"file--` + someUUID + `"}`), "objects[0]", ledger.CodeInvalid},
		{"object twice", bundleOf(`{"type":"url","id":"url--`+someUUID+`","value":"http://a.example"}`, `{"type":"url","id":"url--`+strings.ToUpper(someUUID)+`","value":"http://b.example"}`), "objects[1].id", ledger.CodeInvalid},
		{"name twice", with(`"name":"x"`, `"name":"x","name":"y"`), "", ledger.CodeInvalid},
		{"deep", with(`"name":"x"`, `"name":"x","x_y":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)), "", ledger.CodeTooLarge},
		{"long", with(`"name":"x"`, `"name":"`+strings.Repeat("x", MaxBundleBytes)+`"`), "", ledger.CodeTooLarge},
		{"too many objects", []byte(`{"type":"bundle","id":"bundle--` + someUUID + `","objects":[{}` + strings.Repeat(",{}", MaxBundleObjects) + `]}`), "", ledger.CodeTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseBundle(c.body)
			if ledger.CodeOf(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if c.field != "" && !strings.Contains(err.Error(), "; "+c.field+": ") {
				t.Errorf("%v does not name %s", err, c.field)
			}
			if strings.Contains(err.Error(), "secret-value") || strings.Contains(err.Error(), "02-30") {
				t.Errorf("%v repeats a submitted value", err)
			}
		})
	}
}

func TestFaultsAreCountedAndBounded(t *testing.T) {
	t.Parallel()
	_, err := ParseBundle([]byte(`{"type":"bundle","id":"bundle--` + someUUID + `","objects":[1` + strings.Repeat(",1", 99) + `]}`))
	if err == nil || !strings.Contains(err.Error(), "the first 50 of 100 faults") {
		t.Errorf("got %v", err)
	}
}

func TestTwoVersionsOfOneObjectMayStandTogether(t *testing.T) {
	t.Parallel()
	const object = `{"type":"tool","spec_version":"2.1","id":"tool--` + someUUID + `","created":"2026-01-01T00:00:00Z","modified":"2026-01-%02dT00:00:00Z","name":"x"}`
	if _, err := ParseBundle(bundleOf(fmt.Sprintf(object, 1), fmt.Sprintf(object, 2))); err != nil {
		t.Error(err)
	}
}

// TestOfficialExamplesAreRead reads the examples of the OASIS repository.
func TestOfficialExamplesAreRead(t *testing.T) {
	t.Parallel()
	root := realData(t, "cti/stix/schemas-2.1/examples")
	read := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if d.Name() == "interop-objectmarking-test.json" {
			return nil // a single object
		}
		r, err := ParseBundle(b)
		if err != nil {
			t.Errorf("%s: %v", d.Name(), err)
			return nil
		}
		t.Logf("%s: %q, %d hosts, %d CVEs, %d services, %d products, marked %q", d.Name(), r.Title, len(r.Hosts), len(r.CVEs), len(r.Services), len(r.Software), r.Marking)
		read++
		return nil
	})
	if err != nil || read == 0 {
		t.Fatalf("%d examples read, %v", read, err)
	}
}

func FuzzParseBundle(f *testing.F) {
	for _, name := range []string{"ssh-scan", "shellshock"} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".golden.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(bundleOf(indicator("[ipv4-addr:value = '198.51.100.3']", "")))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseBundle(b)
		if err != nil {
			if ledger.CodeOf(err) == ledger.CodeInternal {
				t.Errorf("not a problem: %v", err)
			}
			return
		}
		if r.Title == "" || len([]rune(r.Title)) > maxTitle+1 {
			t.Errorf("title %q", r.Title)
		}
		for _, h := range r.Hosts {
			if h.Domain == "" && !publicNetwork(h.Network) {
				t.Errorf("%v is a fact", h)
			}
		}
		Match(r, []Device{{Unit: "u", Address: "203.0.113.1", Services: []Service{{"tcp", 22}}, Components: []Component{{Name: "a"}}}})
	})
}

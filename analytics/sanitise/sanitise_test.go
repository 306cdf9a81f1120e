package sanitise

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func rules() *Rules {
	return &Rules{
		Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")},
		Domains:  []string{"hospital.example"}, Hosts: []string{"PACS01"},
		Fields: []string{"identity.name", "user-account.display_name", "identity.contact_information"},
		Custom: []Custom{{"ticket", regexp.MustCompile(`INC-\d+`), "[ticket]"}},
	}
}

const leaky = `{ "type":"bundle", "id":"bundle--1",
 "objects":[
  {"type":"ipv4-addr","id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","value":"10.1.2.3"},
  {"type":"network-traffic","id":"network-traffic--1","dst_ref":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","n":1.50},
  {"type":"identity","id":"identity--1","identity_class":"individual","name":"Anna Muster","contact_information":"anna@elsewhere.example"},
  {"type":"identity","id":"identity--2","identity_class":"organization","name":"The North"},
  {"type":"note","id":"note--1","content":"INC-4711: pacs01 (10[.]1[.]2[.]3, 10.0.0.0/8, fd00::17, ::ffff:192.168.7.7, 198.51.100.9) mailed a.b@mail.hospital.example; seen at www.hospital[.]example and by evil@attacker.example from 8.8.8.8"},
  {"type":"software","id":"software--1","name":"x","version":"10.1.2.3","cpe":"cpe:2.3:a:x:x:10.1.2.3"}
 ]}`

func TestWhatTellsOfTheOwnNetworkAndPeopleIsTakenOut(t *testing.T) {
	t.Parallel()
	res, err := rules().Apply([]byte(leaky))
	if err != nil {
		t.Fatal(err)
	}
	out := string(res.Body)
	if !json.Valid(res.Body) {
		t.Fatal(out)
	}
	rest := strings.ReplaceAll(strings.ReplaceAll(out, `"version":"10.1.2.3"`, ""), "cpe:2.3:a:x:x:10.1.2.3", "")
	for _, secret := range []string{"10.1.2.3", "10[.]1", "10.0.0.0", "fd00", "192.168", "198.51.100.9", "Anna", "anna@", "a.b@", "hospital", "pacs01", "INC-4711", "28bb3599"} {
		if strings.Contains(rest, secret) {
			t.Errorf("%s leaves:\n%s", secret, out)
		}
	}
	for _, kept := range []string{"The North", "8.8.8.8", "evil@attacker.example", `"version":"10.1.2.3"`, `"n":1.50`, "network-traffic--1", "{ \"type\":\"bundle\", \"id\"", "[ticket]"} {
		if !strings.Contains(out, kept) {
			t.Errorf("%s was taken out:\n%s", kept, out)
		}
	}
	var b struct {
		Objects []map[string]any `json:"objects"`
	}
	if err := json.Unmarshal(res.Body, &b); err != nil {
		t.Fatal(err)
	}
	if b.Objects[0]["id"] != b.Objects[1]["dst_ref"] {
		t.Error("a reference leads nowhere")
	}
	if res.Total != len(res.Changes) || res.Total < 5 {
		t.Errorf("%d changes, listed %+v", res.Total, res.Changes)
	}
	for _, c := range res.Changes {
		if c.Where == "" || c.Rule == "" || c.Before == c.After {
			t.Errorf("%+v", c)
		}
	}
	// It is the same each time, and nothing remains to be done.
	again, err := rules().Apply(res.Body)
	if err != nil || again.Total != 0 || !bytes.Equal(again.Body, res.Body) {
		t.Errorf("%v %+v", err, again.Changes)
	}
	// The new id does not follow from the address alone.
	other := rules()
	other.Seed[0] = 1
	if res2, err := other.Apply([]byte(leaky)); err != nil || bytes.Equal(res2.Body, res.Body) {
		t.Error("the new id follows from the old one")
	}
}

// TestHoweverItIsWrittenItIsTakenOut: each of these was, or could have been, a way out.
func TestHoweverItIsWrittenItIsTakenOut(t *testing.T) {
	t.Parallel()
	const nibbles = "7.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"
	for secret, text := range map[string]string{
		"10.1.2.3":             `"x":"http://evil.example/?u=http%3A%2F%2F10.1.2.3%2Fx"`,
		"10%2E1":               `"x":"u=10%2E1%2e2%2E3"`,
		`10\\\\.1`:             `"pattern":"[url:value MATCHES '10\\\\.1\\\\.2\\\\.3']"`,
		"010.001":              `"x":"010.001.002.003"`,
		`r\\n10.1`:             `"x":"Host\\r\\n10.1.2.3"`,
		"3.2.1.10":             `"x":"3.2.1.10.IN-ADDR.ARPA"`,
		nibbles:                `"x":"` + nibbles + `"`,
		"FD00%3A":              `"x":"http%3A%2F%2F%5BFD00%3A%3A17%5D"`,
		"FD00:0":               `"x":"FD00:0:0:0:0:0:0:17"`,
		"PacS01.HOSPITAL":      `"x":"PacS01.HOSPITAL.Example"`,
		"pacs01":               `"x":"dst=%2Fpacs01%2F"`,
		"a.b":                  `"x":"a.b%40hospital.example"`,
		"10.1.2.4":             `"x_host_ref":"10.1.2.4"`,
		"10.1.2.5":             `"x":{"type":"10.1.2.5","created":"10.1.2.5","id":"10.1.2.5"}`,
		"10.1.2.6":             `"x":{"10.1.2.6":1}`,
		"www.hospital.example": `"x":{"a":{"www.hospital.example":[]}}`,
	} {
		body := `{"type":"bundle","objects":[{"type":"x-note",` + text + `}]}`
		res, err := rules().Apply([]byte(body))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if !strings.Contains(body, secret) {
			t.Errorf("%s does not hold %s", body, secret)
		}
		if strings.Contains(string(res.Body), secret) || !json.Valid(res.Body) {
			t.Errorf("%s leaves: %s", secret, res.Body)
		}
	}
	// What is not the hospital's stays.
	for _, text := range []string{"10.1.2.3.in-addr.arpa", "8.8.8.8", "2001:db8::1", "at 10:20:30", "1.10.1.2.3", "%2F8.8.8.8", "256.0.0.1"} {
		body := `{"objects":[{"type":"x","hashes":{"SHA-256":"` + text + `"}}]}`
		if res, err := rules().Apply([]byte(body)); err != nil || string(res.Body) != body {
			t.Errorf("%s became %s (%v)", body, res.Body, err)
		}
	}
}

// TestWhatIsMadeOfAnIDGetsANewOne, too: who knows how it is made would try all addresses.
func TestWhatIsMadeOfAnIDGetsANewOne(t *testing.T) {
	t.Parallel()
	const (
		address = "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"
		traffic = "network-traffic--38bb3599-77cd-5a82-a950-b5bc3caf07c4"
		other   = "ipv4-addr--48bb3599-77cd-5a82-a950-b5bc3caf07c4"
		seen    = "observed-data--58bb3599-77cd-4a82-a950-b5bc3caf07c4"
		bundle  = "bundle--68bb3599-77cd-5a82-a950-b5bc3caf07c4"
	)
	body := `{"type":"bundle","id":"` + bundle + `","objects":[
		{"type":"observed-data","id":"` + seen + `","object_refs":["` + traffic + `"]},
		{"type":"network-traffic","id":"` + traffic + `","src_ref":"` + address + `","dst_ref":"` + other + `"},
		{"type":"ipv4-addr","id":"` + address + `","value":"10.1.2.3"},
		{"type":"ipv4-addr","id":"` + other + `","value":"8.8.8.8"}]}`
	res, err := rules().Apply([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	for id, stays := range map[string]bool{address: false, traffic: false, bundle: false, other: true, seen: true} {
		if strings.Contains(string(res.Body), id) != stays {
			t.Errorf("%s: %s", id, res.Body)
		}
	}
}

func TestNothingToTakeOutChangesNoByte(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","pattern":"[ipv4-addr:value = '8.8.8.8']","x":[1,2.0,true,null,{"a":[]}]}]}`,
		"{\n\"objects\" : [ ] , \"e\":\"\\u00e9\\\"\\\\\"}",
	} {
		res, err := rules().Apply([]byte(text))
		if err != nil || string(res.Body) != text || res.Total != 0 {
			t.Errorf("%v: %s", err, res.Body)
		}
	}
	for _, bad := range []string{"", "[", `{"objects":7}`, strings.Repeat("[", 100)} {
		if _, err := rules().Apply([]byte(bad)); ledger.CodeOf(err) != ledger.CodeInvalid && ledger.CodeOf(err) != ledger.CodeTooLarge {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzApply(f *testing.F) {
	f.Add([]byte(leaky))
	f.Add([]byte(`{"objects":[{"type":"x","a":"::1 127.0.0.1 \ud83d\ude00"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		res, err := rules().Apply(b)
		if err != nil {
			return
		}
		if !json.Valid(res.Body) {
			t.Fatalf("%q became %q", b, res.Body)
		}
		if res.Total == 0 && !bytes.Equal(res.Body, b) {
			t.Fatalf("%q became %q without a change", b, res.Body)
		}
	})
}

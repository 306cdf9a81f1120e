package cti

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/cti/ctitest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(bytes.TrimSpace(want)), string(got)); d != "" {
		t.Error(d)
	}
}

var north = Sharer{ID: "hospital-north", Name: "Hospital North"}

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".eve.json"))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func convert(tb testing.TB, eve []byte, by Sharer, marking string) *Report {
	tb.Helper()
	a, err := ParseEVE(eve)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := FromEVE(a, by, marking)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// TestGoldenAlertsBecomeReports pins the bytes of each sample and the facts that a
// receiver reads from them.
func TestGoldenAlertsBecomeReports(t *testing.T) {
	t.Parallel()
	host := func(s string, until string) []Host {
		return []Host{{Network: netip.MustParsePrefix(s), Until: until}}
	}
	for name, want := range map[string]Report{
		"ssh-scan": {
			Title: "ET SCAN Potential SSH Scan", Severity: 5_000, Services: []Service{{"tcp", 22}},
			Hosts: host("203.0.113.77/32", "2026-06-30T07:15:30.123Z"),
		},
		"shellshock": {
			Title: "ET WEB_SERVER Possible CVE-2014-6271 Attempt", Severity: 8_000,
			CVEs: []string{"CVE-2014-6271", "CVE-2014-7169"}, Services: []Service{{"tcp", 8080}},
			Hosts: host("2001:db8:bad::17/128", "2026-06-30T09:00:00.000Z"),
		},
		"inside": {
			Title:    "LOCAL lateral movement [address withheld] -> [address withheld] over SMB",
			Severity: 8_000, Services: []Service{{"tcp", 445}},
		},
		"call-home": {
			Title: "ET MALWARE Observed C2 certificate", Severity: 8_000,
			Hosts: host("198.51.100.9/32", "2026-06-30T11:00:00.000Z"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := convert(t, sample(t, name), north, levelGreen)
			golden(t, name+".golden.json", r.Body)
			got := *r
			got.Body, want.Marking = nil, levelGreen
			if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
				t.Error(d)
			}
			for _, secret := range []string{"10.20.", "fd00", "icu-span0", "sensor-ward", "Patient", "51234", "52114", "1234567890123456", "pump-gateway"} {
				if bytes.Contains(r.Body, []byte(secret)) {
					t.Errorf("the report tells %s", secret)
				}
			}
			if again := convert(t, sample(t, name), north, levelGreen); !bytes.Equal(again.Body, r.Body) {
				t.Error("converting again gave other bytes")
			}
		})
	}
}

func TestSamplesFollowTheOfficialSchemas(t *testing.T) {
	t.Parallel()
	s := ctitest.OfficialSchemas(t)
	for _, name := range []string{"ssh-scan", "shellshock", "inside", "call-home"} {
		for _, marking := range []string{levelClear, levelGreen, levelRed} {
			s.Validate(t, convert(t, sample(t, name), north, marking).Body)
		}
	}
}

// TestIdsAreTheStandards holds ids against those of the standard's own examples
// (STIX 2.1 with errata 01): sharing tools must agree on them.
func TestIdsAreTheStandards(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, value, want string }{
		{"ipv4-addr", "198.51.100.3", "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"},
		{"domain-name", "example.com", "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"},
	} {
		got, err := observableID(c.kind, map[string]any{"value": c.value})
		if err != nil || got != c.want {
			t.Errorf("%s %s: got %s, %v; want %s", c.kind, c.value, got, err, c.want)
		}
	}
}

func TestIdsSayNothingThatIsWithheld(t *testing.T) {
	t.Parallel()
	one := sample(t, "inside")
	other := bytes.ReplaceAll(bytes.ReplaceAll(one, []byte("10.20.1.5"), []byte("10.99.3.7")), []byte("50111"), []byte("61234"))
	a, b := convert(t, one, north, levelGreen), convert(t, other, north, levelGreen)
	if d := cmp.Diff(string(a.Body), string(b.Body)); d != "" {
		t.Errorf("a report depends on what it withholds: %s", d)
	}
}

// event renders an alert with what a case gives.
func event(src string, sport int, dst string, dport int, extra string) []byte {
	return fmt.Appendf(nil, `{"timestamp":"2026-01-01T00:00:00Z","event_type":"alert","src_ip":%q,"src_port":%d,"dest_ip":%q,"dest_port":%d,"proto":"TCP"%s}`,
		src, sport, dst, dport, extra)
}

func rule(fields string) string {
	return `,"alert":{"action":"allowed","gid":1,"signature_id":1,"rev":1,"signature":"X","category":"Misc Attack","severity":1` + fields + `}`
}

func TestSides(t *testing.T) {
	t.Parallel()
	const enemy, other, ours, peer = "203.0.113.1", "198.51.100.1", "10.0.0.1", "10.0.0.2"
	cases := []struct {
		name     string
		in       []byte
		own      string
		hostile  string
		attacked Service
		remote   int
	}{
		{"attack from outside", event(enemy, 40000, ours, 22, rule("")), "", enemy, Service{"tcp", 22}, 0},
		{"our answer to an attack", event(ours, 22, enemy, 40000, rule("")), "", enemy, Service{"tcp", 22}, 0},
		{"our connection to a bad server", event(ours, 40000, enemy, 443, rule("")), "", enemy, Service{}, 443},
		{"answer of a bad server", event(enemy, 443, ours, 40000, rule("")), "", enemy, Service{}, 443},
		{"two inside", event(ours, 40000, peer, 445, rule("")), "", "", Service{"tcp", 445}, 0},
		{"answer inside", event(ours, 23, peer, 40000, rule("")), "", "", Service{"tcp", 23}, 0},
		{"two outside: the sender", event(enemy, 40000, other, 80, rule("")), "", enemy, Service{"tcp", 80}, 0},
		{"two outside, one of them ours", event(other, 40000, enemy, 80, rule("")), other + "/32", enemy, Service{}, 80},
		{"two outside, the rule attacks servers", event(other, 80, enemy, 40000, rule(`,"metadata":{"attack_target":["Web_Server"]}`)), "", enemy, Service{"tcp", 80}, 0},
		{"two outside, the rule attacks clients", event(other, 40000, enemy, 80, rule(`,"metadata":{"attack_target":["Client_Endpoint"]}`)), "", enemy, Service{}, 80},
		{"the rule names its target", event(ours, 40000, enemy, 22, rule(`,"source":{"ip":"10.0.0.1"},"target":{"ip":"203.0.113.1"}`)), "", "", Service{}, 0},
		{"direction beats ports", event(enemy, 1000, ours, 40000, `,"direction":"to_server"`+rule("")), "", enemy, Service{"tcp", 40000}, 0},
		{"flow beats ports", event(ours, 40000, enemy, 1000, `,"flow":{"src_ip":"203.0.113.1"}`+rule("")), "", enemy, Service{"tcp", 40000}, 0},
		{"no ports", event(enemy, 0, ours, 0, rule("")), "", enemy, Service{}, 0},
		{"mapped address", event("::ffff:203.0.113.1", 40000, ours, 22, rule("")), "", enemy, Service{"tcp", 22}, 0},
		{"private address in NAT64", event("64:ff9b::a00:1", 40000, ours, 22, rule("")), "", "", Service{"tcp", 22}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, err := ParseEVE(c.in)
			if err != nil {
				t.Fatal(err)
			}
			var own []netip.Prefix
			if c.own != "" {
				own = append(own, netip.MustParsePrefix(c.own))
			}
			j := a.judge(own)
			hostile := ""
			if j.hostile.IsValid() {
				hostile = j.hostile.String()
			}
			if hostile != c.hostile || j.attacked != c.attacked || j.remote != c.remote {
				t.Errorf("hostile %q, attacked %v, remote %d; want %q, %v, %d", hostile, j.attacked, j.remote, c.hostile, c.attacked, c.remote)
			}
		})
	}
}

func TestHarmlessAlertsCallNobodyHostile(t *testing.T) {
	t.Parallel()
	in := strings.Replace(string(sample(t, "ssh-scan")), "Attempted Information Leak", "Not Suspicious Traffic", 1)
	if r := convert(t, []byte(in), north, levelGreen); len(r.Hosts)+len(r.Services) != 0 {
		t.Errorf("got %v and %v", r.Hosts, r.Services)
	}
}

func TestBadAlertsAreRefused(t *testing.T) {
	t.Parallel()
	good := string(sample(t, "ssh-scan"))
	change := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the sample", old)
		}
		return strings.Replace(good, old, with, 1)
	}
	cases := []struct {
		name, in, field string
		code            ledger.Code
	}{
		{"empty", "", "", ledger.CodeInvalid},
		{"list", "[]", "", ledger.CodeInvalid},
		{"flow event", change(`"event_type":"alert"`, `"event_type":"flow"`), "event_type", ledger.CodeInvalid},
		{"no alert", `{"event_type":"alert"}`, "alert", ledger.CodeInvalid},
		{"no time", change(`2026-03-02T08:15:30.123456+0100`, `yesterday`), "timestamp", ledger.CodeInvalid},
		{"no address", change(`10.20.7.41`, `bed-7`), "dest_ip", ledger.CodeInvalid},
		{"port", change(`"dest_port":22`, `"dest_port":70000`), "dest_port", ledger.CodeInvalid},
		{"port as text", change(`"dest_port":22`, `"dest_port":"22"`), "", ledger.CodeInvalid},
		{"no signature", change(`ET SCAN Potential SSH Scan`, ``), "alert.signature", ledger.CodeInvalid},
		{"no number", change(`2001219`, `0`), "alert.signature_id", ledger.CodeInvalid},
		{"severity", change(`"severity":2`, `"severity":-2`), "alert.severity", ledger.CodeInvalid},
		{"action", change(`"allowed"`, `"wondered"`), "alert.action", ledger.CodeInvalid},
		{"protocol", change(`"TCP"`, `"T C P"`), "proto", ledger.CodeInvalid},
		{"name twice", change(`"event_type"`, `"src_port":1,"event_type"`), "", ledger.CodeInvalid},
		{"deep", change(`"host"`, `"x":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`,"host"`), "", ledger.CodeTooLarge},
		{"long", change(`Patient bed 7`, strings.Repeat("x", MaxEVEBytes)), "", ledger.CodeTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseEVE([]byte(c.in))
			if ledger.CodeOf(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if c.field != "" && !strings.Contains(err.Error(), c.field+": ") {
				t.Errorf("%v does not name %s", err, c.field)
			}
			for _, value := range []string{"yesterday", "bed-7", "wondered", "T C P"} {
				if strings.Contains(err.Error(), value) {
					t.Errorf("%v repeats a submitted value", err)
				}
			}
		})
	}
}

func TestFromEVERefusesUnknownMarkings(t *testing.T) {
	t.Parallel()
	a, err := ParseEVE(sample(t, "ssh-scan"))
	if err != nil {
		t.Fatal(err)
	}
	for _, marking := range []string{"", "white", "GREEN"} {
		if _, err := FromEVE(a, north, marking); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", marking, err)
		}
	}
	if _, err := FromEVE(a, Sharer{}, levelGreen); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("nobody: %v", err)
	}
}

func TestAddressesAreWithheldFromText(t *testing.T) {
	t.Parallel()
	w := &writer{said: judgement{hostile: netip.MustParseAddr("203.0.113.1")}}
	for in, want := range map[string]string{
		"scan of 10.1.2.3 by 203.0.113.1":      "scan of [address withheld] by 203.0.113.1",
		"net 10.0.0.0/8":                       "net [address withheld]/8",
		"v6 fd00:1::2 and ::ffff:10.0.0.1.":    "v6 [address withheld] and [address withheld].",
		"std::string, 12:30:45, ab:cd:ef":      "std::string, 12:30:45, ab:cd:ef",
		"another outside host 198.51.100.200":  "another outside host [address withheld]",
		"to 10.0.0.1:8080, fd00::1: x10.9.8.7": "to [address withheld]:8080, [address withheld]: x[address withheld]",
	} {
		if got := w.withheld(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// FuzzEVE converts whatever is read, reads it back, and looks for addresses that
// must not be told.
func FuzzEVE(f *testing.F) {
	for _, name := range []string{"ssh-scan", "shellshock", "inside", "call-home"} {
		f.Add(sample(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseEVE(b)
		if err != nil {
			if ledger.CodeOf(err) == ledger.CodeInternal {
				t.Errorf("not a problem: %v", err)
			}
			return
		}
		r, err := FromEVE(a, north, levelGreen)
		if err != nil {
			t.Fatalf("a valid alert does not convert: %v", err)
		}
		for _, h := range r.Hosts {
			if !public(h.Network.Addr()) {
				t.Errorf("%s is called hostile and is not public", h.Network)
			}
		}
	})
}

package cti

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	const cve = "CVE-2014-0160"
	ssl := Component{
		Name: "OpenSSL", Version: "1.0.1f", Vendors: []string{"OpenSSL Software Foundation"},
		CPE: "cpe:2.3:a:openssl:openssl:1.0.1f:*:*:*:*:*:*:*", Vulnerabilities: []string{cve},
	}
	log4j := Component{Name: "log4j-core", Group: "org.apache.logging.log4j", Version: "2.14.1", PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}
	device := func(d Device) Device { d.Unit = "u"; return d }
	software := func(s Software) Report { return Report{Software: []Software{s}} }
	cases := []struct {
		name   string
		report Report
		device Device
		want   []string // empty: no match
	}{
		{"same service", Report{Services: []Service{{"tcp", 22}}}, device(Device{Services: []Service{{"tcp", 22}}}), []string{"exposes the attacked service tcp/22"}},
		{"service in the inventory's words", Report{Services: []Service{{"tcp", 104}}}, device(Device{Services: []Service{{"tcp/dicom", 104}}}), []string{"exposes the attacked service tcp/104"}},
		{"application protocol", Report{Services: []Service{{"tcp", 443}}}, device(Device{Services: []Service{{"https", 443}}}), []string{"exposes the attacked service tcp/443"}},
		{"other protocol", Report{Services: []Service{{"udp", 22}}}, device(Device{Services: []Service{{"tcp", 22}}}), nil},
		{"other port", Report{Services: []Service{{"tcp", 22}}}, device(Device{Services: []Service{{"tcp", 2222}}}), nil},
		{"protocol not said", Report{Services: []Service{{"", 22}}}, device(Device{Services: []Service{{"tcp", 22}}}), []string{"exposes the attacked service port 22"}},
		{"listed CVE", Report{CVEs: []string{cve}}, device(Device{Components: []Component{ssl}}), []string{"its bill of materials lists CVE-2014-0160 against OpenSSL 1.0.1f"}},
		{"other CVE", Report{CVEs: []string{"CVE-2014-0161"}}, device(Device{Components: []Component{ssl}}), nil},
		{"product, vendor and version", software(Software{Name: "openssl", Vendor: "OpenSSL Project", Version: "1.0.1f"}), device(Device{Components: []Component{ssl}}), []string{"contains OpenSSL 1.0.1f, which the report names"}},
		{"other vendor", software(Software{Name: "openssl", Vendor: "The Acme Software Foundation", Version: "1.0.1f"}), device(Device{Components: []Component{ssl}}), []string{"contains OpenSSL 1.0.1f, which the report names; the vendor is not confirmed"}},
		{"other version", software(Software{Name: "openssl", Version: "3.0.0"}), device(Device{Components: []Component{ssl}}), nil},
		{"no version", software(Software{Name: "openssl"}), device(Device{Components: []Component{ssl}}), []string{"contains OpenSSL 1.0.1f, which the report names without a version"}},
		{"CPE", software(Software{Name: "SSL toolkit", CPE: "cpe:2.3:a:openssl:openssl:1.0.1f:*:*:*:*:*:*:*"}), device(Device{Components: []Component{ssl}}), []string{"contains OpenSSL 1.0.1f, which the report names"}},
		{"part of a name", software(Software{Name: "SSL"}), device(Device{Components: []Component{ssl}}), nil},
		{"name within a name", software(Software{Name: "openssl"}), device(Device{Components: []Component{{Name: "openssl-fips"}}}), nil},
		{"name with other signs", software(Software{Name: "Log4j Core", Version: "2.14.1"}), device(Device{Components: []Component{log4j}}), []string{"contains log4j-core 2.14.1, which the report names; the vendor is not confirmed"}},
		{"group and name", software(Software{Name: "org.apache.logging.log4j:log4j-core", Vendor: "Apache", Version: "v2.14.1"}), device(Device{Components: []Component{log4j}}), []string{"contains log4j-core 2.14.1, which the report names"}},
		{"model", software(Software{Name: "Infusor 3000"}), device(Device{Name: "Infusor-3000"}), []string{"the report names its model"}},
		{"own address", Report{Hosts: []Host{{Network: netip.MustParsePrefix("203.0.113.0/24"), Until: "2027-01-01T00:00:00Z"}}}, device(Device{Address: "203.0.113.9"}), []string{"the report calls this unit's own address hostile (until 2027-01-01T00:00:00Z)"}},
		{"own name", Report{Hosts: []Host{{Domain: "pump.north.example"}}}, device(Device{Address: "Pump.north.example."}), []string{"the report calls this unit's own address hostile"}},
		{"another's name", Report{Hosts: []Host{{Domain: "north.example"}}}, device(Device{Address: "pump.north.example"}), nil},
		{"nothing known", Report{Services: []Service{{"tcp", 22}}, CVEs: []string{cve}, Hosts: []Host{{Domain: "x.example"}}}, device(Device{}), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			hits := Match(&c.report, []Device{{Unit: "none"}, c.device})
			var got []string
			for _, h := range hits {
				got = append(got, h.Reasons...)
				if h.Unit != "u" || h.Confidence < 1 || h.Confidence > maxConfidence {
					t.Errorf("got %+v", h)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if text := strings.Join(got, " "); strings.Contains(text, "vulnerable") {
				t.Errorf("a match claims too much: %s", text)
			}
		})
	}
}

func TestSeveralGroundsSayMore(t *testing.T) {
	t.Parallel()
	r := &Report{Services: []Service{{"tcp", 22}}, CVEs: []string{"CVE-1999-0001"}}
	parts := []Component{{Name: "sshd", Vulnerabilities: []string{"CVE-1999-0001"}}}
	hits := Match(r, []Device{
		{Unit: "service", Services: []Service{{"tcp", 22}}},
		{Unit: "both", Services: []Service{{"tcp", 22}}, Components: parts},
		{Unit: "part", Components: parts},
	})
	if len(hits) != 3 || hits[1].Confidence <= hits[2].Confidence || hits[2].Confidence <= hits[0].Confidence {
		t.Fatalf("got %+v", hits)
	}
	if !strings.Contains(hits[1].Reasons[0], "CVE") {
		t.Errorf("the strongest reason does not come first: %q", hits[1].Reasons)
	}
}

func TestReasonsAreBounded(t *testing.T) {
	t.Parallel()
	r := &Report{}
	var d Device
	for port := range 100 {
		r.Services = append(r.Services, Service{"tcp", port + 1})
		d.Services = append(d.Services, Service{"tcp", port + 1})
	}
	hits := Match(r, []Device{d})
	if len(hits) != 1 || len(hits[0].Reasons) != maxReasons+1 || hits[0].Confidence != maxConfidence {
		t.Errorf("got %+v", hits)
	}
}

// TestSharedBillsAreJudgedOnce keeps a thousand units of one release cheap, and
// apart from units whose bill only begins alike.
func TestSharedBillsAreJudgedOnce(t *testing.T) {
	t.Parallel()
	parts := []Component{{Name: "a"}, {Name: "b", Vulnerabilities: []string{"CVE-1999-0001"}}}
	hits := Match(&Report{CVEs: []string{"CVE-1999-0001"}}, []Device{
		{Unit: "short", Components: parts[:1]}, {Unit: "one", Components: parts}, {Unit: "two", Components: parts},
	})
	if len(hits) != 2 || hits[0].Unit != "one" || hits[1].Unit != "two" {
		t.Errorf("got %+v", hits)
	}
}

func TestParsePURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]purl{
		"pkg:maven/org.apache/log4j@1.2?type=jar#x": {"maven", "org.apache", "log4j", "1.2"},
		"pkg:npm/%40angular/core@16.0.0":            {"npm", "@angular", "core", "16.0.0"},
		"pkg:npm/@angular/core":                     {"npm", "@angular", "core", ""},
		"pkg:deb/debian/curl@7.50.3-1?arch=i386":    {"deb", "debian", "curl", "7.50.3-1"},
		"pkg:generic/openssl@1.0%2B1":               {"generic", "", "openssl", "1.0+1"},
		"openssl":                                   {},
		"pkg:openssl":                               {},
	} {
		if got, _ := parsePURL(in); got != want {
			t.Errorf("%s: got %+v, want %+v", in, got, want)
		}
	}
}

// TestManyServicesAreCheap bounds what one report costs a large hospital.
func TestManyServicesAreCheap(t *testing.T) {
	t.Parallel()
	r := &Report{}
	for port := range 5_000 {
		r.Services = append(r.Services, Service{"tcp", 10_000 + port})
	}
	devices := make([]Device, 2_000)
	for i := range devices {
		devices[i].Unit = "u"
		for port := range 10 {
			devices[i].Services = append(devices[i].Services, Service{"tcp/dicom", 20_000 + port})
		}
	}
	devices[7].Services[3].Port = 10_003
	began := time.Now()
	if hits := Match(r, devices); len(hits) != 1 || hits[0].Reasons[0] != "exposes the attacked service tcp/10003" {
		t.Errorf("got %+v", hits)
	}
	if took := time.Since(began); took > time.Second { // a hundredth of it on an idle machine
		t.Errorf("matching took %v", took)
	}
}

package vuln

import (
	"strings"
	"testing"
)

// FuzzParse: no text makes reading an advisory panic, and what was read is read
// again as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(strings.NewReplacer("TITLE", "t", "VENDOR", "v", "PRODUCT", "p", "RANGE", "< 2").Replace(advisoryText)))
	f.Add([]byte(`{"id":"OSV-1","modified":"2026-11-02T10:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"a"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`))
	f.Add([]byte(`{"vulnerabilities":[{"cve":{"id":"CVE-2022-3602","configurations":[{"nodes":[{"cpeMatch":[{"vulnerable":true,"criteria":"cpe:2.3:a:b:c:*:*:*:*:*:*:*:*"}]}]}]}}]}`))
	releases := []Release{{DI: "DI", Version: "1.0", Model: "p", Number: "N-1", Maker: "v", MakerID: "v"}}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := Parse(b)
		if err != nil {
			return
		}
		for _, a := range list {
			NewJudge(NewIndex(), releases, nil, nil).Match(a)
			again, err := Reread(a.Body)
			if err != nil || again.ID() != a.ID() || len(again.Products) != len(a.Products) {
				t.Errorf("read again: %v", err)
			}
		}
	})
}

// FuzzParseVEX: no text makes reading a VEX document panic, and what can be read
// can be carried.
func FuzzParseVEX(f *testing.F) {
	f.Add([]byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"a","timestamp":"2026-11-03T10:00:00Z","statements":[{"vulnerability":"CVE-2026-1","products":["pkg:a/b@1"],"status":"fixed"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := ParseVEX(b)
		if err != nil {
			return
		}
		bundle, err := Carry(b, "medtech", "Medtech")
		if err != nil {
			t.Fatal(err)
		}
		back, err := Carried(bundle)
		if err != nil || len(back) != 1 || len(back[0].Statements) != len(doc.Statements) {
			t.Errorf("carried: %v", err)
		}
	})
}

// FuzzVersions: ranges are read and versions compared without panic, and comparing
// is antisymmetric.
func FuzzVersions(f *testing.F) {
	for _, s := range []string{"1.0.2k", "vers:deb/>=1:2~rc1|<3", "prior to 2.0", "2.0 through 3.1", "Rev B-M", "<= 1.0 | 3.x"} {
		f.Add(s, "1.0")
	}
	f.Fuzz(func(t *testing.T, text, version string) {
		r := versionsOf(text, true)
		r.Contains(version)
		for _, scheme := range []Scheme{SchemeGeneric, SchemeDebian, SchemeRPM} {
			x, ok := compareVersions(scheme, text, version)
			y, again := compareVersions(scheme, version, text)
			if ok != again || ok && sign(x) != -sign(y) {
				t.Errorf("%q: %d %d", scheme, x, y)
			}
		}
	})
}

func sign(n int) int { return min(max(n, -1), 1) }

// FuzzParseEPSS and the catalogue: no text makes reading them panic.
func FuzzParseEPSS(f *testing.F) {
	f.Add("#model_version:v2025.03.14,score_date:2026-11-02T00:00:00+0000\ncve,epss,percentile\nCVE-2020-1234,0.5,0.9\n")
	f.Fuzz(func(_ *testing.T, s string) {
		_, _ = ParseEPSS(strings.NewReader(s), func(Likelihood) error { return nil })
		_, _, _ = ParseKEV([]byte(s))
	})
}

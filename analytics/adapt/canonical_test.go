package adapt

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestCanonicalForms(t *testing.T) {
	for _, c := range []struct {
		read     func(string) (Observable, bool)
		in       string
		kind     string
		property string
		want     string // empty: refused
	}{
		{Address, " 198.51.100.7", TypeIPv4, "value", "198.51.100.7"},
		{Address, "::ffff:198.51.100.7", TypeIPv4, "value", "198.51.100.7"},
		{Address, "[2001:DB8::0:1%eth0]", TypeIPv6, "value", "2001:db8::1"},
		{Address, "198.51.100.07", "", "", ""},
		{Domain, "WWW.Example.ORG.", TypeDomain, "value", "www.example.org"},
		{Domain, "bücher.example", TypeDomain, "value", "xn--bcher-kva.example"},
		{Domain, "_ldap._tcp.example.org", TypeDomain, "value", "_ldap._tcp.example.org"},
		{Domain, "198.51.100.7", "", "", ""},
		{Domain, "localhost", "", "", ""},
		{Domain, "a..example", "", "", ""},
		{URL, "HTTP://user:pw@Example.org:80#top", TypeURL, "value", "http://example.org/"},
		{URL, "https://[2001:db8::1]:8443/A?b=C", TypeURL, "value", "https://[2001:db8::1]:8443/A?b=C"},
		{URL, "https://[2001:db8::1]:443/", TypeURL, "value", "https://[2001:db8::1]/"},
		{URL, "javascript:alert(1)", "", "", ""},
		{URL, "/relative", "", "", ""},
		{Email, "A Person <Who@Example.ORG>", TypeEmail, "value", "who@example.org"},
		{Email, "two words@example.org", "", "", ""},
		{FileHash, "44D88612FEA8A8F36DE82E1278ABB02F", TypeFile, "MD5", "44d88612fea8a8f36de82e1278abb02f"},
		{FileHash, "44d88612fea8a8f36de82e1278abb02g", "", "", ""},
		{FileHash, "3:a+JraNvsgzsVqSwHq9:tJuOgzsko", TypeFile, "SSDEEP", "3:a+JraNvsgzsVqSwHq9:tJuOgzsko"},
		{
			FileHash, "T18C9B9D1E3A0F5C2B4D6E8F7A1B3C5D7E9F0A2B4C6D8E0F1A3B5C7D9E1F2A3B4C5D6E7F", TypeFile, "TLSH",
			"t18c9b9d1e3a0f5c2b4d6e8f7a1b3c5d7e9f0a2b4c6d8e0f1a3b5c7d9e1f2a3b4c5d6e7f",
		},
		{Certificate, "DA:39:A3:EE:5E:6B:4B:0D:32:55:BF:EF:95:60:18:90:AF:D8:07:09", TypeCertificate, "SHA-1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{MAC, "00-00-5E-00-53-AF", TypeMAC, "value", "00:00:5e:00:53:af"},
		{MAC, "00:00:5e:00:53:af:00:01", "", "", ""},
	} {
		o, ok := c.read(c.in)
		want := Observable{Type: c.kind, Property: c.property, Value: c.want}
		if ok != (c.want != "") || ok && o != want {
			t.Errorf("%q: %+v, %v; want %+v", c.in, o, ok, want)
		}
		if !ok {
			continue
		}
		if again, ok := c.read(o.Value); !ok || again != o {
			t.Errorf("%q: its canonical form %q reads as %+v, %v", c.in, o.Value, again, ok)
		}
	}
}

func TestLine(t *testing.T) {
	if got := line("a\x00b\r\n\tc \x1b[31m\u202e", 20); got != "ab c [31m" {
		t.Errorf("%q", got)
	}
	if got := line("aaaaaaaaaa", 5); got != "aaaa…" {
		t.Errorf("%q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		s, limit := rapid.String().Draw(t, "text"), rapid.IntRange(2, 20).Draw(t, "limit")
		got := line(s, limit)
		if len([]rune(got)) > limit || line(got, limit) != got || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q of %d: %q, then %q", s, limit, got, line(got, limit))
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"198.51.100.7", "bücher.example", "http://EXAMPLE.org:80/%zz", "a@b.example", "3:aa:bb", "00-00-5E-00-53-AF", "https://[::1]:1/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, read := range []func(string) (Observable, bool){Address, Domain, URL, Email, FileHash, Certificate, MAC} {
			o, ok := read(s)
			if !ok {
				continue
			}
			if again, ok := read(o.Value); !ok || again != o {
				t.Errorf("%q: the canonical form %+v reads as %+v, %v", s, o, again, ok)
			}
		}
	})
}

package cpe

import "testing"

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Name{
		"cpe:2.3:a:Apache:log4j:2.14.1:*:*:*:*:*:*:*":   {"a", "apache", "log4j", "2.14.1", ""},
		`cpe:2.3:o:acme:infusor\:os:*:*:*:*:*:*:*:*`:    {"o", "acme", "infusor:os", "", ""},
		"cpe:/a:apache:log4j:2.14.1":                    {"a", "apache", "log4j", "2.14.1", ""},
		"cpe:2.3:a:openssl:openssl:1.0.2:k:*:*:*:*:*:*": {"a", "openssl", "openssl", "1.0.2", "k"},
		"cpe:2.3:h:baxter:sigma_spectrum:-:*:*:*:*:*:*": {"h", "baxter", "sigma_spectrum", "", ""},
	} {
		if got, ok := Parse(in); got != want || !ok {
			t.Errorf("%s: got %+v, want %+v", in, got, want)
		}
	}
	for _, in := range []string{"", "log4j", "cpe:2.3:a:acme", "cpe:/", "cpe:2.3:a:*:log4j:1:*:*:*:*:*:*:*", `cpe:2.3:\`} {
		if got, ok := Parse(in); ok {
			t.Errorf("%q: %+v", in, got)
		}
	}
	if full := (Name{Version: "1.0.2", Update: "k"}).Full(); full != "1.0.2 k" {
		t.Error(full)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`cpe:2.3:o:acme:infusor\:os:*:*:*:*:*:*:*:*`)
	f.Add("cpe:/a:apache:log4j:2.14.1")
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := Parse(s); ok && (n.Vendor == "" || n.Product == "") {
			t.Errorf("%q: %+v", s, n)
		}
	})
}

package auth

import "testing"

func TestScopes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"system/Observation.rs":                  "system/Observation.rs",
		"system/*.cruds":                         "system/*.crus",
		"system/Observation.read system/*.write": "system/Observation.rs system/*.cu",
		"system/Patient.*":                       "system/Patient.crus",
		"system/Observation.sr":                  "",
		"system/Observation.rr":                  "",
		"system/Observation.d":                   "",
		"system/Observation.x":                   "",
		"system/Observation":                     "",
		"system/observation.r":                   "",
		"system/Observation.rs?category=lab":     "",
		"user/Observation.rs":                    "",
		"integrator":                             "",
		"system/Observation.rs operator":         "",
		"system/Observation.rs\x00":              "",
		"system/Obs/../ervation.rs":              "",
		"system/*.r system/*.r system/*.r":       "system/*.r system/*.r system/*.r",
		"":                                       "",
	} {
		s, ok := ParseScopes(text)
		if s.String() != want || ok != (want != "") {
			t.Errorf("%q: %q, %t", text, s, ok)
		}
	}
	s, _ := ParseScopes("system/Observation.cr system/*.s")
	for _, c := range []struct {
		typ    string
		action byte
		want   bool
	}{{"Observation", 'c', true}, {"Observation", 'u', false}, {"Device", 's', true}, {"Device", 'r', false}} {
		if s.Allow(c.typ, c.action) != c.want {
			t.Errorf("%s %c", c.typ, c.action)
		}
	}
	if len(s.Rights()) != 2 {
		t.Errorf("%v", s.Rights())
	}
	// Who subscribes has the node send resources elsewhere, which takes more than to read them.
	s, _ = ParseScopes("system/Subscription.crus system/Observation.rs")
	if got := s.Rights(); len(got) != 2 || got[0] != WebhooksWrite || got[1] != ReadingsRead {
		t.Errorf("%v", got)
	}
}

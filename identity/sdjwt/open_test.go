package sdjwt_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// nested is a credential with a hidden object that hides a member, a hidden array
// that hides its elements, and a decoy.
func nested(t *testing.T, issuer, holder keys.Signer) string {
	t.Helper()
	var disclosures string
	hide := func(parts ...any) string {
		b, err := json.Marshal(parts)
		if err != nil {
			t.Fatal(err)
		}
		text := base64.RawURLEncoding.EncodeToString(b)
		disclosures += text + "~"
		return verify.Hash(text)
	}
	street := hide("s1", "street", "Main")
	address := hide("s2", "address", map[string]any{"city": "Ulm", "_sd": []string{street}})
	a, b := hide("s3", "A"), hide("s4", map[string]any{"name": "B"})
	wards := hide("s5", "wards", []any{map[string]any{"...": a}, map[string]any{"...": b}, map[string]any{"...": "decoy"}, "C"})
	payload, err := json.Marshal(map[string]any{
		"iss": "did:web:i.example", "vct": "t", "iat": now.Unix(), "exp": now.Unix() + 3600, "cnf": map[string]any{"jwk": holder.JWK()},
		"_sd": []string{address, wards, "decoy too"}, "_sd_alg": "sha-256",
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := keys.Compact(issuer, keys.Header{Type: sdjwt.Type}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return token + "~" + disclosures
}

// TestPathsShowWhatTheyPointAt, with what is above and in it, and nothing beside.
func TestPathsShowWhatTheyPointAt(t *testing.T) {
	t.Parallel()
	issuer, _ := newSecret(t, "P-256")
	holder, _ := newSecret(t, "Ed25519")
	opened, err := sdjwt.Open(nested(t, issuer, holder))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"city": "Ulm", "street": "Main"}
	if diff := cmp.Diff(want, opened.Claims["address"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{"A", map[string]any{"name": "B"}, "C"}, opened.Claims["wards"]); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		paths [][]any
		want  string
	}{
		{nil, `[null,null]`},
		{[][]any{{"vct"}}, `[null,null]`},
		{[][]any{{"address", "city"}}, `[{"city":"Ulm"},null]`},
		{[][]any{{"address", "street"}}, `[{"city":"Ulm","street":"Main"},null]`},
		{[][]any{{"address"}}, `[{"city":"Ulm","street":"Main"},null]`},
		{[][]any{{"wards", 0}}, `[null,["A","C"]]`},
		{[][]any{{"wards", 2}}, `[null,["C"]]`},
		{[][]any{{"wards", nil}}, `[null,["A",{"name":"B"},"C"]]`},
		{[][]any{{"wards", nil, "name"}, {"address", "city"}}, `[{"city":"Ulm"},[{"name":"B"},"C"]]`},
	} {
		text, err := opened.Present(holder, c.paths, sdjwt.Binding{Audience: "aud", Nonce: "n-1", At: now})
		if err != nil {
			t.Errorf("%v: %v", c.paths, err)
			continue
		}
		claims := verified(t, issuer.JWK(), result{OK: true, Presentation: text})
		got, err := json.Marshal([]any{claims["address"], claims["wards"]})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%v: %s", c.paths, diff)
		}
	}
	for _, path := range [][]any{{"none"}, {"address", 0}, {"wards", 3}, {"wards", "A"}, {"wards", -1}} {
		if _, err := opened.Present(holder, [][]any{path}, sdjwt.Binding{Audience: "aud", Nonce: "n", At: now}); err == nil {
			t.Errorf("%v: there is something", path)
		}
	}
	if _, err := opened.Present(issuer, nil, sdjwt.Binding{Audience: "aud", Nonce: "n", At: now}); err == nil {
		t.Error("another key presents it")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("a.b.c~d~")
	f.Add("eyJhbGciOiJFUzI1NiJ9.eyJfc2QiOlsieCJdfQ.AA~WyJzIiwibiIsMV0~")
	f.Fuzz(func(t *testing.T, s string) {
		opened, err := sdjwt.Open(s)
		if err == nil && opened.Claims == nil {
			t.Fatal("opened, and nothing in it")
		}
	})
}

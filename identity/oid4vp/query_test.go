package oid4vp_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// sample uses all of the language.
const sample = `{
  "credentials": [
    {"id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["a", "b"]}, "multiple": true,
     "trusted_authorities": [{"type": "aki", "values": ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}],
     "claims": [{"id": "1", "path": ["name"]}, {"id": "2", "path": ["address", "city"], "values": ["Ulm", 7, true]}, {"id": "3", "path": ["wards", null, 0]}],
     "claim_sets": [["1", "2"], ["3"]]},
    {"id": "mdl", "format": "mso_mdoc", "meta": {"doctype_value": "org.iso.18013.5.1.mDL"}, "require_cryptographic_holder_binding": false,
     "claims": [{"path": ["org.iso.18013.5.1", "given_name"], "intent_to_retain": true}]},
    {"id": "jwt", "format": "jwt_vc_json", "meta": {"type_values": [["VerifiableCredential", "Badge"]]}}
  ],
  "credential_sets": [{"options": [["pid"], ["mdl", "jwt"]]}, {"options": [["jwt"]], "required": false}],
  "unknown": {"members": ["are", "skipped"]}
}`

func TestQueryIsReadAndWritten(t *testing.T) {
	t.Parallel()
	q, err := oid4vp.ParseQuery([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	again, err := oid4vp.ParseQuery(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(q, again); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(oid4vp.Path{"wards", nil, 0}, q.Credentials[0].Claims[2].Path); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]oid4vp.Value{"Ulm", int64(7), true}, q.Credentials[0].Claims[1].Values); diff != "" {
		t.Error(diff)
	}
}

func TestBadQueriesAreRefused(t *testing.T) {
	t.Parallel()
	one := func(members string) string {
		return `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["v"]}` + members + `}]}`
	}
	for name, text := range map[string]string{
		"empty": ``, "no object": `[]`, "none": `{"credentials":[]}`, "a name twice": `{"credentials":[],"credentials":[]}`,
		"a name twice inside": one(`,"x":{"y":1,"y":2}`), "another spelling": `{"Credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"x"}}]}`,
		"id":               strings.Replace(one(""), `"id":"a"`, `"id":"a b"`, 1),
		"id twice":         `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"x"}},{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"x"}}]}`,
		"format":           strings.Replace(one(""), "dc+sd-jwt", "ac_vp", 1),
		"meta of another":  strings.Replace(one(""), "dc+sd-jwt", "mso_mdoc", 1),
		"no types":         strings.Replace(one(""), `["v"]`, `[]`, 1),
		"no path":          one(`,"claims":[{}]`),
		"empty path":       one(`,"claims":[{"path":[]}]`),
		"negative":         one(`,"claims":[{"path":[-1]}]`),
		"fraction":         one(`,"claims":[{"path":[1.5]}]`),
		"bool in path":     one(`,"claims":[{"path":[true]}]`),
		"long path":        one(`,"claims":[{"path":["1","2","3","4","5","6","7","8","9"]}]`),
		"value":            one(`,"claims":[{"path":["a"],"values":[null]}]`),
		"value's fraction": one(`,"claims":[{"path":["a"],"values":[0.5]}]`),
		"sets without ids": one(`,"claims":[{"path":["a"]}],"claim_sets":[["a"]]`),
		"unknown claim":    one(`,"claims":[{"id":"a","path":["a"]}],"claim_sets":[["b"]]`),
		"sets, no claims":  one(`,"claim_sets":[["b"]]`),
		"unknown in set":   strings.TrimSuffix(one(""), "}") + `,"credential_sets":[{"options":[["b"]]}]}`,
		"set is empty":     strings.TrimSuffix(one(""), "}") + `,"credential_sets":[{"options":[]}]}`,
		"mdoc's path":      `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"x"},"claims":[{"path":["a"]}]}]}`,
		"authority":        one(`,"trusted_authorities":[{"type":"aki","values":[]}]`),
		"too many":         one(`,"claims":[` + strings.Repeat(`{"path":["a"]},`, 64) + `{"path":["a"]}]`),
		"too large":        one(`,"x":"` + strings.Repeat("x", oid4vp.MaxQuery) + `"`),
		"too deep":         one(`,"x":` + strings.Repeat("[", 30) + strings.Repeat("]", 30)),
	} {
		_, err := oid4vp.ParseQuery([]byte(text))
		if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// claims of the credential in the tests of matching.
var claims = map[string]any{
	"name": "Ada", "age": 36, "licensed": true, "score": 1.5, "address": map[string]any{"city": "Ulm", "street": "Main"},
	"wards": []any{"A", "B"}, "degrees": []any{map[string]any{"type": "MD", "year": 1}, map[string]any{"type": "PhD"}}, "none": []any{},
}

func TestPathsAndValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path   oid4vp.Path
		values []oid4vp.Value
		there  bool
	}{
		{oid4vp.Path{"name"}, nil, true},
		{oid4vp.Path{"name"}, []oid4vp.Value{"Bea", "Ada"}, true},
		{oid4vp.Path{"name"}, []oid4vp.Value{"ada"}, false},
		{oid4vp.Path{"age"}, []oid4vp.Value{36}, true},
		{oid4vp.Path{"age"}, []oid4vp.Value{"36"}, false},
		{oid4vp.Path{"licensed"}, []oid4vp.Value{true}, true},
		{oid4vp.Path{"licensed"}, []oid4vp.Value{1}, false},
		{oid4vp.Path{"score"}, []oid4vp.Value{1}, false},
		{oid4vp.Path{"address"}, nil, true},
		{oid4vp.Path{"address"}, []oid4vp.Value{"Ulm"}, false},
		{oid4vp.Path{"address", "city"}, nil, true},
		{oid4vp.Path{"address", "zip"}, nil, false},
		{oid4vp.Path{"address", nil}, nil, false},
		{oid4vp.Path{"address", 0}, nil, false},
		{oid4vp.Path{"name", "first"}, nil, false},
		{oid4vp.Path{"wards", nil}, []oid4vp.Value{"B"}, true},
		{oid4vp.Path{"wards", 1}, []oid4vp.Value{"B"}, true},
		{oid4vp.Path{"wards", 2}, nil, false},
		{oid4vp.Path{"wards", "A"}, nil, false},
		{oid4vp.Path{"none", nil}, nil, false},
		{oid4vp.Path{"degrees", nil, "year"}, nil, true},
		{oid4vp.Path{"degrees", nil, "type"}, []oid4vp.Value{"PhD"}, true},
		{oid4vp.Path{"degrees", 1, "year"}, nil, false},
		{oid4vp.Path{nil}, nil, false},
	} {
		q := nameQuery()
		q.Credentials[0].Claims = []oid4vp.Claim{{Path: c.path, Values: c.values}}
		found, err := q.Match([]oid4vp.Held{{ID: "h", Format: oid4vp.FormatSDJWT, Types: []string{staffType}, Claims: claims, Bound: true}})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(found["staff"]) == 1; got != c.there {
			t.Errorf("%v with %v is there: %v", c.path, c.values, got)
		}
		// The verifier checks by the same rule.
		err = q.Satisfied(oid4vp.Shown{"staff": {{Types: []string{staffType}, Claims: claims}}})
		if (err == nil) != c.there {
			t.Errorf("%v with %v satisfies: %v", c.path, c.values, err)
		}
	}
}

func TestMatchKeepsToTheQuery(t *testing.T) {
	t.Parallel()
	q, err := oid4vp.ParseQuery([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	aki := map[string][]string{"aki": {"s9tIpPmhxdiuNkHMEWNpYim8S8Y"}}
	full := oid4vp.Held{ID: "full", Format: oid4vp.FormatSDJWT, Types: []string{"b"}, Claims: claims, Bound: true, Authorities: aki}
	other, unbound, foreign, bare := full, full, full, full
	other.ID, other.Types = "other", []string{"c"}
	unbound.ID, unbound.Bound = "unbound", false
	foreign.ID, foreign.Authorities = "foreign", nil
	bare.ID, bare.Claims = "bare", map[string]any{"wards": []any{[]any{"x"}}}
	mdoc := oid4vp.Held{
		ID: "mdoc", Format: oid4vp.FormatMDoc, Types: []string{"org.iso.18013.5.1.mDL"},
		Claims: map[string]any{"org.iso.18013.5.1": map[string]any{"given_name": "Ada"}},
	}
	badge := oid4vp.Held{ID: "badge", Format: oid4vp.FormatJWT, Types: []string{"VerifiableCredential", "Badge", "More"}, Bound: true}
	partial := badge
	partial.ID, partial.Types = "partial", []string{"Badge"}

	found, err := q.Match([]oid4vp.Held{other, unbound, foreign, bare, full, mdoc, partial, badge})
	if err != nil {
		t.Fatal(err)
	}
	want := oid4vp.Matches{
		"pid": {{Held: "bare", Query: "pid", Show: []oid4vp.Path{{"wards", nil, 0}}}, {Held: "full", Query: "pid", Show: []oid4vp.Path{{"name"}, {"address", "city"}}}},
		"mdl": {{Held: "mdoc", Query: "mdl", Show: []oid4vp.Path{{"org.iso.18013.5.1", "given_name"}}}},
		"jwt": {{Held: "badge", Query: "jwt"}},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Fatal(diff)
	}
	for _, c := range []struct {
		name     string
		found    oid4vp.Matches
		optional bool
		want     []string
	}{
		{"the preferred option", found, false, []string{"bare"}},
		{"with what is optional", found, true, []string{"bare", "badge"}},
		{"the other option", oid4vp.Matches{"mdl": found["mdl"], "jwt": found["jwt"]}, true, []string{"mdoc", "badge"}},
		{"half an option", oid4vp.Matches{"mdl": found["mdl"]}, true, nil},
	} {
		chosen, err := q.Choose(c.found, c.optional)
		var got []string
		for _, one := range chosen {
			got = append(got, one.Held)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (c.want != nil) {
			t.Errorf("%s: %v %s", c.name, err, diff)
		}
	}
}

// TestAnswersThatDoNotSatisfy: wallets answer as if they did.
func TestAnswersThatDoNotSatisfy(t *testing.T) {
	t.Parallel()
	q, err := oid4vp.ParseQuery([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	pid := oid4vp.Judged{Types: []string{"a"}, Claims: claims}
	jwt := oid4vp.Judged{Types: []string{"VerifiableCredential", "Badge"}}
	mdl := oid4vp.Judged{Types: []string{"org.iso.18013.5.1.mDL"}, Claims: map[string]any{"org.iso.18013.5.1": map[string]any{"given_name": "Ada"}}}
	without := oid4vp.Judged{Types: []string{"a"}, Claims: map[string]any{"name": "Ada", "wards": []any{}}}
	for name, c := range map[string]struct {
		shown oid4vp.Shown
		ok    bool
	}{
		"one option":            {oid4vp.Shown{"pid": {pid}}, true},
		"several where allowed": {oid4vp.Shown{"pid": {pid, pid}}, true},
		"the other option":      {oid4vp.Shown{"mdl": {mdl}, "jwt": {jwt}}, true},
		"nothing":               {oid4vp.Shown{}, false},
		"half an option":        {oid4vp.Shown{"mdl": {mdl}}, false},
		"only what is optional": {oid4vp.Shown{"jwt": {jwt}}, false},
		"not asked for":         {oid4vp.Shown{"pid": {pid}, "x": {pid}}, false},
		"an empty list":         {oid4vp.Shown{"pid": {}, "jwt": {}}, false},
		"several of one":        {oid4vp.Shown{"mdl": {mdl, mdl}, "jwt": {jwt}}, false},
		"another type":          {oid4vp.Shown{"pid": {jwt}}, false},
		"a claim kept back":     {oid4vp.Shown{"pid": {without}}, false},
		"one of two without":    {oid4vp.Shown{"pid": {pid, without}}, false},
		"an mdoc without":       {oid4vp.Shown{"mdl": {{Types: mdl.Types, Claims: map[string]any{"other": map[string]any{"given_name": "Ada"}}}}, "jwt": {jwt}}, false},
	} {
		err := q.Satisfied(c.shown)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, &ledger.Problem{Code: ledger.CodeInvalid}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"credentials":[{"id":"a","format":"ldp_vc","meta":{"type_values":[["x"]]},"claims":[{"path":["a",null,3]}]}]}`))
	held := []oid4vp.Held{{ID: "h", Format: oid4vp.FormatSDJWT, Types: []string{"a", staffType}, Claims: claims, Bound: true}}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := oid4vp.ParseQuery(b)
		if err != nil {
			if ledger.CodeOf(err) == ledger.CodeInternal {
				t.Fatal(err)
			}
			return
		}
		encoded, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		again, err := oid4vp.ParseQuery(encoded)
		if err != nil && !errors.Is(err, &ledger.Problem{Code: ledger.CodeTooLarge}) {
			t.Fatalf("%v: %s", err, encoded)
		}
		if err == nil && !cmp.Equal(q, again) {
			t.Fatal(cmp.Diff(q, again))
		}
		found, err := q.Match(held)
		if err != nil {
			t.Fatal(err)
		}
		for id, candidates := range found { // who answers with what matched has satisfied, by the verifier's rule
			if err := q.Satisfied(oid4vp.Shown{id: {{Types: held[0].Types, Claims: claims}}}); err != nil && len(q.Credentials) == 1 && len(q.Sets) == 0 {
				t.Fatalf("%v: %v", candidates, err)
			}
		}
		_, _ = q.Choose(found, true)
	})
}

package vc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/vc"
)

const definition = `{"id":"d-1","input_descriptors":[
	{"id":"nurse","constraints":{"fields":[
		{"path":["$.type"],"filter":{"type":"array","contains":{"type":"string","const":"NurseCredential"}}},
		{"path":["$.credentialSubject.ward","$.vc.credentialSubject.ward"],"filter":{"type":"string","const":"A"}}]}},
	{"id":"senior","constraints":{"fields":[{"path":["$.credentialSubject.level"],"filter":{"type":"number","minimum":5}}]}}]}`

func TestASubmissionAnswersADefinition(t *testing.T) {
	t.Parallel()
	d, err := vc.ParseDefinition([]byte(definition))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, p.curve)
			var credentials [][]byte
			for _, claims := range []map[string]any{{"ward": "B", "level": 1}, {"ward": "C", "level": 5}, {"ward": "A", "level": 3}} {
				c := sample()
				c.Subject = claims
				b, err := p.issue(w.Contexts, w.issuer, c)
				if err != nil {
					t.Fatal(err)
				}
				credentials = append(credentials, b)
			}
			format := vc.FormatLinked
			if strings.HasPrefix(p.name, "JWT") {
				format = vc.FormatJWT
			}
			choice, err := d.Choose(w.Contexts, "s-1", format, credentials...)
			if err != nil {
				t.Fatal(err)
			}
			if len(choice.Credentials) != 2 || choice.Credentials[0] != 2 || choice.Credentials[1] != 1 {
				t.Fatalf("it chooses %v", choice.Credentials)
			}
			shown, err := p.present(w, w.shows, credentials[2], credentials[1])
			if err != nil {
				t.Fatal(err)
			}
			verified, err := p.verify(w, t.Context(), shown, w.wants)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Match(w.Contexts, verified, choice.Submission)
			if err != nil {
				t.Fatalf("%v: %s", err, choice.Submission)
			}
			if got["nurse"].Subject["ward"] != "A" || got["senior"].Subject["level"] != json.Number("5") {
				t.Errorf("it matches %v", got)
			}
			for name, change := range map[string]func(string) string{
				"another definition":  func(s string) string { return strings.Replace(s, "d-1", "d-2", 1) },
				"the other way round": func(s string) string { return swap(s, "[0]", "[1]") },
				"one for both":        func(s string) string { return strings.Replace(s, "[1]", "[0]", 1) },
				"out of range":        func(s string) string { return strings.Replace(s, "[1]", "[2]", 1) },
				"another path":        func(s string) string { return strings.ReplaceAll(s, "verifiableCredential", "..*") },
				"a filter":            func(s string) string { return strings.Replace(s, "[1]", "[?(@.id)]", 1) },
				"an unknown input":    func(s string) string { return strings.ReplaceAll(s, "senior", "junior") },
				"a name twice":        func(s string) string { return strings.Replace(s, `"id"`, `"definition_id":"d-1","id"`, 1) },
				"no JSON":             func(s string) string { return s[1:] },
			} {
				if got, err := d.Match(w.Contexts, verified, []byte(change(string(choice.Submission)))); ledger.CodeOf(err) != ledger.CodeInvalid {
					t.Errorf("%s: matches %v, %v", name, got, err)
				}
			}
			if choice, err := d.Choose(w.Contexts, "s-1", format, credentials[:2]...); ledger.CodeOf(err) != ledger.CodeNotFound {
				t.Errorf("without a nurse it chooses %v, %v", choice, err)
			}
		})
	}
}

func swap(s, a, b string) string {
	return strings.NewReplacer(a, b, b, a).Replace(s)
}

func TestOtherDefinitionsAreRefused(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"no JSON":              `{`,
		"no id":                strings.Replace(definition, `"d-1"`, `""`, 1),
		"no descriptors":       `{"id":"d-1","input_descriptors":[]}`,
		"two of one id":        strings.Replace(definition, `"senior"`, `"nurse"`, 1),
		"a choice":             strings.Replace(definition, `"id":"d-1"`, `"id":"d-1","submission_requirements":[{"rule":"pick","count":1,"from":"A"}]`, 1),
		"nothing constrained":  `{"id":"d-1","input_descriptors":[{"id":"a","constraints":{}}]}`,
		"a descriptor is null": `{"id":"d-1","input_descriptors":[null]}`,
		"of another type":      `{"id":1,"input_descriptors":[]}`,
	} {
		if d, err := vc.ParseDefinition([]byte(s)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: reads as %v, %v", name, d, err)
		}
	}
	long := `{"id":"` + strings.Repeat("x", 1<<16) + `"}`
	if d, err := vc.ParseDefinition([]byte(long)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("a long one reads as %v, %v", d, err)
	}
}

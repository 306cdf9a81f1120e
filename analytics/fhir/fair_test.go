package fhir

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestManyCodesHideNobody: an observation of many components is found by its patient.
func TestManyCodesHideNobody(t *testing.T) {
	t.Parallel()
	var components []string
	for i := range 400 {
		components = append(components, fmt.Sprintf(`{"code":{"coding":[{"system":"urn:x","code":"c%d"}]}}`, i))
	}
	r, err := NewJudge(nil, Limits{Bytes: 1 << 20, Depth: 32, Values: 1 << 15}).Read([]byte(
		`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/1"},"component":[` + strings.Join(components, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	terms, _ := r.Index(nil)
	if len(terms) != maxTerms {
		t.Errorf("%d terms", len(terms))
	}
	for _, want := range []Term{{"patient", "Patient/1"}, {"subject", "Patient/1"}, {"status", "final"}} {
		if !slices.Contains(terms, want) {
			t.Errorf("not found by %s", want.Param)
		}
	}
}

// TestASchemaOfNothingIsRefused, and breaks nothing.
func TestASchemaOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"definitions":{"X":{"properties":{"x":null}}}}`, `{"definitions":{"X":{"properties":{"x":{"items":{"items":null}}}}}}`,
		`{"definitions":{"X":null}}`, `{"definitions":null}`, `{"definitions":{"X":{"oneOf":[null]}}}`, `{"definitions":{"X":{"properties":{"x":{"$ref":"#/definitions/"}}}}}`,
	} {
		if _, err := ReadSchema([]byte(text)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", text, err)
		}
	}
}

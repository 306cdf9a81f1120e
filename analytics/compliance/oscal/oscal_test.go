package oscal_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/defenseunicorns/go-oscal/src/pkg/validation"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/analytics/compliance/compliancetest"
	"github.com/secant-platform/secant/analytics/compliance/oscal"
)

// valid has a foreign implementation validate a document by NIST's schemas.
func valid(document []byte) error {
	v, err := validation.NewValidatorDesiredVersion(document, "1.1.3")
	if err != nil {
		return err
	}
	return v.Validate()
}

func TestCatalogIsValid(t *testing.T) {
	t.Parallel()
	c := compliance.BuiltIn()
	b, err := oscal.Catalog(c, compliancetest.At)
	if err != nil {
		t.Fatal(err)
	}
	if err := valid(b); err != nil {
		t.Fatal(err)
	}
	for _, of := range c.Controls {
		if !strings.Contains(string(b), `"id": "`+of.ID+`"`) {
			t.Errorf("%s is missing", of.ID)
		}
	}
}

func TestResultsAreValid(t *testing.T) {
	t.Parallel()
	c := compliance.BuiltIn()
	a, err := compliance.Evaluate(c, compliancetest.Mixed())
	if err != nil {
		t.Fatal(err)
	}
	b, err := oscal.Results(c, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := valid(b); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Results struct {
			Results []struct {
				Findings []struct {
					Target struct{ Status struct{ State string } }
				}
			}
		} `json:"assessment-results"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	satisfied := 0
	for _, f := range doc.Results.Results[0].Findings {
		if f.Target.Status.State == "satisfied" {
			satisfied++
		}
	}
	if want := strings.Count(a.Letters(), "p") + strings.Count(a.Letters(), "n"); satisfied != want || len(doc.Results.Results[0].Findings) != len(c.Controls) {
		t.Errorf("%d of %d are satisfied, want %d", satisfied, len(doc.Results.Results[0].Findings), want)
	}
	// What is wrong is found: the validator validates.
	if err := valid([]byte(strings.Replace(string(b), `"satisfied"`, `"perhaps"`, 1))); err == nil {
		t.Error("a state that OSCAL does not know is valid")
	}
}

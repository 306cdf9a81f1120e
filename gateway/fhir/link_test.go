package fhir_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/secant-platform/secant/gateway/auth"
)

// TestALinkSaysNothingInTheStore of the person by whose number a reference was made.
func TestALinkSaysNothingInTheStore(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, patient := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir/Patient", `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"4711"}]}`)
	observed := strings.Replace(good, `"status"`, `"subject":{"reference":"Patient?identifier=urn:mrn|4711"},"status"`, 1)
	res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":`+observed+
		`,"request":{"method":"POST","url":"Observation"}}]}`)
	want := fmt.Sprintf(`reference:Patient/%s`, patient["id"])
	if res.StatusCode != http.StatusOK || !strings.Contains(fmt.Sprint(v), want) {
		t.Fatalf("%d %v, want %s", res.StatusCode, v, want)
	}
	_, found := l.call(auth.RoleIntegrator, http.MethodGet, "/fhir/Observation", "")
	if !strings.Contains(fmt.Sprint(found), want) {
		t.Errorf("%v, want %s", found, want)
	}
	id := v["entry"].([]any)[0].(map[string]any)["resource"].(map[string]any)["id"].(string)
	kept, err := l.store.Resource(t.Context(), "Observation", id, 0)
	if err != nil || len(kept.Links) != 1 || strings.Contains(kept.Links[0].From, "4711") {
		t.Errorf("%+v %v", kept.Links, err)
	}
}

package fhir_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/secant-platform/secant/gateway/auth"
)

// TestARingOfDevicesEnds: what leads in a transaction from one to the other, and back, is
// no device, and costs the node nothing.
func TestARingOfDevicesEnds(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const (
		metric = `{"resourceType":"DeviceMetric","type":{"text":"x"},"category":"measurement","source":{"reference":"urn:uuid:TO"}}`
		result = `{"resourceType":"Observation","status":"final","code":{"text":"x"},"device":{"reference":"urn:uuid:TO"}}`
		first  = "11111111-1111-4111-8111-111111111111"
		second = "22222222-2222-4222-8222-222222222222"
	)
	for _, c := range []struct {
		one, other string
		status     int
	}{{metric, metric, http.StatusOK}, {result, result, http.StatusUnprocessableEntity}, {result, metric, http.StatusUnprocessableEntity}} {
		entry := func(id, to, resource string) string {
			typ, _, _ := strings.Cut(strings.TrimPrefix(resource, `{"resourceType":"`), `"`)
			return `{"fullUrl":"urn:uuid:` + id + `","resource":` + strings.Replace(resource, "TO", to, 1) + `,"request":{"method":"POST","url":"` + typ + `"}}`
		}
		res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[`+
			entry(first, second, c.one)+","+entry(second, first, c.other)+`]}`)
		if res.StatusCode != c.status {
			t.Errorf("%d %v, want %d", res.StatusCode, v, c.status)
		}
	}
}

// TestAFailureEndsOneRequest of a batch, whose entries are taken beside one another.
func TestAFailureEndsOneRequest(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.readings.fail = func(int) (bool, error) { panic("a fault of the program") }
	entry := `{"resource":` + good + `,"request":{"method":"POST","url":"Observation"}}`
	batch := `{"resourceType":"Bundle","type":"batch","entry":[` + entry + "," + entry + `]}`
	if res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir", batch); res.StatusCode != http.StatusInternalServerError || v["resourceType"] != "OperationOutcome" {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	l.readings.fail = nil
	if res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir", batch); res.StatusCode != http.StatusOK {
		t.Errorf("%d %v", res.StatusCode, v)
	}
}

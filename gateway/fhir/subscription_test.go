package fhir_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/fhir"
)

// wanted is a subscription with some of its elements written otherwise.
func wanted(change ...string) string {
	return strings.NewReplacer(change...).Replace(`{"resourceType":"Subscription","status":"requested","reason":"Ward 3","criteria":"Observation?code=http://loinc.org|8867-4&patient=Patient/marked",` +
		`"contact":[{"system":"phone","value":"4123"}],"end":"2099-01-01T00:00:00Z",` +
		`"channel":{"type":"rest-hook","endpoint":"https://receiver.example/fhir","payload":"application/fhir+json","header":["Authorization: Bearer marked-token"]}}`)
}

// TestSubscriptionsAreKeptAndShown: created, read, found by status, changed, ended and
// begun again; of headers only the names are told, and their values stay.
func TestSubscriptionsAreKeptAndShown(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir/Subscription", wanted())
	id, _ := v["id"].(string)
	if res.StatusCode != http.StatusCreated || v["status"] != "requested" || !strings.HasPrefix(res.Header.Get(fhir.HeaderSecret), "whsec_") ||
		res.Header.Get("Location") != "http://node.example/fhir/Subscription/"+id || res.Header.Get("ETag") != `W/"1"` {
		t.Fatalf("%d %v %v", res.StatusCode, res.Header, v)
	}
	res, v = l.call(auth.RoleOperator, http.MethodGet, "/fhir/Subscription/"+id, "")
	channel := v["channel"].(map[string]any)
	if res.StatusCode != http.StatusOK || res.Header.Get(fhir.HeaderSecret) != "" || fmt.Sprint(channel["header"]) != "[Authorization: ***]" ||
		v["criteria"] != "Observation?code=http://loinc.org|8867-4&patient=Patient/marked" || v["end"] != "2099-01-01T00:00:00.000Z" {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	for search, want := range map[string]float64{"": 1, "?status=requested": 1, "?status=active,off": 0, "?_id=" + id: 1, "?_id=x": 0} {
		if res, v := l.call(auth.RoleOperator, http.MethodGet, "/fhir/Subscription"+search, ""); res.StatusCode != http.StatusOK || v["total"] != want {
			t.Errorf("%s: %d %v", search, res.StatusCode, v)
		}
	}
	off := strings.Replace(wanted("requested", "off", "marked-token", "***", "Bearer ", ""), `{`, `{"id":"`+id+`",`, 1)
	if res, v := l.call(auth.RoleOperator, http.MethodPut, "/fhir/Subscription/"+id, off, "If-Match", `W/"7"`); res.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	if res, v := l.call(auth.RoleOperator, http.MethodPut, "/fhir/Subscription/"+id, off, "If-Match", `W/"1"`); res.StatusCode != http.StatusOK || v["status"] != "off" || res.Header.Get("ETag") != `W/"2"` {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	if res, v := l.call(auth.RoleOperator, http.MethodGet, "/fhir/Subscription?status=off", ""); v["total"] != 1.0 {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	if res, v := l.call(auth.RoleOperator, http.MethodPut, "/fhir/Subscription/"+id, strings.Replace(off, `"off"`, `"requested"`, 1)); res.StatusCode != http.StatusOK || v["status"] != "requested" {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	// A header's value goes to no server that it was not given for.
	elsewhere := strings.Replace(off, "receiver.example", "other.example", 1)
	if res, v := l.call(auth.RoleOperator, http.MethodPut, "/fhir/Subscription/"+id, elsewhere, "If-Match", `W/"3"`); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(fmt.Sprint(v), "Subscription.channel.header") {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	if res, v := l.call(auth.RoleOperator, http.MethodPut, "/fhir/Subscription/"+id, strings.Replace(elsewhere, "***", "Bearer another", 1)); res.StatusCode != http.StatusOK {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	if res, _ := l.call(auth.RoleOperator, http.MethodPut, "/fhir/Subscription/other", strings.Replace(off, id, "other", 1)); res.StatusCode != http.StatusNotFound {
		t.Errorf("a subscription is made by an update: %d", res.StatusCode)
	}
	if res, _ := l.call(auth.RoleOperator, http.MethodDelete, "/fhir/Subscription/"+id, ""); res.StatusCode != http.StatusNoContent {
		t.Errorf("%d", res.StatusCode)
	}
	if res, _ := l.call(auth.RoleOperator, http.MethodGet, "/fhir/Subscription/"+id, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("%d", res.StatusCode)
	}
}

// TestWhatIsNotUnderstoodIsNoSubscription, and nothing of it is repeated.
func TestWhatIsNotUnderstoodIsNoSubscription(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for name, c := range map[string]struct {
		change []string
		at     string
	}{
		"a status that is the server's":         {[]string{"requested", "active"}, "Subscription.status"},
		"a status that there is not":            {[]string{"requested", "marked"}, "Subscription.status"},
		"a type that is not taken":              {[]string{"Observation?", "Encounter?"}, "Subscription.criteria"},
		"a parameter that is not known":         {[]string{"?code", "?marked"}, "Subscription.criteria"},
		"a modifier that is not known":          {[]string{"?code=", "?code:not="}, "Subscription.criteria"},
		"how to answer":                         {[]string{"?code", "?_count=1&code"}, "Subscription.criteria"},
		"a topic":                               {[]string{"Observation?", "http://marked.example/topic?"}, "Subscription.criteria"},
		"no criteria":                           {[]string{`"criteria":`, `"marked":`}, "Subscription.criteria"},
		"another channel":                       {[]string{"rest-hook", "websocket"}, "Subscription.channel.type"},
		"XML":                                   {[]string{"fhir+json", "fhir+xml"}, "Subscription.channel.payload"},
		"plain HTTP":                            {[]string{"https://receiver", "http://receiver"}, "Subscription.channel.endpoint"},
		"an inner address":                      {[]string{"receiver.example", "10.0.0.7"}, "Subscription.channel.endpoint"},
		"an extension":                          {[]string{`"reason"`, `"extension":[{"url":"http://marked.example"}],"reason"`}, "Subscription"},
		"an extension of the criteria":          {[]string{`"reason"`, `"_criteria":{"id":"marked"},"reason"`}, "Subscription"},
		"an end that is no time":                {[]string{"2099-01-01T00:00:00Z", "2099"}, "Subscription.end"},
		"a header of HTTP's own":                {[]string{"Authorization", "Transfer-Encoding"}, "Subscription.channel.header[0]"},
		"a header of the signature's":           {[]string{"Authorization", "webhook-signature"}, "Subscription.channel.header[0]"},
		"a header in a header":                  {[]string{"marked-token", `marked\r\nX: y`}, "Subscription.channel.header[0]"},
		"a header without a name":               {[]string{"Authorization", ""}, "Subscription.channel.header[0]"},
		"an empty payload":                      {[]string{"application/fhir+json", ""}, "Subscription.channel.payload"},
		"a name twice":                          {[]string{`"reason"`, `"status":"off","reason"`}, ""},
		"a reason that is not there":            {[]string{`"reason":"Ward 3",`, ""}, "Subscription.reason"},
		"a reason that is longer than it may":   {[]string{"Ward 3", strings.Repeat("marked", 1000)}, "Subscription.reason"},
		"more than a subscription needs":        {[]string{"Ward 3", strings.Repeat("marked", 10_000)}, ""},
		"a search of more than it may":          {[]string{"?code", "?" + strings.Repeat("status=final&", 40) + "code"}, "Subscription.criteria"},
		"an answer as lenient as may be wished": {[]string{"?code", "?marked=1&code"}, "Subscription.criteria"},
	} {
		t.Run(name, func(t *testing.T) {
			res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir/Subscription", wanted(c.change...), "Prefer", "handling=lenient")
			if res.StatusCode/100 != 4 || v["resourceType"] != "OperationOutcome" || c.at != "" && !strings.Contains(fmt.Sprint(v["issue"]), "["+c.at+"]") {
				t.Errorf("%d %v", res.StatusCode, v)
			}
			if strings.Contains(fmt.Sprint(v), "marked") {
				t.Errorf("it is repeated: %v", v)
			}
		})
	}
	for _, role := range []auth.Role{auth.RoleAuditor, auth.RoleNurse, auth.RoleRegistrar} {
		if res, _ := l.call(role, http.MethodPost, "/fhir/Subscription", wanted()); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", role, res.StatusCode)
		}
	}
	if _, v := l.call(auth.RoleOperator, http.MethodGet, "/fhir/Subscription", ""); v["total"] != 0.0 {
		t.Errorf("%v", v)
	}
}

package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"

	"github.com/secant-platform/secant/gateway/config"
)

// TestNobodySendsUnderAnothersName: an observation is of a device of this hospital in
// service, or of none; a device that signs speaks for itself alone.
func TestNobodySendsUnderAnothersName(t *testing.T) {
	c := newConsortium(t)
	north, south, maker := c.start(t, "hospital-north"), c.start(t, "hospital-south"), c.start(t, "medtech")
	model(maker)
	d, other, foreign := commission(t, maker, north, "SN-1"), commission(t, maker, north, "SN-2"), commission(t, maker, south, "SN-3")
	north.name(d.id, "http://hospital.example/devices", "bed-7")
	post := func(typ string, body []byte, header map[string]string) (int, map[string]any, []byte) {
		role := "integrator"
		if header != nil {
			role = ""
		}
		res, v, b := north.fhir(role, http.MethodPost, "/fhir/"+typ, body, header)
		return res.StatusCode, v, b
	}
	describe := func(body string) string {
		status, v, b := post("Device", []byte(body), nil)
		if status != http.StatusCreated {
			t.Fatalf("%d %s", status, b)
		}
		return v["id"].(string)
	}
	known := describe(`{"resourceType":"Device","identifier":[{"system":"http://hospital.example/devices","value":"bed-7"}],"status":"active"}`)
	unknown := describe(`{"resourceType":"Device","identifier":[{"system":"http://hospital.example/devices","value":"bed-8"}]}`)
	_, metric, _ := post("DeviceMetric", fmt.Appendf(nil, `{"resourceType":"DeviceMetric","type":{"text":"ECG"},"category":"measurement","source":{"reference":"Device/%s"}}`, known), nil)
	for name, try := range map[string]struct {
		device string
		status int
	}{
		"by its unit id":             {`{"reference":"Device/` + d.id + `"}`, http.StatusCreated},
		"by an address here":         {`{"reference":"` + north.url + `/fhir/Device/` + d.id + `"}`, http.StatusCreated},
		"by a name of its source":    {`{"identifier":{"system":"http://hospital.example/devices","value":"bed-7"}}`, http.StatusCreated},
		"by its id as an identifier": {`{"identifier":{"system":"urn:secant:unit","value":"` + d.id + `"}}`, http.StatusCreated},
		"by a resource":              {`{"reference":"Device/` + known + `"}`, http.StatusCreated},
		"by a metric of it":          {`{"reference":"DeviceMetric/` + metric["id"].(string) + `"}`, http.StatusCreated},
		"in words only":              {`{"display":"some device"}`, http.StatusCreated},
		"a resource of no device":    {`{"reference":"Device/` + unknown + `"}`, http.StatusUnprocessableEntity},
		"a resource that is not":     {`{"reference":"Device/none"}`, http.StatusUnprocessableEntity},
		"another hospital's":         {`{"reference":"Device/` + foreign.id + `"}`, http.StatusUnprocessableEntity},
		"a unit that is not":         {`{"reference":"Device/` + strings.Repeat("a", 64) + `"}`, http.StatusUnprocessableEntity},
		"a name of nobody's":         {`{"identifier":{"system":"http://hospital.example/devices","value":"bed-9"}}`, http.StatusUnprocessableEntity},
		"a name at another source":   {`{"identifier":{"system":"http://elsewhere.example","value":"bed-7"}}`, http.StatusUnprocessableEntity},
		"an address elsewhere":       {`{"reference":"https://elsewhere.example/fhir/Device/` + d.id + `"}`, http.StatusUnprocessableEntity},
		"a patient":                  {`{"reference":"Patient/1"}`, http.StatusUnprocessableEntity},
		"a contained one without":    {`{"reference":"#c"}`, http.StatusUnprocessableEntity},
		"a name with a null byte":    {`{"identifier":{"system":"http://hospital.example/devices\u0000","value":"bed-7"}}`, http.StatusUnprocessableEntity},
	} {
		if status, v, b := post("Observation", observation(try.device, 70), nil); status != try.status || status >= 400 && v["resourceType"] != "OperationOutcome" {
			t.Errorf("%s: %d %s, want %d", name, status, b, try.status)
		}
	}
	contained := func(value string) []byte {
		return bytes.Replace(observation(`{"reference":"#c"}`, 70), []byte(`"status"`),
			[]byte(`"contained":[{"resourceType":"Device","id":"c","identifier":[{"system":"http://hospital.example/devices","value":"`+value+`"}]}],"status"`), 1)
	}
	for value, want := range map[string]int{"bed-7": http.StatusCreated, "bed-9": http.StatusUnprocessableEntity} {
		if status, _, b := post("Observation", contained(value), nil); status != want {
			t.Errorf("a contained %s: %d %s", value, status, b)
		}
	}

	// A device that signs.
	own := string(observation(`{"reference":"Device/`+d.id+`"}`, 71))
	silent := strings.Replace(own, `"device": {"reference":"Device/`+d.id+`"},`, "", 1)
	signed := func(d device, text string) map[string]string {
		h, _ := d.sign(t, text)
		h["Content-Type"] = fhirJSON
		return h
	}
	for name, try := range map[string]struct {
		header map[string]string
		text   string
		status int
	}{
		"its own":                {signed(d, own), own, http.StatusCreated},
		"without naming itself":  {signed(d, silent), silent, http.StatusCreated},
		"another's":              {signed(other, own), own, http.StatusForbidden},
		"altered":                {signed(d, own), strings.Replace(own, "71.50", "17.50", 1), http.StatusForbidden},
		"by one that is foreign": {signed(foreign, silent), silent, http.StatusForbidden},
	} {
		status, v, b := post("Observation", []byte(try.text), try.header)
		if status != try.status {
			t.Errorf("signed, %s: %d %s, want %d", name, status, b, try.status)
			continue
		}
		if status != http.StatusCreated {
			continue
		}
		at := fmt.Sprintf("/fhir/Observation/%s/$verify", v["id"])
		north.await("the signed resource to be anchored", func() bool {
			_, v, _ = north.fhir("auditor", http.MethodGet, at, nil, nil)
			return said(v, "anchored") == true
		})
		if said(v, "vouched-by") != "device" || said(v, "device") != d.id || said(v, "device-state") != "in_service" {
			t.Errorf("signed, %s: %v", name, v)
		}
	}
	if status, _, b := post("Patient", []byte(`{"resourceType":"Patient"}`), signed(d, `{"resourceType":"Patient"}`)); status != http.StatusForbidden {
		t.Errorf("a device sends a patient: %d %s", status, b)
	}
}

// TestConditionsHoldWhole: of many who create the same at once one does, a version that
// is not the current one is not replaced, and a transaction is done as a whole.
func TestConditionsHoldWhole(t *testing.T) {
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	body := []byte(`{"resourceType":"Observation","identifier":[{"system":"http://lab.example","value":"7"}],"status":"final","code":{"text":"x"}}`)
	var all sync.WaitGroup
	statuses := make([]int, 16)
	for i := range statuses {
		all.Go(func() {
			res, _, _ := north.fhir("integrator", http.MethodPost, "/fhir/Observation", body, map[string]string{"If-None-Exist": "identifier=http://lab.example|7"})
			statuses[i] = res.StatusCode
		})
	}
	all.Wait()
	if s := fmt.Sprint(statuses); strings.Count(s, "201") != 1 || strings.Count(s, "200") != 15 {
		t.Errorf("%v", statuses)
	}
	count := func(search string) float64 {
		_, v, _ := north.fhir("auditor", http.MethodGet, "/fhir/Observation?_summary=count&"+search, nil, nil)
		return v["total"].(float64)
	}
	if n := count("identifier=7"); n != 1 {
		t.Errorf("%v of one", n)
	}
	if res, _, b := north.fhir("integrator", http.MethodPost, "/fhir/Observation", body, nil); res.StatusCode != http.StatusCreated {
		t.Errorf("without a condition: %d %s", res.StatusCode, b)
	}
	if res, _, b := north.fhir("integrator", http.MethodPost, "/fhir/Observation", body, map[string]string{"If-None-Exist": "identifier=7"}); res.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("a condition that fits two: %d %s", res.StatusCode, b)
	}
	for condition, want := range map[string]int{"": http.StatusCreated, "_count=1": http.StatusPreconditionFailed, "colour=red": http.StatusBadRequest} {
		h := map[string]string{}
		if condition != "" {
			h["If-None-Exist"] = condition
		}
		if res, _, b := north.fhir("integrator", http.MethodPost, "/fhir/Observation", body, h); res.StatusCode != want {
			t.Errorf("If-None-Exist %q: %d %s", condition, res.StatusCode, b)
		}
	}

	// Versions.
	put := func(id, status, match string) (int, map[string]any) {
		h := map[string]string{}
		if match != "" {
			h["If-Match"] = match
		}
		text := fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":%q,"code":{"text":"x"}}`, "o-1", status)
		res, v, _ := north.fhir("integrator", http.MethodPut, "/fhir/Observation/"+id, []byte(text), h)
		return res.StatusCode, v
	}
	for i, step := range []struct {
		id, status, match string
		want              int
	}{
		{"o-1", "preliminary", `W/"1"`, http.StatusPreconditionFailed}, // there is none
		{"o-1", "preliminary", "", http.StatusCreated},
		{"o-1", "final", `W/"1"`, http.StatusOK},
		{"o-1", "amended", `W/"1"`, http.StatusPreconditionFailed},
		{"o-1", "amended", "2", http.StatusBadRequest},
		{"o-2", "amended", "", http.StatusUnprocessableEntity}, // another id
	} {
		if got, v := put(step.id, step.status, step.match); got != step.want {
			t.Errorf("step %d: %d %v, want %d", i, got, v, step.want)
		}
	}
	if count("status=final&_id=o-1") != 1 || count("status=preliminary&_id=o-1") != 0 {
		t.Error("what is found is not the current version")
	}
	if _, v, _ := north.fhir("auditor", http.MethodGet, "/fhir/Observation/o-1/_history/1", nil, nil); v["status"] != "preliminary" {
		t.Errorf("the first version: %v", v)
	}
	if _, v, b := north.fhir("auditor", http.MethodGet, "/fhir/Observation/o-1/_history?_count=1", nil, nil); len(v["entry"].([]any)) != 1 || len(v["link"].([]any)) != 2 {
		t.Errorf("a page of the history: %s", b)
	}

	// A transaction whose last entry fails keeps nothing.
	before := count("")
	entry := func(method, address, resource, more string) string {
		return fmt.Sprintf(`{"fullUrl":"urn:uuid:%s","resource":%s,"request":{"method":%q,"url":%q%s}}`, rand.Text(), resource, method, address, more)
	}
	good := `{"resourceType":"Observation","status":"final","code":{"text":"x"}}`
	for name, last := range map[string]struct {
		entry  string
		status int
		place  string
	}{
		"an invalid resource":         {entry("POST", "Observation", `{"resourceType":"Observation","status":"final"}`, ""), http.StatusUnprocessableEntity, "Bundle.entry[1].resource.code"},
		"a foreign device":            {entry("POST", "Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"device":{"reference":"Device/none"}}`, ""), http.StatusUnprocessableEntity, "Bundle.entry[1]"},
		"another version":             {entry("PUT", "Observation/o-1", `{"resourceType":"Observation","id":"o-1","status":"final","code":{"text":"x"}}`, `,"ifMatch":"W/\"9\""`), http.StatusPreconditionFailed, "Bundle.entry[1]"},
		"a condition that fits two":   {entry("POST", "Observation", good, `,"ifNoneExist":"identifier=7"`), http.StatusPreconditionFailed, "Bundle.entry[1]"},
		"a reference that finds none": {entry("POST", "Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient?identifier=none"}}`, ""), http.StatusPreconditionFailed, "Bundle.entry[1].resource"},
		"deleting":                    {entry("DELETE", "Observation/o-1", good, ""), http.StatusBadRequest, "Bundle.entry[1].request.method"},
		"half a surrogate":            {entry("POST", "Observation", `{"resourceType":"Observation","status":"final","code":{"text":"\ud800"}}`, ""), http.StatusUnprocessableEntity, "Bundle.entry[1]"},
	} {
		text := `{"resourceType":"Bundle","type":"transaction","entry":[` + entry("POST", "Observation", good, "") + "," + last.entry + `]}`
		res, v, b := north.fhir("integrator", http.MethodPost, "/fhir", []byte(text), nil)
		if res.StatusCode != last.status || v["resourceType"] != "OperationOutcome" || !strings.Contains(string(b), last.place) {
			t.Errorf("%s: %d %s", name, res.StatusCode, b)
		}
	}
	if after := count(""); after != before {
		t.Errorf("%v observations of transactions that failed", after-before)
	}

	// Conditional references and the order of reads.
	text := `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"GET","url":"Observation?identifier=http://lab.example|9"}},` +
		`{"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","identifier":[{"system":"http://mrn.example","value":"77"}],"name":[{"family":"Nobody"}]},"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=http://mrn.example|77"}},` +
		`{"resource":{"resourceType":"Observation","identifier":[{"system":"http://lab.example","value":"9"}],"status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:p"}},"request":{"method":"POST","url":"Observation"}}]}`
	var patients []string
	for range 2 {
		_, v, b := north.fhir("integrator", http.MethodPost, "/fhir", []byte(text), nil)
		entries, ok := v["entry"].([]any)
		if !ok || len(entries) != 3 {
			t.Fatalf("%s", b)
		}
		page := entries[0].(map[string]any)["resource"].(map[string]any)
		if n := len(page["entry"].([]any)); n != len(patients)+1 {
			t.Errorf("%d observations read in the transaction: %s", n, b)
		}
		subject := entries[2].(map[string]any)["resource"].(map[string]any)["subject"].(map[string]any)["reference"].(string)
		patients = append(patients, subject)
	}
	if patients[0] != patients[1] || !strings.HasPrefix(patients[0], "Patient/") {
		t.Errorf("%v", patients)
	}
	if _, v, b := north.fhir("nurse", http.MethodGet, "/fhir/Patient?identifier=http://mrn.example|77", nil, nil); v["total"] != 1.0 || !bytes.Contains(b, []byte("Nobody")) {
		t.Errorf("%s", b)
	}
	if strings.Contains(north.log.String(), "Nobody") || strings.Contains(north.log.String(), "mrn.example") {
		t.Error("the log tells of a patient")
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(north.cfg.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, mark := range []string{"Nobody", "mrn.example"} {
			if bytes.Contains(text, []byte(mark)) {
				t.Errorf("%s tells of a patient", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestAProgramIsConfinedToItsScopes: a token of SMART Backend Services does what its
// scopes say, and nothing beyond.
func TestAProgramIsConfinedToItsScopes(t *testing.T) {
	c := newConsortium(t)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "2026"}}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.config("hospital-north")
	cfg.SignIn.Services = []config.Service{{ID: "lab", Keys: set, Roles: []string{"integrator"}}}
	north := c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: jose.JSONWebKey{Key: key, KeyID: "2026"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := josejwt.Signed(signer).Claims(map[string]any{
		"iss": "lab", "sub": "lab", "aud": north.url + "/oauth/token", "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix(),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_assertion": {assertion}, "scope": {"system/Observation.cs system/Patient.rs"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}.Encode()
	_, b := north.call("", http.MethodPost, "/oauth/token", []byte(form), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
	var granted struct {
		Token string `json:"access_token"`
		Scope string `json:"scope"`
	}
	if err := json.Unmarshal(b, &granted); err != nil || granted.Scope != "system/Observation.cs system/Patient.rs" {
		t.Fatalf("%s", b)
	}
	bearer := map[string]string{"Authorization": "Bearer " + granted.Token}
	good := []byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"}}`)
	bundle := func(method, address, resource string) []byte {
		return []byte(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + resource + `,"request":{"method":"` + method + `","url":"` + address + `"}}]}`)
	}
	for _, try := range []struct {
		method, path string
		body         []byte
		status       int
		within       string
	}{
		{http.MethodPost, "/fhir/Observation", good, http.StatusCreated, ""},
		{http.MethodGet, "/fhir/Observation?status=final", nil, http.StatusOK, ""},
		{http.MethodGet, "/fhir/Patient/none", nil, http.StatusNotFound, ""},
		{http.MethodGet, "/fhir/Observation/none", nil, http.StatusForbidden, ""},
		{http.MethodPut, "/fhir/Observation/o", good, http.StatusForbidden, ""},
		{http.MethodPost, "/fhir/Device", []byte(`{"resourceType":"Device"}`), http.StatusForbidden, ""},
		{http.MethodGet, "/fhir/Device", nil, http.StatusForbidden, ""},
		{http.MethodGet, "/v1/units", nil, http.StatusForbidden, ""},
		{http.MethodPost, "/fhir", bundle("POST", "Observation", string(good)), http.StatusOK, "201 Created"},
		{http.MethodPost, "/fhir", bundle("POST", "Device", `{"resourceType":"Device"}`), http.StatusOK, "403 Forbidden"},
		{http.MethodPost, "/fhir", bundle("GET", "Device", `{}`), http.StatusOK, "403 Forbidden"},
	} {
		res, v, b := north.fhirOr(try.method, try.path, try.body, bearer)
		if res.StatusCode != try.status || !strings.Contains(string(b), try.within) {
			t.Errorf("%s %s: %d %v %s", try.method, try.path, res.StatusCode, v, b)
		}
	}
	if res, _, b := north.fhirOr(http.MethodPost, "/fhir/Observation", good, map[string]string{"Authorization": bearer["Authorization"], "If-None-Exist": "identifier=1"}); res.StatusCode != http.StatusForbidden {
		t.Errorf("a condition without the right to read: %d %s", res.StatusCode, b)
	}
}

// fhirOr is fhir for what may be replied by another interface.
func (r *running) fhirOr(method, path string, body []byte, header map[string]string) (replied, map[string]any, []byte) {
	if strings.HasPrefix(path, "/fhir") {
		return r.fhir("", method, path, body, header)
	}
	res := r.answer("", method, path, body, header)
	defer res.Body.Close()
	return replied{res.StatusCode, res.Header}, nil, nil
}

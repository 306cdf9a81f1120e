package fhir_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-golden +now; -update rewrites it):\n%s", path, diff)
	}
}

// TestRoutes pins the surface: every route with its right.
func TestRoutes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var b strings.Builder
	for _, r := range l.router.Routes() {
		fmt.Fprintf(&b, "%-4s %-50s %s\n", r.Method, r.Path, r.Right)
	}
	golden(t, "testdata/routes.golden.txt", []byte(b.String()))
}

// TestCapabilityStatement pins what the server says of itself.
func TestCapabilityStatement(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	w := httptest.NewRecorder()
	l.engine.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://node.example/fhir/metadata", nil))
	golden(t, "testdata/metadata.golden.json", append(w.Body.Bytes(), '\n'))
}

// TestRights calls every route in every role and as nobody: who lacks the right meets
// 401 or 403, and who has it does not.
func TestRights(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.verdict = func(proof.RequestID) (*proof.Verdict, error) { return nil, errors.New("no") }
	for _, route := range l.router.Routes() {
		path := strings.NewReplacer(":type", "Observation", ":id", "x", ":version", "1", ":job", "x").Replace(route.Path)
		right := route.Right
		if right == auth.DeviceOrWrite {
			right = auth.ReadingsWrite
		}
		for _, role := range auth.Roles {
			res, _ := l.call(role, route.Method, path, "")
			may := right == auth.Anonymous || role.Has(right)
			if may == (res.StatusCode == http.StatusForbidden || res.StatusCode == http.StatusUnauthorized) {
				t.Errorf("%s %s as %s: %d", route.Method, path, role, res.StatusCode)
			}
		}
		if res, _ := l.call("", route.Method, path, ""); (res.StatusCode == http.StatusUnauthorized) != (right != auth.Anonymous) {
			t.Errorf("%s %s as nobody: %d", route.Method, path, res.StatusCode)
		}
	}
}

const good = `{"resourceType":"Observation","status":"final","code":{"text":"x"}}`

// TestErrorsAreOutcomes: whatever is wrong is said in FHIR's own form, and repeats
// nothing.
func TestErrorsAreOutcomes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const reads, writes = auth.RoleAuditor, auth.RoleIntegrator
	for name, c := range map[string]struct {
		role         auth.Role
		method, path string
		body         string
		header       []string
		status       int
		code         string
	}{
		"no token":               {"", "GET", "/fhir/Observation", "", nil, 401, "login"},
		"a forged one":           {"", "GET", "/fhir/Observation", "", []string{"Authorization", "Bearer x"}, 401, "login"},
		"without the right":      {reads, "POST", "/fhir/Observation", good, nil, 403, "forbidden"},
		"nothing there":          {reads, "GET", "/fhir/Observation/x", "", nil, 404, "not-found"},
		"no such version":        {reads, "GET", "/fhir/Observation/x/_history/0", "", nil, 404, "not-found"},
		"a type not taken":       {reads, "GET", "/fhir/MARKED", "", nil, 404, "not-supported"},
		"no such path":           {reads, "GET", "/fhir/a/b/c/d/e", "", nil, 404, "not-found"},
		"deleting":               {writes, "DELETE", "/fhir/Observation/x", "", nil, 405, "not-supported"},
		"patching":               {writes, "PATCH", "/fhir/Observation/x", "", nil, 405, "not-supported"},
		"XML wanted":             {reads, "GET", "/fhir/Observation", "", []string{"Accept", "application/fhir+xml"}, 406, "not-supported"},
		"XML wanted by name":     {reads, "GET", "/fhir/Observation?_format=xml", "", nil, 406, "not-supported"},
		"XML sent":               {writes, "POST", "/fhir/Observation", good, []string{"Content-Type", "application/fhir+xml"}, 415, "not-supported"},
		"of another release":     {writes, "POST", "/fhir/Observation", good, []string{"Content-Type", "application/fhir+json; fhirVersion=5.0"}, 415, "not-supported"},
		"compressed":             {writes, "POST", "/fhir/Observation", good, []string{"Content-Encoding", "gzip"}, 415, "not-supported"},
		"no body":                {writes, "POST", "/fhir/Observation", "", []string{"Content-Type", "application/json"}, 400, "structure"},
		"no JSON":                {writes, "POST", "/fhir/Observation", "MARKED", nil, 422, "invalid"},
		"another type":           {writes, "POST", "/fhir/Patient", good, nil, 422, "invalid"},
		"too large":              {writes, "POST", "/fhir/Observation", `{"a":"` + strings.Repeat("x", 5000) + `"}`, nil, 413, "too-long"},
		"far too large":          {writes, "POST", "/fhir/Observation", strings.Repeat(" ", 2<<20), nil, 413, "too-long"},
		"an unknown parameter":   {reads, "GET", "/fhir/Observation?MARKED=1", "", nil, 400, "not-supported"},
		"an unknown modifier":    {reads, "GET", "/fhir/Observation?code:in=1", "", nil, 400, "not-supported"},
		"an empty value":         {reads, "GET", "/fhir/Observation?code=", "", nil, 400, "invalid"},
		"no date":                {reads, "GET", "/fhir/Observation?date=MARKED", "", nil, 400, "invalid"},
		"too many alternatives":  {reads, "GET", "/fhir/Observation?code=" + strings.Repeat("a,", 100) + "a", "", nil, 400, "invalid"},
		"too many conditions":    {reads, "GET", "/fhir/Observation?" + strings.Repeat("code=a&", 17), "", nil, 400, "invalid"},
		"too many parameters":    {reads, "GET", "/fhir/Observation?" + strings.Repeat("code=a&", 40), "", nil, 400, "invalid"},
		"a bookmark of nobody's": {reads, "GET", "/fhir/Observation?_page=MARKED", "", nil, 422, "invalid"},
		"half an escape":         {reads, "GET", "/fhir/Observation?code=%zz", "", nil, 400, "invalid"},
		"an order that is not":   {reads, "GET", "/fhir/Observation?_sort=code", "", nil, 400, "invalid"},
		"a count that is none":   {reads, "GET", "/fhir/Observation?_count=-1", "", nil, 400, "invalid"},
		"no bundle":              {writes, "POST", "/fhir", good, nil, 422, "invalid"},
		"too many entries":       {writes, "POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[` + strings.Repeat(`{},`, 60) + `{}]}`, nil, 413, "too-long"},
		"a condition on nothing": {writes, "POST", "/fhir/Observation", good, []string{"If-None-Exist", "_count=1"}, 412, "invalid"},
		"a device not known":     {writes, "POST", "/fhir/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"device":{"reference":"Device/MARKED"}}`, nil, 422, "business-rule"},
	} {
		res, v := l.call(c.role, c.method, c.path, c.body, c.header...)
		issues, _ := v["issue"].([]any)
		if res.StatusCode != c.status || v["resourceType"] != "OperationOutcome" || len(issues) == 0 {
			t.Errorf("%s: %d %v, want %d", name, res.StatusCode, v, c.status)
			continue
		}
		if first := issues[0].(map[string]any); first["code"] != c.code || strings.Contains(fmt.Sprint(v), "MARKED") {
			t.Errorf("%s: %v", name, v)
		}
	}
	if res, _ := l.call(reads, "GET", "/fhir/Observation?colour=red", "", "Prefer", "handling=lenient"); res.StatusCode != http.StatusOK {
		t.Errorf("leniently: %d", res.StatusCode)
	}
}

// TestNothingIsHalfDone: a transaction of which one resource cannot be made durable, or
// was and the answer was lost, shows nothing; the same sent again is whole.
func TestNothingIsHalfDone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	entry := `{"resource":` + good + `,"request":{"method":"POST","url":"Observation"}}`
	bundle := `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.TrimSuffix(strings.Repeat(entry+",", 10), ",") + `]}`
	for _, kept := range []bool{false, true} {
		for at := 1; at <= 10; at += 3 {
			l.readings.count = 0
			l.readings.fail = func(n int) (bool, error) {
				if n == at {
					return kept, ledger.Problemf(ledger.CodeUnavailable, "the outcome is unknown")
				}
				return true, nil
			}
			res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir", bundle)
			if res.StatusCode != http.StatusServiceUnavailable || v["resourceType"] != "OperationOutcome" || res.Header.Get("Retry-After") == "" {
				t.Errorf("%d: %v", res.StatusCode, v)
			}
			if n := l.count(""); n != 0 {
				t.Fatalf("the %dth failed, and %v are there", at, n)
			}
		}
	}
	l.readings.fail = nil
	if res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir", bundle); res.StatusCode != http.StatusOK || l.count("") != 10 {
		t.Errorf("%d: %v", res.StatusCode, v)
	}
	// In a batch the others are done.
	l.readings.count = 0
	l.readings.fail = func(n int) (bool, error) {
		if n == 3 {
			return false, errors.New("the disk is full")
		}
		return true, nil
	}
	res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir", strings.Replace(bundle, "transaction", "batch", 1))
	if said := fmt.Sprint(v); res.StatusCode != http.StatusOK || strings.Count(said, "201 Created") != 9 || strings.Count(said, "500 ") != 1 || l.count("") != 19 {
		t.Errorf("%d: %v", res.StatusCode, v)
	}
	if !strings.Contains(l.log.String(), "the disk is full") || strings.Contains(fmt.Sprint(v), "disk") {
		t.Errorf("a fault of the node's own is not in its log, or is told: %v", v)
	}
}

// TestPagesAreStable: while resources come and change, a search that goes on page by
// page tells each that was there once.
func TestPagesAreStable(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	put := func(id, status string) {
		if res, v := l.call(auth.RoleIntegrator, http.MethodPut, "/fhir/Observation/"+id, strings.Replace(good, `"status":"final"`, `"id":"`+id+`","status":"`+status+`"`, 1)); res.StatusCode >= 300 {
			t.Fatalf("%v", v)
		}
	}
	for i := range 25 {
		put(fmt.Sprintf("o-%02d", i), "final")
	}
	for i, search := range []string{"_count=4", "_count=4&status=final,amended", "_count=3&_sort=-date", "_count=7&_lastUpdated=gt2020"} {
		seen := map[string]int{}
		next := "/fhir/Observation?" + search
		for page := 0; next != ""; page++ {
			_, v := l.call(auth.RoleAuditor, http.MethodGet, next, "")
			entries, _ := v["entry"].([]any)
			for _, e := range entries {
				seen[e.(map[string]any)["resource"].(map[string]any)["id"].(string)]++
			}
			put(fmt.Sprintf("new-%d-%d", i, page), "final")
			put("o-20", "amended")
			put("o-03", "amended")
			next = ""
			for _, link := range v["link"].([]any) {
				if link := link.(map[string]any); link["relation"] == "next" {
					u, err := url.Parse(link["url"].(string))
					if err != nil || u.Host != "node.example" {
						t.Fatalf("%v %v", link, err)
					}
					next = u.RequestURI()
				}
			}
		}
		for i := range 25 {
			if n := seen[fmt.Sprintf("o-%02d", i)]; n != 1 {
				t.Errorf("%s: o-%02d was told %d times", search, i, n)
			}
		}
	}
	// A bookmark serves only its own search.
	_, v := l.call(auth.RoleAuditor, http.MethodGet, "/fhir/Observation?_count=4", "")
	other := strings.Replace(v["link"].([]any)[1].(map[string]any)["url"].(string), "Observation?", "Observation?status=final&", 1)
	if res, _ := l.call(auth.RoleAuditor, http.MethodGet, other, ""); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a bookmark of another search: %d", res.StatusCode)
	}
}

// TestWhatWasErasedIsTold, and not left out without a word.
func TestWhatWasErasedIsTold(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir/Observation", good)
	for id := range l.readings.kept {
		l.readings.erased[id] = true
	}
	path := "/fhir/Observation/" + v["id"].(string)
	for _, below := range []string{"", "/$received", "/$verify", "/_history/1"} {
		if res, v := l.call(auth.RoleAuditor, http.MethodGet, path+below, ""); res.StatusCode != http.StatusGone || v["resourceType"] != "OperationOutcome" {
			t.Errorf("%s: %d %v", below, res.StatusCode, v)
		}
	}
	if res, _ := l.call(auth.RoleAuditor, http.MethodGet, path, "", "If-None-Match", `W/"1"`); res.StatusCode != http.StatusGone {
		t.Errorf("who has a copy is answered with %d", res.StatusCode)
	}
	_, v = l.call(auth.RoleAuditor, http.MethodGet, "/fhir/Observation", "")
	if said := fmt.Sprint(v["entry"]); !strings.Contains(said, "OperationOutcome") || !strings.Contains(said, "mode:outcome") {
		t.Errorf("%v", v)
	}
}

// TestVerifySaysWhatIsProven, also before anything is, and when the proof does not hold.
func TestVerifySaysWhatIsProven(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir/Observation", good)
	path := "/fhir/Observation/" + v["id"].(string) + "/$verify"
	for name, c := range map[string]struct {
		verdict *proof.Verdict
		err     error
		status  int
		says    []string
	}{
		"proven":         {&proof.Verdict{Since: time.UnixMilli(0), VouchedBy: proof.VouchedByNode, Unit: strings.Repeat("0", 64)}, nil, 200, []string{"name:unchanged valueBoolean:true", "name:since valueInstant:1970-01-01T00:00:00.000Z", "name:vouched-by valueCode:node", "/records/0/proof"}},
		"not yet":        {nil, ledger.Problemf(ledger.CodeBusy, "not yet"), 200, []string{"name:unchanged valueBoolean:true", "name:anchored valueBoolean:false"}},
		"does not hold":  {nil, fmt.Errorf("verifying: %w", &proof.Mismatch{}), 200, []string{"name:unchanged valueBoolean:false"}},
		"nobody answers": {nil, ledger.Problemf(ledger.CodeUnavailable, "no peer"), 503, []string{"transient"}},
	} {
		l.verdict = func(proof.RequestID) (*proof.Verdict, error) { return c.verdict, c.err }
		res, v := l.call(auth.RoleAuditor, http.MethodGet, path, "")
		for _, says := range c.says {
			if res.StatusCode != c.status || !strings.Contains(fmt.Sprint(v), says) {
				t.Errorf("%s: %d %v lacks %q", name, res.StatusCode, v, says)
			}
		}
		if name == "proven" && strings.Contains(fmt.Sprint(v), "name:device") {
			t.Errorf("a device is named where there is none: %v", v)
		}
	}
}

// TestAskedInOtherWays: what is preferred of an answer, and what is known already.
func TestAskedInOtherWays(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir/Observation", good, "Prefer", "return=minimal")
	at, _ := strings.CutPrefix(res.Header.Get("Location"), "http://node.example")
	if res.StatusCode != http.StatusCreated || v != nil || !strings.HasSuffix(at, "/_history/1") {
		t.Fatalf("%d %v %v", res.StatusCode, v, res.Header)
	}
	if res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir/Observation", good, "Prefer", "return=OperationOutcome"); res.StatusCode != http.StatusCreated || v["resourceType"] != "OperationOutcome" {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	if res, v := l.call(auth.RoleAuditor, http.MethodGet, at, "", "If-None-Match", `W/"1"`); res.StatusCode != http.StatusNotModified || v != nil {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	if res, v := l.call(auth.RoleAuditor, http.MethodPost, "/fhir/Observation/_search", "status=final&_count=1", "Content-Type", "application/x-www-form-urlencoded"); res.StatusCode != http.StatusOK || len(v["entry"].([]any)) != 1 {
		t.Errorf("%d %v", res.StatusCode, v)
	}
	if _, v := l.call(auth.RoleAuditor, http.MethodGet, "/fhir/Observation?_count=0", ""); v["total"] != 2.0 || v["entry"] != nil {
		t.Errorf("%v", v)
	}
	if res, _ := l.call(auth.RoleAuditor, http.MethodGet, "/fhir/%24export", "", "Prefer", "respond-async"); res.StatusCode != http.StatusAccepted {
		t.Errorf("an operation with its sign escaped: %d", res.StatusCode)
	}
	if res, v := l.call("", http.MethodGet, "/fhir/.well-known/smart-configuration", ""); res.StatusCode != http.StatusOK || v["token_endpoint"] == nil {
		t.Errorf("%d %v", res.StatusCode, v)
	}
}

// TestExport: everything is exported once, a line each, and what changed since by the
// next export; nobody makes a job up.
func TestExport(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for i := range 230 {
		body := strings.Replace(good, `"text"`, "\n \t\"text\"", 1)
		if res, v := l.call(auth.RoleIntegrator, http.MethodPut, fmt.Sprintf("/fhir/Observation/o-%d", i), strings.Replace(body, `{`, fmt.Sprintf(`{"id":"o-%d",`, i), 1)); res.StatusCode != http.StatusCreated {
			t.Fatalf("%v", v)
		}
	}
	if res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir/Patient", `{"resourceType":"Patient"}`); res.StatusCode != http.StatusCreated {
		t.Fatalf("%v", v)
	}
	begin := func(search string) string {
		res, v := l.call(auth.RoleAuditor, http.MethodGet, "/fhir/$export"+search, "", "Prefer", "respond-async", "Accept", "application/fhir+json")
		at, ok := strings.CutPrefix(res.Header.Get("Content-Location"), "http://node.example")
		if res.StatusCode != http.StatusAccepted || !ok {
			t.Fatalf("%d %v", res.StatusCode, v)
		}
		return at
	}
	get := func(path string) *httptest.ResponseRecorder {
		token, err := auth.Mint(l.key, auth.Claims{Issuer: org, Audience: org, Subject: "test", Role: auth.RoleAuditor}, time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://node.example"+path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		l.engine.ServeHTTP(w, r)
		return w
	}
	type manifest struct {
		TransactionTime string
		Output          []struct {
			Type, URL string
			Count     int
		}
	}
	read := func(at string) (m manifest) {
		if err := json.Unmarshal(get(at).Body.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	time.Sleep(5 * time.Millisecond) // what is of this very moment is of the next export
	first := begin("")
	m := read(first)
	if len(m.Output) != 2 || m.Output[0].Type != "Observation" || m.Output[0].Count != 230 {
		t.Fatalf("%+v", m)
	}
	w := get(strings.TrimPrefix(m.Output[0].URL, "http://node.example"))
	lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	if w.Header().Get("Content-Type") != "application/fhir+ndjson" || len(lines) != 230 || !strings.Contains(lines[229], `"id":"o-229"`) {
		t.Errorf("%d lines, %v", len(lines), w.Header())
	}
	if res, _ := l.call(auth.RoleIntegrator, http.MethodPut, "/fhir/Observation/o-7", strings.Replace(good, `{`, `{"id":"o-7",`, 1)); res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode)
	}
	time.Sleep(5 * time.Millisecond)
	if later := read(begin("?_type=Observation&_since=" + url.QueryEscape(m.TransactionTime))); len(later.Output) != 1 || later.Output[0].Count != 1 {
		t.Errorf("since: %+v", later)
	}
	if again := read(first); again.Output[0].Count != 229 { // o-7 is newer now, and of the next
		t.Errorf("the first again: %+v", again)
	}
	for _, forged := range []string{"x", strings.Replace(first, ".", "A.", 1)[len("/fhir/$export-status/"):], "."} {
		if w := get("/fhir/$export-status/" + forged); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", forged, w.Code)
		}
	}
	if res, _ := l.call(auth.RoleAuditor, http.MethodDelete, first, ""); res.StatusCode != http.StatusAccepted {
		t.Errorf("taking leave: %d", res.StatusCode)
	}
	for _, search := range []string{"?_type=Claim", "?_since=x", "?_outputFormat=csv", "?_typeFilter=x"} {
		if res, _ := l.call(auth.RoleAuditor, http.MethodGet, "/fhir/$export"+search, "", "Prefer", "respond-async"); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", search, res.StatusCode)
		}
	}
	if res, _ := l.call(auth.RoleAuditor, http.MethodGet, "/fhir/$export", ""); res.StatusCode != http.StatusBadRequest {
		t.Errorf("not to wait: %d", res.StatusCode)
	}
}

// TestWhatIsAskedForAtOnceIsBounded: a bundle of many searches is not answered without
// end.
func TestWhatIsAskedForAtOnceIsBounded(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	body := strings.Replace(good, `"text":"x"`, `"text":"`+strings.Repeat("x", 3800)+`"`, 1)
	for i := range 200 {
		if res, v := l.call(auth.RoleIntegrator, http.MethodPut, fmt.Sprintf("/fhir/Observation/o-%d", i), strings.Replace(body, `{`, fmt.Sprintf(`{"id":"o-%d",`, i), 1)); res.StatusCode != http.StatusCreated {
			t.Fatalf("%v", v)
		}
	}
	const searches = 50 // each would be answered with 0.8 MB
	search := `{"request":{"method":"GET","url":"Observation?_count=200"}},`
	for _, kind := range []string{"batch", "transaction"} {
		_, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir", `{"resourceType":"Bundle","type":"`+kind+`","entry":[`+strings.TrimSuffix(strings.Repeat(search, searches), ",")+`]}`)
		done, refused := 0, 0
		for _, e := range v["entry"].([]any) {
			switch e.(map[string]any)["response"].(map[string]any)["status"] {
			case "200 OK":
				done++
			case "413 Request Entity Too Large":
				refused++
			}
		}
		if done < 30 || refused < 5 || done+refused != searches {
			t.Errorf("%s: %d done, %d refused", kind, done, refused)
		}
	}
}

// FuzzSearch: no search makes the server fail, and its own link asks the same again.
func FuzzSearch(f *testing.F) {
	l := newLab(f)
	if res, v := l.call(auth.RoleIntegrator, http.MethodPost, "/fhir/Observation", good); res.StatusCode != http.StatusCreated {
		f.Fatalf("%v", v)
	}
	for _, seed := range []string{"code=a|b,c\\,d&date=ge2026-01&_sort=-date&_count=3", "subject:Patient=1&_id=a,b&_lastUpdated=lt2020", "status=final&_total=accurate", "_page=x&_summary=count"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, search string) {
		if _, err := http.NewRequest(http.MethodGet, "/fhir/Observation?"+search, nil); err != nil || strings.ContainsAny(search, " #\x00\r\n\t") || strings.ContainsFunc(search, func(r rune) bool { return r < '!' || r > '~' }) {
			t.Skip("no address")
		}
		one := &lab{t: t, engine: l.engine, key: l.key}
		res, v := one.call(auth.RoleAuditor, http.MethodGet, "/fhir/Observation?"+search, "")
		if res.StatusCode >= 500 {
			t.Fatalf("%d %v", res.StatusCode, v)
		}
		if res.StatusCode != http.StatusOK {
			return
		}
		self, err := url.Parse(v["link"].([]any)[0].(map[string]any)["url"].(string))
		if err != nil {
			t.Fatal(err)
		}
		if res, again := one.call(auth.RoleAuditor, http.MethodGet, self.RequestURI(), ""); res.StatusCode != http.StatusOK || fmt.Sprint(again["total"]) != fmt.Sprint(v["total"]) {
			t.Fatalf("%s: %d %v", self, res.StatusCode, again)
		}
	})
}

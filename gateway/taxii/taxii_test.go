package taxii_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/gateway/taxii"
)

var update = flag.Bool("update", false, "rewrite golden files")

const (
	org  = "hospital-north"
	own  = "11111111-1111-4111-8111-111111111111"
	root = "/taxii2/intelligence/"
	at   = root + "collections/" + own + "/"
)

// lab is a TAXII server with a store of its own.
type lab struct {
	t      testing.TB
	key    ed25519.PrivateKey
	router *auth.Router
}

func newLab(tb testing.TB) *lab {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := store.Open(tb.Context(), storetest.Place(tb), store.Options{Organisation: org})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	engine, err := server.NewEngine(server.Options{
		MaxBody: 1 << 20, MaxHeader: 16 << 10, HeaderTime: time.Minute, BodyTime: time.Minute, WriteTime: time.Minute, IdleTime: time.Minute, Drain: time.Second,
		Shapes: []problem.Shape{taxii.Shape()}, Bodies: map[string]server.Body{taxii.Large: {Max: taxii.MaxBody, Time: time.Minute}},
	}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	l := &lab{tb, private, auth.NewRouter(engine, auth.NewVerifier(org, public, nil))}
	if _, err := taxii.New(l.router, taxii.Deps{
		Title: "A test's", Bases: []string{"http://node.example"}, Store: s,
		Collections: []taxii.Collection{{ID: own, Alias: "own", Title: "Own", Writable: true}, {ID: "22222222-2222-4222-8222-222222222222", Alias: "shared", Title: "Shared"}},
	}); err != nil {
		tb.Fatal(err)
	}
	return l
}

// answered is what an answer has besides its body.
type answered struct {
	StatusCode int
	Header     http.Header
}

// call sends a request in a role, and returns the answer and what it says.
func (l *lab) call(role auth.Role, method, path, body string, header ...string) (answered, map[string]any) {
	l.t.Helper()
	req := httptest.NewRequestWithContext(l.t.Context(), method, "http://node.example"+path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", taxii.MediaType)
	}
	req.Header.Set("Accept", taxii.MediaType)
	if role != "" {
		token, err := auth.Mint(l.key, auth.Claims{Issuer: org, Audience: org, Subject: "ann", Role: role}, time.Now(), time.Hour)
		if err != nil {
			l.t.Fatal(err)
		}
		req.SetBasicAuth("ann", token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	l.router.Engine().ServeHTTP(w, req)
	res := w.Result()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	var said map[string]any
	if err := json.Unmarshal(b, &said); err != nil {
		l.t.Fatalf("%s %s: %d %q", method, path, res.StatusCode, b)
	}
	return answered{res.StatusCode, res.Header}, said
}

func indicator(n int, modified string) string {
	return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--a1b2c3d4-0000-4000-8000-%012d","created":"2026-11-01T10:00:00.000Z",`+
		`"modified":"%s","pattern":"[ipv4-addr:value = '198.51.100.1']","pattern_type":"stix","valid_from":"2026-11-01T10:00:00Z"}`, n, modified)
}

func (l *lab) add(objects ...string) map[string]any {
	l.t.Helper()
	res, said := l.call(auth.RoleAnalyst, http.MethodPost, at+"objects/", `{"objects":[`+strings.Join(objects, ",")+`]}`)
	if res.StatusCode != http.StatusAccepted || res.Header.Get("Content-Type") != taxii.MediaType {
		l.t.Fatalf("%d %v", res.StatusCode, said)
	}
	return said
}

const day1, day2, day3 = "2026-11-01T10:00:00.000Z", "2026-11-02T10:00:00.123456Z", "2026-11-03T10:00:00Z"

func TestRoutes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, r := range newLab(t).router.Routes() {
		fmt.Fprintf(&b, "%-6s %-80s %s\n", r.Method, r.Path, r.Right)
	}
	const path = "testdata/routes.golden.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Error(d)
	}
}

// TestErrorsAreInTAXIIsForm, with the status that the standard gives.
func TestErrorsAreInTAXIIsForm(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.add(indicator(1, day1))
	for name, c := range map[string]struct {
		role         auth.Role
		method, path string
		body         string
		header       []string
		want         int
	}{
		"nobody":               {"", http.MethodGet, "/taxii2/", "", nil, http.StatusUnauthorized},
		"without the right":    {auth.RoleNurse, http.MethodGet, at + "objects/", "", nil, http.StatusForbidden},
		"who only reads":       {auth.RoleAuditor, http.MethodPost, at + "objects/", `{"objects":[]}`, nil, http.StatusForbidden},
		"no collection":        {auth.RoleAnalyst, http.MethodGet, root + "collections/nowhere/", "", nil, http.StatusNotFound},
		"no object":            {auth.RoleAnalyst, http.MethodGet, at + "objects/indicator--a1b2c3d4-0000-4000-8000-999999999999/", "", nil, http.StatusNotFound},
		"another version":      {auth.RoleAnalyst, http.MethodGet, "/taxii2/", "", []string{"Accept", "application/taxii+json;version=2.0"}, http.StatusNotAcceptable},
		"another form":         {auth.RoleAnalyst, http.MethodGet, "/taxii2/", "", []string{"Accept", "text/html"}, http.StatusNotAcceptable},
		"another content":      {auth.RoleAnalyst, http.MethodPost, at + "objects/", `{}`, []string{"Content-Type", "application/json"}, http.StatusUnsupportedMediaType},
		"no envelope":          {auth.RoleAnalyst, http.MethodPost, at + "objects/", `[]`, nil, http.StatusUnprocessableEntity},
		"a name twice":         {auth.RoleAnalyst, http.MethodPost, at + "objects/", `{"objects":[],"objects":[]}`, nil, http.StatusUnprocessableEntity},
		"a time without zone":  {auth.RoleAnalyst, http.MethodGet, at + "objects/?added_after=2026-11-01T10:00:00", "", nil, http.StatusBadRequest},
		"no number":            {auth.RoleAnalyst, http.MethodGet, at + "objects/?limit=0", "", nil, http.StatusBadRequest},
		"no page":              {auth.RoleAnalyst, http.MethodGet, at + "objects/?next=%27", "", nil, http.StatusBadRequest},
		"a filter twice":       {auth.RoleAnalyst, http.MethodGet, at + "objects/?match[id]=a&match[id]=b", "", nil, http.StatusBadRequest},
		"no version":           {auth.RoleAnalyst, http.MethodGet, at + "objects/?match[version]=newest", "", nil, http.StatusBadRequest},
		"somebody's status":    {auth.RoleAnalyst, http.MethodGet, root + "status/11111111-1111-4111-8111-111111111111/", "", nil, http.StatusNotFound},
		"nothing there":        {auth.RoleAnalyst, http.MethodGet, root + "nothing/", "", nil, http.StatusNotFound},
		"a collection to read": {auth.RoleAnalyst, http.MethodPost, root + "collections/shared/objects/", `{"objects":[]}`, nil, http.StatusForbidden},
	} {
		res, said := l.call(c.role, c.method, c.path, c.body, c.header...)
		if res.StatusCode != c.want || res.Header.Get("Content-Type") != taxii.MediaType || said["title"] == "" || said["http_status"] != strconv.Itoa(c.want) {
			t.Errorf("%s: %d %v %v", name, res.StatusCode, res.Header, said)
		}
	}
}

// TestWhoIsNotKnownIsAskedForAPassword too, and nobody shows two at once.
func TestWhoIsNotKnownIsAskedForAPassword(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	res, _ := l.call("", http.MethodGet, "/taxii2/", "")
	if all := res.Header.Values("WWW-Authenticate"); len(all) != 2 || !strings.HasPrefix(all[0], "Bearer") || !strings.HasPrefix(all[1], "Basic realm=") {
		t.Error(all)
	}
	token, err := auth.Mint(l.key, auth.Claims{Issuer: org, Audience: org, Subject: "ann", Role: auth.RoleAnalyst}, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://node.example/taxii2/", http.NoBody)
	req.SetBasicAuth("ann", token)
	req.Header.Add("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	l.router.Engine().ServeHTTP(w, req)
	if w.Code != http.StatusUnauthorized {
		t.Error(w.Code)
	}
}

// TestOneBadObjectDoesNotSpoilTheOthers, and is told with what is wrong with it.
func TestOneBadObjectDoesNotSpoilTheOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	bad := strings.Replace(indicator(2, day1), `"pattern_type":"stix",`, "", 1)
	s := l.add(indicator(1, day1), bad, `{"type":"indicator","id":"<script>"}`, `7`)
	if s["status"] != "complete" || s["total_count"] != 4.0 || s["success_count"] != 1.0 || s["failure_count"] != 3.0 || s["pending_count"] != 0.0 || strings.Contains(fmt.Sprint(s), "script") {
		t.Errorf("%v", s)
	}
	if said := fmt.Sprint(s["failures"]); !strings.Contains(said, "pattern_type is required") {
		t.Error(said)
	}
	res, again := l.call(auth.RoleAnalyst, http.MethodGet, root+"status/"+s["id"].(string)+"/", "")
	if d := cmp.Diff(s, again); res.StatusCode != http.StatusOK || d != "" {
		t.Error(d)
	}
	if _, all := l.call(auth.RoleAnalyst, http.MethodGet, at+"objects/", ""); len(all["objects"].([]any)) != 1 {
		t.Errorf("%v", all)
	}
}

// TestDatesOfAnswers: the headers name when the objects of an answer were added, as RFC
// 3339 has it and to the microsecond, and an empty answer has none.
func TestDatesOfAnswers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	res, said := l.call(auth.RoleAnalyst, http.MethodGet, at+"objects/", "")
	if res.Header["X-Taxii-Date-Added-First"] != nil || res.Header["X-Taxii-Date-Added-Last"] != nil || len(said) != 0 {
		t.Errorf("an empty answer: %v %v", res.Header, said)
	}
	l.add(indicator(1, day1), indicator(2, day1), indicator(3, day1))
	for _, path := range []string{at + "objects/", at + "manifest/"} {
		res, _ := l.call(auth.RoleAnalyst, http.MethodGet, path+"?limit=2", "")
		first, err := time.Parse("2006-01-02T15:04:05.000000Z", res.Header.Get("X-TAXII-Date-Added-First"))
		last, errs := time.Parse("2006-01-02T15:04:05.000000Z", res.Header.Get("X-TAXII-Date-Added-Last"))
		if err != nil || errs != nil || !first.Before(last) || time.Since(last) > time.Minute {
			t.Errorf("%s: %v", path, res.Header)
		}
		// What was modified long ago and added now is new to whoever asks for what was added.
		_, rest := l.call(auth.RoleAnalyst, http.MethodGet, path+"?added_after="+res.Header.Get("X-TAXII-Date-Added-Last"), "")
		if len(rest["objects"].([]any)) != 1 {
			t.Errorf("%v", rest)
		}
	}
}

// TestVersions of one object: the last by itself, and each that is asked for.
func TestVersions(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.add(indicator(1, day2))
	l.add(indicator(1, day1), indicator(1, day3), indicator(1, day2)) // later, and one again
	object := "indicator--a1b2c3d4-0000-4000-8000-000000000001"
	modified := func(query string) string {
		_, said := l.call(auth.RoleAnalyst, http.MethodGet, at+"objects/"+object+"/"+query, "")
		var all []string
		list, _ := said["objects"].([]any)
		for _, o := range list {
			all = append(all, o.(map[string]any)["modified"].(string))
		}
		return strings.Join(all, " ")
	}
	for query, want := range map[string]string{
		"":                                day3,
		"?match[version]=first":           day1,
		"?match[version]=first,last":      day1 + " " + day3,
		"?match[version]=all":             day2 + " " + day1 + " " + day3,
		"?match[version]=" + day2:         day2,
		"?match[spec_version]=2.0":        "",
		"?match[version]=all&match[id]=x": day2 + " " + day1 + " " + day3, // the address says which
	} {
		if got := modified(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	_, said := l.call(auth.RoleAnalyst, http.MethodGet, at+"objects/"+object+"/versions/", "")
	if d := cmp.Diff([]any{"2026-11-02T10:00:00.123456Z", "2026-11-01T10:00:00.000000Z", "2026-11-03T10:00:00.000000Z"}, said["versions"]); d != "" {
		t.Error(d)
	}
	if res, _ := l.call(auth.RoleAnalyst, http.MethodDelete, at+"objects/"+object+"/?match[version]=last", ""); res.StatusCode != http.StatusOK {
		t.Error(res.StatusCode)
	}
	if got := modified(""); got != day2 {
		t.Errorf("the last version after the last was deleted: %s", got)
	}
	if res, _ := l.call(auth.RoleAnalyst, http.MethodDelete, at+"objects/"+object+"/", ""); res.StatusCode != http.StatusOK {
		t.Error(res.StatusCode)
	}
	if res, _ := l.call(auth.RoleAnalyst, http.MethodDelete, at+"objects/"+object+"/", ""); res.StatusCode != http.StatusNotFound {
		t.Error(res.StatusCode)
	}
}

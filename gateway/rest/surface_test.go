package rest_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/server"
)

var update = flag.Bool("update", false, "rewrite golden files")

// testKey signs the tokens of the organisation under test.
var testKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// memberKeys are the token keys of other members.
type memberKeys map[string]ed25519.PublicKey

func (m memberKeys) TokenKey(_ context.Context, org string) (ed25519.PublicKey, error) {
	return m[org], nil
}

func token(tb testing.TB, role auth.Role) string {
	tb.Helper()
	return tokenOf(tb, role, "")
}

// sessions is a consulted keeper of sessions, of which one goes on.
type sessions struct{}

// Admit wants that one.
func (sessions) Admit(_ *http.Request, _ string, c *auth.Caller) error {
	if c.Session != "goes-on" {
		return auth.Refused("session ended")
	}
	return nil
}

// tokenOf makes a token of a session; empty: of none.
func tokenOf(tb testing.TB, role auth.Role, session string) string {
	tb.Helper()
	issuer := "hospital-north"
	if role == auth.RoleNode {
		issuer = "hospital-south"
	}
	s, err := auth.Mint(testKey, auth.Claims{Issuer: issuer, Audience: "hospital-north", Subject: "test", Role: role, Session: session}, time.Now(), time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// limits are those of the tests.
func limits() rest.Limits {
	return rest.Limits{Depth: 16, Listeners: 2, Heartbeat: time.Hour, Patience: time.Second}
}

// serve makes the interface on an engine as the node does.
func serve(tb testing.TB, deps rest.Deps) (*rest.API, *auth.Router, *gin.Engine) {
	tb.Helper()
	reg := prometheus.NewRegistry()
	engine, err := server.NewEngine(server.Options{
		MaxBody: 1 << 20, MaxHeader: 64 << 10, HeaderTime: time.Minute, BodyTime: time.Minute, WriteTime: time.Minute,
		IdleTime: time.Minute, Drain: time.Minute,
	}, slog.New(slog.DiscardHandler), reg)
	if err != nil {
		tb.Fatal(err)
	}
	public := testKey.Public().(ed25519.PublicKey)
	verifier := auth.NewVerifier("hospital-north", public, memberKeys{"hospital-south": public})
	verifier.Ask(sessions{})
	router := auth.NewRouter(engine, verifier)
	deps.Organisation, deps.DisplayName, deps.MakerKey = "hospital-north", "Hospital North", []byte("maker")
	deps.Observed = rest.NewMetrics(reg)
	if deps.Limits == (rest.Limits{}) {
		deps.Limits = limits()
	}
	api, err := rest.New(router, deps)
	if err != nil {
		tb.Fatal(err)
	}
	return api, router, engine
}

// golden compares with a file, byte for byte.
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

// TestOpenAPI pins the document that others generate their clients from.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	api, router, _ := serve(t, rest.Deps{})
	b := api.OpenAPI()
	golden(t, "testdata/openapi.golden.json", b)
	for _, route := range router.Routes() {
		path := route.Path
		for strings.Contains(path, ":") {
			begin := strings.Index(path, ":")
			end := begin + strings.IndexAny(path[begin:]+"/", "/")
			path = path[:begin] + "{" + path[begin+1:end] + "}" + path[end:]
		}
		if !strings.Contains(string(b), `"`+path+`": {`) {
			t.Errorf("%s is not in the document", path)
		}
	}
}

// TestOpenAPIHoldsTogether checks that each reference in the document leads
// somewhere and that each operation has a name of its own.
func TestOpenAPIHoldsTogether(t *testing.T) {
	t.Parallel()
	api, _, _ := serve(t, rest.Deps{})
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]struct{ OperationID string }
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(api.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("version %s", doc.OpenAPI)
	}
	seen := map[string]bool{}
	for path, item := range doc.Paths {
		for method, op := range item {
			if op.OperationID == "" || seen[op.OperationID] {
				t.Errorf("%s %s has the operation id %q, none or another's", method, path, op.OperationID)
			}
			seen[op.OperationID] = true
		}
	}
	for _, ref := range regexp.MustCompile(`"\$ref": "([^"]*)"`).FindAllStringSubmatch(string(api.OpenAPI()), -1) {
		name, ok := strings.CutPrefix(ref[1], "#/components/schemas/")
		if _, found := doc.Components.Schemas[name]; !ok || !found {
			t.Errorf("%s leads nowhere", ref[1])
		}
	}
}

// TestRoutes pins the surface: every route with its right.
func TestRoutes(t *testing.T) {
	t.Parallel()
	_, router, engine := serve(t, rest.Deps{})
	var b strings.Builder
	for _, r := range router.Routes() {
		fmt.Fprintf(&b, "%-4s %-50s %s\n", r.Method, r.Path, r.Right)
	}
	golden(t, "testdata/routes.golden.txt", []byte(b.String()))
	if got := len(engine.Routes()); got != len(router.Routes()) {
		t.Errorf("the engine has %d routes, the router knows %d: one was registered past it", got, len(router.Routes()))
	}
}

// TestEveryRouteWithEveryRole calls every route as every role and as nobody.
// The interface stands on nothing: a caller who is let through meets a panic,
// which is 500, one who is not meets 401 or 403 before. Tokens are of no session, of
// one that goes on and of one that has ended.
func TestEveryRouteWithEveryRole(t *testing.T) {
	t.Parallel()
	_, router, engine := serve(t, rest.Deps{})
	call := func(method, path, token string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, r)
		return w.Code
	}
	for _, route := range router.Routes() {
		path := strings.NewReplacer(":type", "T", ":di", "x", ":version", "1", ":id", strings.Repeat("a", 32), ":index", "0", ":digest", strings.Repeat("a", 64)).Replace(route.Path)
		for _, role := range append([]auth.Role{auth.RoleNode}, auth.Roles...) {
			for _, session := range []string{"", "goes-on", "ended"} {
				right := route.Right
				if right == auth.DeviceOrWrite {
					right = auth.ReadingsWrite
				}
				got := call(route.Method, path, tokenOf(t, role, session))
				if session == "ended" && right != auth.Anonymous {
					if got != http.StatusUnauthorized {
						t.Errorf("%s %s as %s of a session that has ended: %d", route.Method, route.Path, role, got)
					}
					continue
				}
				switch may := right == auth.Anonymous || role.Has(right) || right == auth.OwnSession && session != ""; {
				case may && (got == http.StatusUnauthorized || got == http.StatusForbidden):
					t.Errorf("%s %s as %s (session %q): %d, though it has the right", route.Method, route.Path, role, session, got)
				case !may && got != http.StatusForbidden:
					t.Errorf("%s %s as %s (session %q): %d, though it lacks the right", route.Method, route.Path, role, session, got)
				}
			}
		}
		for name, bad := range map[string]string{"nobody": "", "a forger": "forged"} {
			got := call(route.Method, path, bad)
			if (got == http.StatusUnauthorized) != (route.Right != auth.Anonymous) {
				t.Errorf("%s %s as %s: %d", route.Method, route.Path, name, got)
			}
		}
	}
}

package auth_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

var update = flag.Bool("update", false, "rewrite golden files")

func newKey(tb testing.TB) ed25519.PrivateKey {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// members are the token keys that stand on the ledger.
type members map[string]ed25519.PublicKey

func (m members) TokenKey(_ context.Context, org string) (ed25519.PublicKey, error) {
	if org == "broken" {
		return nil, ledger.Problemf(ledger.CodeUnavailable, "the store does not answer")
	}
	return m[org], nil
}

func claims() map[string]any {
	now := time.Now().Unix()
	return map[string]any{"iss": "north", "aud": "north", "sub": "a", "role": "analyst", "iat": now, "nbf": now, "exp": now + 60}
}

// sign makes a token of any claims and headers.
func sign(tb testing.TB, key any, alg jose.SignatureAlgorithm, typ string, c any) string {
	tb.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		tb.Fatal(err)
	}
	token, err := jwt.Signed(s).Claims(c).Serialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func TestMintedTokensVerify(t *testing.T) {
	t.Parallel()
	north, south := newKey(t), newKey(t)
	v := auth.NewVerifier("north", public(north), members{"south": public(south)})
	for _, c := range []struct {
		key    ed25519.PrivateKey
		claims auth.Claims
	}{
		{north, auth.Claims{Issuer: "north", Audience: "north", Subject: "ann", Role: auth.RoleAnalyst}},
		{south, auth.Claims{Issuer: "south", Audience: "north", Subject: "node", Role: auth.RoleNode}},
	} {
		token, err := auth.Mint(c.key, c.claims, time.Now(), auth.DefaultLifetime)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		want := &auth.Caller{Organisation: c.claims.Issuer, Subject: c.claims.Subject, Role: c.claims.Role}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestMintRefuses(t *testing.T) {
	t.Parallel()
	good := auth.Claims{Issuer: "north", Audience: "north", Subject: "ann", Role: auth.RoleAnalyst}
	for name, c := range map[string]struct {
		claims   auth.Claims
		lifetime time.Duration
	}{
		"no role":       {auth.Claims{Issuer: "north", Audience: "north", Subject: "a", Role: "root"}, time.Hour},
		"no subject":    {auth.Claims{Issuer: "north", Audience: "north", Role: auth.RoleAnalyst}, time.Hour},
		"no life":       {good, 0},
		"life too long": {good, auth.MaxLifetime + 1},
	} {
		if _, err := auth.Mint(newKey(t), c.claims, time.Now(), c.lifetime); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	north, south, stranger := newKey(t), newKey(t), newKey(t)
	v := auth.NewVerifier("north", public(north), members{"south": public(south), "keyless": nil})
	edit := func(changes map[string]any) map[string]any {
		c := claims()
		for k, change := range changes {
			if change == nil {
				delete(c, k)
				continue
			}
			c[k] = change
		}
		return c
	}
	now := time.Now().Unix()
	good := sign(t, north, jose.EdDSA, "JWT", claims())
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatalf("the token that all others are made from: %v", err)
	}
	part := strings.Split(good, ".")
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

	for name, token := range map[string]string{
		"empty":                 "",
		"rubbish":               "rubbish",
		"too long":              strings.Repeat("a", auth.MaxToken+1),
		"another key":           sign(t, stranger, jose.EdDSA, "JWT", claims()),
		"HMAC under public key": sign(t, []byte(public(north)), jose.HS256, "JWT", claims()),
		"alg none":              b64(`{"alg":"none","typ":"JWT"}`) + "." + part[1] + ".",
		"alg none, signed":      b64(`{"alg":"none","typ":"JWT"}`) + "." + part[1] + "." + part[2],
		"signature cut":         part[0] + "." + part[1] + "." + part[2][:20],
		"signature missing":     part[0] + "." + part[1] + ".",
		"claims exchanged":      part[0] + "." + b64(`{"iss":"north","aud":"north","sub":"a","role":"auditor","iat":1,"nbf":1,"exp":99999999999}`) + "." + part[2],
		"other type":            sign(t, north, jose.EdDSA, "proof+jwt", claims()),
		"issuer unknown":        sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"iss": "west"})),
		"issuer missing":        sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"iss": nil})),
		"audience other":        sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"aud": "south"})),
		"audience list":         sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"aud": []string{"north", "south"}})),
		"audience missing":      sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"aud": nil})),
		"subject missing":       sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"sub": nil})),
		"role unknown":          sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"role": "root"})),
		"role missing":          sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"role": nil})),
		"expired":               sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"iat": now - 200, "nbf": now - 200, "exp": now - 61})),
		"no expiry":             sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"exp": nil})),
		"no issue time":         sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"iat": nil})),
		"no begin":              sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"nbf": nil})),
		"not yet":               sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"nbf": now + 90})),
		"issued tomorrow":       sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"iat": now + 86400})),
		"lives too long":        sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"exp": now + int64((auth.MaxLifetime+time.Minute)/time.Second)})),
		"own node":              sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"role": "node"})),
		"member as analyst":     sign(t, south, jose.EdDSA, "JWT", edit(map[string]any{"iss": "south"})),
		"member by wrong key":   sign(t, stranger, jose.EdDSA, "JWT", edit(map[string]any{"iss": "south", "role": "node"})),
		"member without key":    sign(t, stranger, jose.EdDSA, "JWT", edit(map[string]any{"iss": "keyless", "role": "node"})),
	} {
		got, err := v.Verify(t.Context(), token)
		if _, refused := errors.AsType[*auth.RefusedError](err); !refused {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// A store that is away is not the caller's fault.
	token := sign(t, south, jose.EdDSA, "JWT", edit(map[string]any{"iss": "broken", "role": "node"}))
	if _, err := v.Verify(t.Context(), token); ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	// Within the skew, clocks may differ.
	token = sign(t, north, jose.EdDSA, "JWT", edit(map[string]any{"iat": now + 30, "nbf": now + 30, "exp": now + 40}))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("a clock that is half a minute ahead: %v", err)
	}
}

func TestKeyFileIsMadeOncePrivately(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys", "token.pem")
	var keys [8]ed25519.PrivateKey
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			k, err := auth.OpenKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	wg.Wait()
	for _, k := range keys {
		if !k.Equal(keys[0]) {
			t.Fatal("two openers got different keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("files were left over: %v %v", entries, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.OpenKey(path); err == nil {
		t.Error("a key that others may read was used")
	}
}

func TestSecretFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "maker.key")
	a, err := auth.OpenSecret(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := auth.OpenSecret(path)
	if err != nil || string(a) != string(b) || len(a) != auth.SecretSize {
		t.Errorf("%x %x %v", a, b, err)
	}
	for name, content := range map[string]string{"short": "abc", "empty": ""} {
		bad := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := auth.OpenSecret(bad); err == nil {
			t.Errorf("%s: accepted as a secret", name)
		}
		if _, err := auth.OpenKey(bad); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: as a key: %v", name, err)
		}
	}
}

// TestRightsTable pins who may do what.
func TestRightsTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	all := []auth.Right{
		auth.DevicesWrite, auth.DevicesRead, auth.RecallsWrite, auth.ReadingsWrite, auth.ReadingsRead, auth.ThreatsShare, auth.ThreatsRead, auth.AdvisoriesWrite,
		auth.RiskWrite, auth.RiskRead, auth.EventsRead, auth.StatusRead, auth.MetricsRead, auth.MembersRead,
		auth.DevicesCertify, auth.AgreementsGather, auth.CredentialsIssue, auth.CredentialsRead,
		auth.ConsortiumRead, auth.ConsortiumGovern, auth.OwnSession, auth.ReferenceWrite, auth.IntelligenceWrite,
	}
	for _, right := range all {
		fmt.Fprintf(&b, "%s:", right)
		for _, role := range append([]auth.Role{auth.RoleNode}, auth.Roles...) {
			if role.Has(right) {
				fmt.Fprintf(&b, " %s", role)
			}
		}
		b.WriteByte('\n')
	}
	const path = "testdata/rights.golden.txt"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("rights changed (-golden +now; -update rewrites them):\n%s", diff)
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	key := newKey(t)
	e := gin.New()
	r := auth.NewRouter(e, auth.NewVerifier("north", public(key), members{}))
	for path, right := range map[string]auth.Right{"/open": auth.Anonymous, "/share": auth.ThreatsShare, "/readings": auth.DeviceOrWrite} {
		r.Handle(http.MethodPost, path, right, func(c *gin.Context) error {
			role := auth.Role("nobody")
			if caller := auth.CallerOf(c.Request.Context()); caller != nil {
				role = caller.Role
			}
			c.String(http.StatusOK, string(role))
			return nil
		})
	}
	token := func(role auth.Role) http.Header {
		s, err := auth.Mint(key, auth.Claims{Issuer: "north", Audience: "north", Subject: "x", Role: role}, time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return http.Header{"Authorization": {"Bearer " + s}}
	}
	two := token(auth.RoleAnalyst)
	two["Authorization"] = append(two["Authorization"], two["Authorization"][0])
	device := http.Header{auth.HeaderDevice: {"d"}, auth.HeaderSignature: {"s"}}
	deviceAndToken := device.Clone()
	deviceAndToken.Set("Authorization", "Bearer nonsense")
	for name, c := range map[string]struct {
		path   string
		header http.Header
		want   int
		body   string
	}{
		"open":                    {"/open", nil, 200, "nobody"},
		"no token":                {"/share", nil, 401, ""},
		"basic":                   {"/share", http.Header{"Authorization": {"Basic YTpi"}}, 401, ""},
		"two tokens":              {"/share", two, 401, ""},
		"no right":                {"/share", token(auth.RoleOperator), 403, ""},
		"right":                   {"/share", token(auth.RoleAnalyst), 200, "analyst"},
		"device elsewhere":        {"/share", device, 401, ""},
		"device":                  {"/readings", device, 200, "nobody"},
		"half a device":           {"/readings", http.Header{auth.HeaderDevice: {"d"}}, 401, ""},
		"device with a bad token": {"/readings", deviceAndToken, 401, ""},
		"integrator":              {"/readings", token(auth.RoleIntegrator), 200, "integrator"},
		"analyst for readings":    {"/readings", token(auth.RoleAnalyst), 403, ""},
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, nil)
		for k, v := range c.header {
			req.Header[k] = v
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, req)
		if w.Code != c.want || c.body != "" && w.Body.String() != c.body {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	key := newKey(f)
	v := auth.NewVerifier("north", public(key), members{})
	good := sign(f, key, jose.EdDSA, "JWT", claims())
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add(`{"payload":"e30","signatures":[{"protected":"eyJhbGciOiJFZERTQSJ9","signature":"AA"}]}`)
	signed := good[:strings.LastIndexByte(good, '.')]
	f.Fuzz(func(t *testing.T, token string) {
		// The last characters of a signature may vary in bits that mean nothing.
		if caller, err := v.Verify(t.Context(), token); err == nil && !strings.HasPrefix(token, signed+".") {
			t.Errorf("a token nobody signed gives %+v", caller)
		}
	})
}

// admitted is a keeper of sessions that notes whom it is asked about.
type admitted struct{ asked []auth.Caller }

// Admit refuses the session that has ended.
func (a *admitted) Admit(_ *http.Request, _ string, c *auth.Caller) error {
	a.asked = append(a.asked, *c)
	if c.Session == "ended" {
		return auth.Refused("session ended")
	}
	return nil
}

// TestSessionsAreAskedAboutTheirTokens: and about no others, so that operators'
// tokens do not hang on them.
func TestSessionsAreAskedAboutTheirTokens(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	keeper := &admitted{}
	v := auth.NewVerifier("north", public(key), members{})
	v.Ask(keeper)
	request := func(scheme string, c auth.Claims) *http.Request {
		c.Issuer, c.Audience, c.Subject, c.Role = "north", "north", "x", auth.RoleNurse
		token, err := auth.Mint(key, c, time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Authorization", scheme+" "+token)
		return r
	}
	for name, c := range map[string]struct {
		scheme string
		claims auth.Claims
		asked  bool
		ok     bool
	}{
		"an operator's":             {"Bearer", auth.Claims{}, false, true},
		"an operator's, as DPoP":    {"DPoP", auth.Claims{}, false, false},
		"a session's":               {"bearer", auth.Claims{Session: "s"}, true, true},
		"a bound one":               {"dpop", auth.Claims{Key: "k"}, true, true},
		"a bound session's":         {"DPoP", auth.Claims{Session: "s", Key: "k"}, true, true},
		"a bound one as a bearer's": {"Bearer", auth.Claims{Session: "s", Key: "k"}, false, false},
		"an ended session's":        {"DPoP", auth.Claims{Session: "ended", Key: "k"}, true, false},
		"another scheme":            {"Basic", auth.Claims{}, false, false},
	} {
		keeper.asked = nil
		caller, err := v.Request(request(c.scheme, c.claims))
		if (err == nil) != c.ok || (len(keeper.asked) == 1) != c.asked {
			t.Errorf("%s: %+v, %v, asked about %v", name, caller, err, keeper.asked)
		}
		if err == nil && (caller.Session != c.claims.Session || caller.Key != c.claims.Key) {
			t.Errorf("%s: %+v", name, caller)
		}
	}
	// A node that keeps no sessions knows none, and bound tokens are no bearers'.
	none := auth.NewVerifier("north", public(key), members{})
	for _, c := range []auth.Claims{{Session: "s"}, {Key: "k"}} {
		scheme := "Bearer"
		if c.Key != "" {
			scheme = "DPoP"
		}
		if _, err := none.Request(request(scheme, c)); err == nil {
			t.Errorf("%+v is taken by a node that keeps no sessions", c)
		}
	}
	// A confirmation by something that is not known here confirms nothing.
	r := request("Bearer", auth.Claims{})
	c := claims()
	c["cnf"] = map[string]any{"x5t#S256": "x"}
	r.Header.Set("Authorization", "Bearer "+sign(t, key, jose.EdDSA, "JWT", c))
	if caller, err := v.Request(r); err == nil {
		t.Errorf("a token that is bound in another way is taken: %+v", caller)
	}
}

// TestNobodyClimbsByIssuing holds that no role which issues credentials reaches, by
// however many credentials to itself, the word of the organisation.
func TestNobodyClimbsByIssuing(t *testing.T) {
	t.Parallel()
	for _, from := range auth.Roles {
		for _, to := range auth.Roles {
			climbs := to.Has(auth.ConsortiumGovern) || to.Has(auth.CredentialsIssue)
			want := from == auth.RoleOperator || from == auth.RoleRegistrar && !climbs
			if got := from.MayGive(to); got != want {
				t.Errorf("%s gives %s: %t", from, to, got)
			}
		}
	}
}

// BenchmarkVerify is what the token costs of each request that shows it.
func BenchmarkVerify(b *testing.B) {
	key := newKey(b)
	v := auth.NewVerifier("north", public(key), members{})
	token, err := auth.Mint(key, auth.Claims{Issuer: "north", Audience: "north", Subject: "ann", Role: auth.RoleAnalyst}, time.Now(), time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

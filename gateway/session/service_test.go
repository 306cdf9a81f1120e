package session_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/session"
)

// lab is a service with a key of each kind.
type lab struct {
	*world
	keys map[jose.SignatureAlgorithm]crypto.Signer
}

func newLab(t *testing.T, roles ...auth.Role) *lab {
	t.Helper()
	l := &lab{keys: map[jose.SignatureAlgorithm]crypto.Signer{}}
	var err error
	if l.keys[jose.ES384], err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if l.keys[jose.ES256], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if l.keys[jose.RS384], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if _, l.keys[jose.EdDSA], err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	l.world = newWorld(t, func(o *session.Options) {
		o.Services = []session.Service{{ID: "lab", Keys: l.set(t), Roles: roles}, {ID: "other", Keys: l.set(t), Roles: roles}}
	})
	return l
}

func (l *lab) set(t *testing.T) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for alg, k := range l.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: string(alg)})
	}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type m = map[string]any

// claims are those of an assertion as it should be.
func (l *lab) claims(change m) m {
	c := m{"iss": "lab", "sub": "lab", "aud": base + session.TokenEndpoint, "jti": rand.Text(), "exp": l.clock().Add(4 * time.Minute).Unix()}
	for name, v := range change {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return c
}

func (l *lab) sign(alg jose.SignatureAlgorithm, key any, kid, typ string, claims any) string {
	l.t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		l.t.Fatal(err)
	}
	token, err := josejwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		l.t.Fatal(err)
	}
	return token
}

func form(assertion string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
}

func (l *lab) ask(f url.Values) (*session.ServiceGrant, error) {
	l.t.Helper()
	return l.sessions.Service(l.request(nil, http.MethodPost, session.TokenEndpoint, ""), f)
}

func wantOAuth(t *testing.T, name string, err error, code string) {
	t.Helper()
	if e, is := errors.AsType[*session.OAuthError](err); !is || e.Code != code {
		t.Errorf("%s: %v, want %s", name, err, code)
	}
}

func TestAServiceSignsInByItsKey(t *testing.T) {
	t.Parallel()
	l := newLab(t, auth.RoleIntegrator)
	subject := ""
	for alg, key := range l.keys {
		g, err := l.ask(form(l.sign(alg, key, string(alg), "JWT", l.claims(nil))))
		if err != nil {
			t.Errorf("%s: %v", alg, err)
			continue
		}
		if g.TokenType != "Bearer" || g.Life != session.ServiceLife || g.Scope != "integrator" {
			t.Errorf("%s: %+v", alg, g)
		}
		r := l.request(nil, http.MethodGet, "/v1/units", "")
		r.Header.Set("Authorization", "Bearer "+g.AccessToken)
		c, err := l.verifier.Request(r)
		if err != nil || c.Role != auth.RoleIntegrator || c.Session != "" || subject != "" && c.Subject != subject {
			t.Errorf("%s: %+v, %v", alg, c, err)
		}
		subject = c.Subject
	}
	// With a proof of possession the token is bound.
	g, err := l.sessions.Service(l.post(session.TokenEndpoint), form(l.sign(jose.ES384, l.keys[jose.ES384], "ES384", "JWT", l.claims(nil))))
	if err != nil || g.TokenType != "DPoP" {
		t.Fatalf("%+v, %v", g, err)
	}
	if _, err := l.use(g.AccessToken); err != nil {
		t.Error(err)
	}
	r := l.request(p256(t), http.MethodGet, "/v1/units", g.AccessToken)
	_, err = l.verifier.Request(r)
	wantRefused(t, "a service's token by another key", err)
}

func TestAServiceHasItsRolesOnly(t *testing.T) {
	t.Parallel()
	l := newLab(t, auth.RoleIntegrator, auth.RoleAuditor)
	for scope, role := range map[string]string{"integrator": "integrator", "auditor": "auditor", "": "", "operator": "", "integrator auditor": ""} {
		f := form(l.sign(jose.ES384, l.keys[jose.ES384], "ES384", "JWT", l.claims(nil)))
		f.Set("scope", scope)
		g, err := l.ask(f)
		if role == "" {
			wantOAuth(t, "scope "+scope, err, session.CodeInvalidScope)
		} else if err != nil || g.Scope != role {
			t.Errorf("scope %s: %+v, %v", scope, g, err)
		}
	}
	if got, ok := l.sessions.Describe()["scopes_supported"].([]string); !ok || !slices.Equal(got, []string{"auditor", "integrator", "system/*.cu", "system/*.rs"}) {
		t.Errorf("the scopes are %v", got)
	}
}

// TestAServiceIsConfinedToItsScopes: a token says what it is confined to, and no role
// gives scopes that it does not have the rights for.
func TestAServiceIsConfinedToItsScopes(t *testing.T) {
	t.Parallel()
	l := newLab(t, auth.RoleAuditor, auth.RoleIntegrator)
	for scope, want := range map[string]struct {
		scope string
		role  auth.Role
	}{
		"system/Observation.rs":                    {"system/Observation.rs", auth.RoleAuditor},
		"system/Observation.cruds system/Device.r": {"system/Observation.crus system/Device.r", auth.RoleIntegrator},
		"system/*.write":                           {"system/*.cu", auth.RoleIntegrator},
		"system/Observation.rs operator":           {},
		"system/Observation":                       {},
	} {
		f := form(l.sign(jose.ES384, l.keys[jose.ES384], "ES384", "JWT", l.claims(nil)))
		f.Set("scope", scope)
		g, err := l.ask(f)
		if want.role == "" {
			wantOAuth(t, "scope "+scope, err, session.CodeInvalidScope)
			continue
		}
		if err != nil || g.Scope != want.scope {
			t.Errorf("scope %s: %+v, %v", scope, g, err)
			continue
		}
		r := l.request(nil, http.MethodGet, "/fhir/Observation", "")
		r.Header.Set("Authorization", "Bearer "+g.AccessToken)
		if c, err := l.verifier.Request(r); err != nil || c.Role != want.role || c.Scope != want.scope {
			t.Errorf("scope %s: %+v, %v", scope, c, err)
		}
	}
	only := newLab(t, auth.RoleAuditor)
	f := form(only.sign(jose.ES384, only.keys[jose.ES384], "ES384", "JWT", only.claims(nil)))
	f.Set("scope", "system/Observation.c")
	_, err := only.ask(f)
	wantOAuth(t, "a scope without the right", err, session.CodeInvalidScope)
}

func TestAssertionsThatDoNotHold(t *testing.T) {
	t.Parallel()
	l := newLab(t, auth.RoleIntegrator)
	now := l.clock()
	stranger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := l.keys[jose.ES384]
	good := func(change m) string { return l.sign(jose.ES384, key, "ES384", "JWT", l.claims(change)) }
	used := good(nil)
	if _, err := l.ask(form(used)); err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKey{Key: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	for name, assertion := range map[string]string{
		"replayed":                  used,
		"none":                      "",
		"rubbish":                   "a.b.c",
		"too large":                 good(m{"x": strings.Repeat("x", 9<<10)}),
		"by a stranger's key":       l.sign(jose.ES384, stranger, "ES384", "JWT", l.claims(nil)),
		"by no key of theirs":       l.sign(jose.ES384, key, "x", "JWT", l.claims(nil)),
		"by a key under another id": l.sign(jose.ES384, key, "ES256", "JWT", l.claims(nil)),
		"by HMAC of the public key": l.sign(jose.HS256, public, "ES384", "JWT", l.claims(nil)),
		"by another algorithm":      l.sign(jose.RS256, l.keys[jose.RS384], "RS384", "JWT", l.claims(nil)),
		"of another type":           l.sign(jose.ES384, key, "ES384", "dpop+jwt", l.claims(nil)),
		"no client":                 good(m{"iss": "nobody", "sub": "nobody"}),
		"for another client":        good(m{"sub": "other"}),
		"without a subject":         good(m{"sub": nil}),
		"for another audience":      good(m{"aud": "https://south.example/oauth/token"}),
		"for the address alone":     good(m{"aud": base}),
		"for several audiences":     good(m{"aud": []string{base + session.TokenEndpoint, "https://south.example/oauth/token"}}),
		"without an id":             good(m{"jti": nil}),
		"without an end":            good(m{"exp": nil}),
		"over":                      good(m{"exp": now.Unix()}),
		"for too long":              good(m{"exp": now.Add(time.Hour).Unix()}),
		"not yet":                   good(m{"nbf": now.Add(3 * time.Minute).Unix()}),
		"with an end that is text":  good(m{"exp": "soon"}),
	} {
		_, err := l.ask(form(assertion))
		wantOAuth(t, name, err, session.CodeInvalidClient)
	}
	for name, c := range map[string]struct {
		edit func(url.Values)
		code string
	}{
		"another grant":            {func(f url.Values) { f.Set("grant_type", "password") }, session.CodeUnsupportedGrant},
		"no assertion type":        {func(f url.Values) { f.Del("client_assertion_type") }, session.CodeInvalidClient},
		"another client_id":        {func(f url.Values) { f.Set("client_id", "other") }, session.CodeInvalidClient},
		"a parameter twice":        {func(f url.Values) { f.Add("scope", "a"); f.Add("scope", "b") }, session.CodeInvalidRequest},
		"a secret instead of keys": {func(f url.Values) { f.Del("client_assertion"); f.Set("client_secret", "x") }, session.CodeInvalidClient},
	} {
		f := form(good(nil))
		c.edit(f)
		_, err := l.ask(f)
		wantOAuth(t, name, err, c.code)
	}
	r := l.request(l.world.key, http.MethodPost, "/other", "")
	r.URL.Path = session.TokenEndpoint
	_, err = l.sessions.Service(r, form(good(nil)))
	wantOAuth(t, "a proof for another path", err, session.CodeInvalidDPoP)
	r = l.post(session.TokenEndpoint)
	if _, err := l.sessions.Service(r, form(good(nil))); err != nil {
		t.Fatal(err)
	}
	_, err = l.sessions.Service(r, form(good(nil)))
	wantOAuth(t, "a proof that is replayed", err, session.CodeInvalidDPoP)
}

func TestServicesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t, auth.RoleAuditor)
	roles := []auth.Role{auth.RoleAuditor}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	keys := func(list ...jose.JSONWebKey) []byte {
		b, err := json.Marshal(jose.JSONWebKeySet{Keys: list})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	p384 := l.keys[jose.ES384]
	public := jose.JSONWebKey{Key: p384.Public(), KeyID: "1"}
	for name, services := range map[string][]session.Service{
		"no id":            {{Keys: keys(public), Roles: roles}},
		"twice":            {{ID: "a", Keys: keys(public), Roles: roles}, {ID: "a", Keys: keys(public), Roles: roles}},
		"no role":          {{ID: "a", Keys: keys(public)}},
		"a node's role":    {{ID: "a", Keys: keys(public), Roles: []auth.Role{auth.RoleNode}}},
		"a patient's role": {{ID: "a", Keys: keys(public), Roles: []auth.Role{auth.RolePatient}}},
		"no keys":          {{ID: "a", Keys: keys(), Roles: roles}},
		"no set":           {{ID: "a", Keys: []byte("[]"), Roles: roles}},
		"a private key":    {{ID: "a", Keys: keys(jose.JSONWebKey{Key: p384, KeyID: "1"}), Roles: roles}},
		"a secret":         {{ID: "a", Keys: keys(jose.JSONWebKey{Key: []byte("secret secret secret secret 1234"), KeyID: "1"}), Roles: roles}},
		"no kid":           {{ID: "a", Keys: keys(jose.JSONWebKey{Key: p384.Public()}), Roles: roles}},
		"a kid twice":      {{ID: "a", Keys: keys(public, public), Roles: roles}},
		"a small key":      {{ID: "a", Keys: keys(jose.JSONWebKey{Key: small.Public(), KeyID: "1"}), Roles: roles}},
		"another use":      {{ID: "a", Keys: keys(jose.JSONWebKey{Key: p384.Public(), KeyID: "1", Algorithm: "ES256"}), Roles: roles}},
	} {
		o := session.Options{
			Organisation: org, Key: l.node, URLs: []string{base}, Store: l.store, Flows: l.store, Now: time.Now, Services: services,
		}
		if _, err := session.New(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

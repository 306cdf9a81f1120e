package app

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"

	"github.com/secant-platform/secant/gateway/config"
)

// TestAServiceAndADeviceCallByTheirKeys: a program signs in by its key, and a device
// signs its request as a whole; operators' tokens go on as before, and whoever has
// none cannot ask without end.
func TestAServiceAndADeviceCallByTheirKeys(t *testing.T) {
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
	north, maker := c.launch(t, "hospital-north", cfg, func(string) {}).ready(), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")

	var told struct {
		Endpoint string `json:"token_endpoint"`
	}
	north.want(http.StatusOK, "", http.MethodGet, "/.well-known/smart-configuration", nil, &told)
	if told.Endpoint != north.url+"/oauth/token" {
		t.Errorf("the token endpoint is %s", told.Endpoint)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: jose.JSONWebKey{Key: key, KeyID: "2026"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := josejwt.Signed(signer).Claims(map[string]any{
		"iss": "lab", "sub": "lab", "aud": told.Endpoint, "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix(),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_assertion": {assertion}, "scope": {"integrator"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}.Encode()
	encoded := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	status, b := north.call("", http.MethodPost, "/oauth/token", []byte(form), encoded)
	var granted struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
		Life  int    `json:"expires_in"`
		Scope string `json:"scope"`
	}
	if err := json.Unmarshal(b, &granted); err != nil || status != http.StatusOK || granted.Type != "Bearer" || granted.Life != 300 || granted.Scope != "integrator" {
		t.Fatalf("%d %s", status, b)
	}
	if status, b := north.call("", http.MethodPost, "/oauth/token", []byte(form), encoded); status != http.StatusUnauthorized || string(b) != `{"error":"invalid_client","error_description":"the client assertion does not hold"}` {
		t.Errorf("the assertion a second time: %d %s", status, b)
	}
	reading := map[string]string{"Content-Type": "application/json", "Secant-Device": d.id, "Authorization": "Bearer " + granted.Token}
	if status, b := north.call("", http.MethodPost, "/v1/readings", []byte(`{"bpm":60}`), reading); status != http.StatusAccepted {
		t.Errorf("a service's readings: %d %s", status, b)
	}
	if status, _ := north.call("", http.MethodGet, "/v1/threats", nil, map[string]string{"Authorization": "Bearer " + granted.Token}); status != http.StatusForbidden {
		t.Errorf("beyond its role: %d", status)
	}
	if status, _ := north.call("auditor", http.MethodGet, "/v1/session", nil, nil); status != http.StatusForbidden {
		t.Errorf("an operator's token has a session: %d", status)
	}

	sign := func(by ed25519.PrivateKey, unit, address, body string) map[string]string {
		sum := sha256.Sum256([]byte(body))
		digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
		params := fmt.Sprintf(`("@method" "@target-uri" "content-digest");created=%d;keyid="%s";nonce="%s"`, time.Now().Unix(), unit, rand.Text())
		base := fmt.Sprintf("\"@method\": POST\n\"@target-uri\": %s\n\"content-digest\": %s\n\"@signature-params\": %s", address, digest, params)
		return map[string]string{
			"Content-Type": "application/json", "Content-Digest": digest, "Signature-Input": "d=" + params,
			"Signature": "d=:" + base64.StdEncoding.EncodeToString(ed25519.Sign(by, []byte(base))) + ":",
		}
	}
	const body = `{"bpm":61}`
	address := north.url + "/v1/readings"
	good := sign(d.key, d.id, address, body)
	status, b = north.call("", http.MethodPost, "/v1/readings", []byte(body), good)
	var receipt struct{ ID, Unit, VouchedBy string }
	if err := json.Unmarshal(b, &receipt); err != nil || status != http.StatusAccepted || receipt.VouchedBy != "node" || receipt.Unit != d.id {
		t.Fatalf("a request that a device signed: %d %s", status, b)
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := sign(d.key, d.id, address, body)
	delete(unsigned, "Signature")
	both := sign(d.key, d.id, address, body)
	both["Secant-Device"] = d.id
	for name, try := range map[string]struct {
		header map[string]string
		body   string
		status int
	}{
		"again":               {good, body, http.StatusForbidden},
		"another body":        {sign(d.key, d.id, address, body), `{"bpm":99}`, http.StatusForbidden},
		"another key":         {sign(stranger, d.id, address, body), body, http.StatusForbidden},
		"an unknown device":   {sign(d.key, receipt.ID+receipt.ID, address, body), body, http.StatusForbidden},
		"for another place":   {sign(d.key, d.id, "https://south.example/v1/readings", body), body, http.StatusForbidden},
		"without a signature": {unsigned, body, http.StatusUnprocessableEntity},
		"in both ways":        {both, body, http.StatusUnprocessableEntity},
	} {
		if status, b := north.call("", http.MethodPost, "/v1/readings", []byte(try.body), try.header); status != try.status {
			t.Errorf("%s: %d %s, want %d", name, status, b, try.status)
		}
	}
}

// TestWhoeverHasNoTokenCannotAskWithoutEnd, and keeps out no one who has one, nor
// those who look whether the node lives.
func TestWhoeverHasNoTokenCannotAskWithoutEnd(t *testing.T) {
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	cfg.Limits.Anonymous, cfg.Limits.AnonymousTotal = 1, 1000
	north := c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	last := 0
	for range 10 {
		last, _ = north.call("", http.MethodGet, "/.well-known/smart-configuration", nil, nil)
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the tenth request: %d", last)
	}
	res := north.answer("", http.MethodPost, "/v1/sign-in", []byte("{}"), map[string]string{"Content-Type": "application/json"})
	_ = res.Body.Close()
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("a sign-in: %d %v", res.StatusCode, res.Header)
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if status, _ := north.call("", http.MethodGet, path, nil, nil); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _ := north.call("auditor", http.MethodGet, "/v1/organisations", nil, nil); status != http.StatusOK {
		t.Errorf("with a token: %d", status)
	}
}

// TestWhoIsKnownCannotAskWithoutEndEither, and keeps out no one else, whatever token
// they bring.
func TestWhoIsKnownCannotAskWithoutEndEither(t *testing.T) {
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	cfg.Limits.Program = 1
	north := c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	refused := 0
	for range 20 {
		res := north.answer("analyst", http.MethodGet, "/v1/organisations", nil, nil)
		_ = res.Body.Close()
		if res.StatusCode == http.StatusTooManyRequests {
			refused++
			if res.Header.Get("Retry-After") == "" {
				t.Error("it is not said when to try again")
			}
		}
	}
	if refused < 10 {
		t.Errorf("of 20 requests at once %d were refused, of which a caller may make 5", refused)
	}
	if status, _ := north.call("risk-manager", http.MethodGet, "/v1/organisations", nil, nil); status != http.StatusOK {
		t.Errorf("somebody else: %d", status)
	}
}

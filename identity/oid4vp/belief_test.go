package oid4vp_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// sign makes a request object with changed claims.
func (w *world) sign(t *testing.T, asked *oid4vp.Asked, signer keys.Signer, h keys.Header, change func(map[string]any)) string {
	t.Helper()
	claims := claimsOf(t, w, asked)
	if change != nil {
		change(claims)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := keys.Compact(signer, h, b)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestTheWalletBelievesNobody whom it cannot know.
func TestTheWalletBelievesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	strangerKey, stranger := p256(t)
	otherRoot, otherLeaf := certify(t, strangerKey, "localhost")
	_ = otherRoot
	x5c := func(c ...*x509.Certificate) []string {
		var out []string
		for _, one := range c {
			out = append(out, base64.StdEncoding.EncodeToString(one.Raw))
		}
		return out
	}
	good := keys.Header{Type: oid4vp.RequestType, X5C: x5c(w.leaf)}
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	asked := w.ask(t, oid4vp.Question{})
	if _, err := w.Read(t.Context(), byValue(w.hostID(), w.sign(t, asked, w.signer, good, nil))); err != nil {
		t.Fatalf("the request as it is: %v", err)
	}
	did := oid4vp.PrefixDID + ":" + verifierDID
	for name, c := range map[string]struct {
		client string
		signer keys.Signer
		header keys.Header
		change func(map[string]any)
	}{
		"another key":              {signer: stranger},
		"another authority":        {signer: stranger, header: keys.Header{Type: oid4vp.RequestType, X5C: x5c(otherLeaf)}},
		"their leaf, our root":     {signer: stranger, header: keys.Header{Type: oid4vp.RequestType, X5C: x5c(otherLeaf, w.root)}},
		"no certificate":           {header: keys.Header{Type: oid4vp.RequestType}},
		"rubbish for one":          {header: keys.Header{Type: oid4vp.RequestType, X5C: []string{"AAAA"}}},
		"too many certificates":    {header: keys.Header{Type: oid4vp.RequestType, X5C: x5c(w.leaf, w.leaf, w.leaf, w.leaf, w.leaf)}},
		"another type":             {header: keys.Header{Type: "JWT", X5C: good.X5C}},
		"no type":                  {header: keys.Header{X5C: good.X5C}},
		"another host":             {client: "x509_san_dns:other.example", change: set("client_id", "x509_san_dns:other.example")},
		"another hash":             {client: "x509_hash:AAAA", change: set("client_id", "x509_hash:AAAA")},
		"another in the link":      {client: w.hashID(t)},
		"another inside":           {change: set("client_id", w.hashID(t))},
		"answer elsewhere":         {change: set("response_uri", "https://evil.example/answer")},
		"answer in the clear":      {change: set("response_uri", "http://localhost/answer")},
		"somebody else's":          {change: set("aud", "https://wallet.example")},
		"over":                     {change: set("exp", w.now().Unix())},
		"a wallet nonce":           {change: set("wallet_nonce", "n")},
		"no nonce":                 {change: set("nonce", nil)},
		"no query":                 {change: set("dcql_query", nil)},
		"a scope":                  {change: set("scope", "staff")},
		"a transaction":            {change: set("transaction_data", []string{"e30"})},
		"a code":                   {change: set("response_type", "code")},
		"a fragment":               {change: set("response_mode", "fragment")},
		"a redirect":               {change: set("redirect_uri", "https://localhost/x")},
		"no key to encrypt to":     {change: set("client_metadata", map[string]any{"vp_formats_supported": map[string]any{}})},
		"a DID's key, another DID": {client: did, header: keys.Header{Type: oid4vp.RequestType, KeyID: "did:web:evil.example#key-1"}, change: set("client_id", did)},
		"a DID without a key":      {client: did, header: keys.Header{Type: oid4vp.RequestType}, change: set("client_id", did)},
		"a DID, another's key":     {client: did, signer: stranger, header: keys.Header{Type: oid4vp.RequestType, KeyID: verifierDID + "#key-1"}, change: set("client_id", did)},
		"registered, another's":    {client: registeredID, signer: stranger, change: set("client_id", registeredID)},
		"not registered":           {client: "secant:test:other", change: set("client_id", "secant:test:other")},
		"signed redirect_uri":      {client: "redirect_uri:https://localhost/x", change: set("client_id", "redirect_uri:https://localhost/x")},
		"federation":               {client: "openid_federation:https://localhost", change: set("client_id", "openid_federation:https://localhost")},
	} {
		client, signer, h := w.hostID(), w.signer, good
		if c.client != "" {
			client = c.client
		}
		if c.signer != nil {
			signer = c.signer
		}
		if c.header.Type != "" || c.header.X5C != nil {
			h = c.header
		}
		if _, err := w.Read(t.Context(), byValue(client, w.sign(t, asked, signer, h, c.change))); err == nil || ledger.CodeOf(err) == ledger.CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	token := w.sign(t, asked, w.signer, good, nil)
	payload := strings.Split(token, ".")[1]
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"oauth-authz-req+jwt"}`)) + "." + payload + "."
	for name, link := range map[string]string{
		"alg none": byValue(w.hostID(), none), "changed": byValue(w.hostID(), token[:len(token)-4]+"AAAA"), "no client": "openid4vp://?request=" + token,
		"a parameter twice": byValue(w.hostID(), token) + "&client_id=x", "too large": byValue(w.hostID(), strings.Repeat("a", oid4vp.MaxRequest)),
		"unsigned as another": strings.Replace(w.ask(t, oid4vp.Question{ClientID: oid4vp.PrefixRedirect}).Link, "client_id=redirect_uri%3A", "client_id=x", 1),
		"fetched otherwise":   w.ask(t, oid4vp.Question{}).Link + "&request_uri_method=put",
		"no address":          "openid4vp://?client_id=" + w.hostID() + "&request_uri=file:///etc/passwd",
	} {
		if _, err := w.Read(t.Context(), link); err == nil || ledger.CodeOf(err) == ledger.CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A wallet that was told of nobody believes nobody.
	shy := w.responder(t, oid4vp.ResponderOptions{})
	for _, id := range []string{"", w.hashID(t), did, registeredID, oid4vp.PrefixRedirect} {
		if _, err := shy.Read(t.Context(), w.ask(t, oid4vp.Question{ClientID: id}).Link); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// TestTheWalletIsNotLedAway: not by a redirect, not by an endless answer.
func TestTheWalletIsNotLedAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		switch in.URL.Path {
		case "/away":
			http.Redirect(out, in, "/there", http.StatusFound)
		case "/there":
			reached = true
		case "/long":
			out.Header().Set("Content-Type", "application/"+oid4vp.RequestType)
			_, _ = out.Write(make([]byte, 2*oid4vp.MaxRequest))
		}
	}))
	t.Cleanup(server.Close)
	wallet := w.responder(t, oid4vp.ResponderOptions{Roots: w.roots, Plaintext: true})
	for _, path := range []string{"/away", "/long", "/none"} {
		if _, err := wallet.Read(t.Context(), "openid4vp://?"+url.Values{"client_id": {w.hostID()}, "request_uri": {server.URL + path}}.Encode()); err == nil {
			t.Errorf("%s: the wallet reads it", path)
		}
	}
	if reached {
		t.Error("the wallet follows a redirect")
	}
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte(`vp_token={"staff":["x"]}&state=s`))
	f.Add([]byte(`response=a.b.c.d.e`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := oid4vp.ParseResponse(b); err != nil && ledger.CodeOf(err) == ledger.CodeInternal {
			t.Fatal(err)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("openid4vp://?client_id=redirect_uri%3Ahttps%3A%2F%2Fa%2Fb&response_type=vp_token&response_mode=direct_post&response_uri=https%3A%2F%2Fa%2Fb&nonce=n&dcql_query=%7B%7D")
	f.Add("openid4vp://?client_id=x509_hash:a&request=eyJhbGciOiJFUzI1NiIsIng1YyI6WyIiXX0.e30.AA")
	f.Fuzz(func(t *testing.T, link string) {
		none := &http.Client{Transport: unreachable{}}
		r, err := oid4vp.NewResponder(oid4vp.ResponderOptions{HTTP: none, Now: time.Now, Roots: x509.NewCertPool(), Unsigned: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(t.Context(), link); err != nil && ledger.CodeOf(err) == ledger.CodeInternal {
			t.Fatal(err)
		}
	})
}

type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("there is no network in this test")
}

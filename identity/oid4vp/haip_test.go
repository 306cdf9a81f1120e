package oid4vp_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/identity/oid4vp"
)

// TestHighAssuranceIsWhole: a request is as the profile has it (HAIP 1.0, section
// 5), and nothing else is asked.
func TestHighAssuranceIsWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hash, err := oid4vp.NewHashClient(w.signer, []*x509.Certificate{w.leaf})
	if err != nil {
		t.Fatal(err)
	}
	did, err := oid4vp.NewDIDClient(w.signer, verifierDID+"#key-1")
	if err != nil {
		t.Fatal(err)
	}
	v, err := oid4vp.NewVerifier(oid4vp.Options{
		Base: w.Base(), Clients: []*oid4vp.Client{hash, did}, Flows: w.flows, Judge: w.judge, Now: w.now, HAIP: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	badge := &oid4vp.Query{Credentials: []oid4vp.CredentialQuery{{ID: "b", Format: oid4vp.FormatJWT, Meta: oid4vp.Meta{W3C: [][]string{{"Badge"}}}}}}
	for name, q := range map[string]oid4vp.Question{
		"without encryption": {Query: nameQuery(), Plain: true}, "another client": {Query: nameQuery(), ClientID: did.ID()}, "another format": {Query: badge},
	} {
		if _, err := v.Ask(t.Context(), q); err == nil {
			t.Errorf("%s: it is asked", name)
		}
	}
	keys := map[string]bool{}
	for range 2 {
		asked, err := v.Ask(t.Context(), oid4vp.Question{Query: nameQuery(), Scheme: "haip-vp", Return: "https://app.example/back"})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(asked.Link, "haip-vp://?client_id=x509_hash%3A") || !strings.Contains(asked.Link, "request_uri=https") {
			t.Errorf("the link is %s", asked.Link)
		}
		token, err := v.RequestObject(t.Context(), handleOf(t, asked), "")
		if err != nil {
			t.Fatal(err)
		}
		var head struct {
			Alg, Typ string
			X5C      [][]byte
		}
		var claims struct {
			Type     string `json:"response_type"`
			Mode     string `json:"response_mode"`
			Metadata struct {
				Enc  []string `json:"encrypted_response_enc_values_supported"`
				JWKS struct {
					Keys []struct{ Kty, Crv, X, Alg, Kid string }
				}
			} `json:"client_metadata"`
		}
		for i, to := range []any{&head, &claims} {
			b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, to); err != nil {
				t.Fatal(err)
			}
		}
		got := []any{head.Alg, head.Typ, len(head.X5C), claims.Type, claims.Mode, claims.Metadata.Enc, len(claims.Metadata.JWKS.Keys)}
		if diff := cmp.Diff([]any{"ES256", "oauth-authz-req+jwt", 1, "vp_token", "direct_post.jwt", []string{"A256GCM", "A128GCM"}, 1}, got); diff != "" {
			t.Error(diff)
		}
		key := claims.Metadata.JWKS.Keys[0]
		if key.Crv != "P-256" || key.Alg != "ECDH-ES" || key.Kid == "" || keys[key.X] {
			t.Errorf("the key for the answer is %+v", key)
		}
		keys[key.X] = true
		w.answered(t, asked)
		if r, err := v.Result(t.Context(), asked.Ticket, ""); err == nil {
			t.Errorf("without its browser's return there is a result: %+v", r)
		}
	}
	// What nobody vouches for is no client.
	key, signer := p256(t)
	own := signed(t, certificate(), certificate(), &key.PublicKey, key)
	if _, err := oid4vp.NewHashClient(signer, []*x509.Certificate{own}); err == nil {
		t.Error("a certificate that signed itself makes a client")
	}
}

func certificate() *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(3), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
}

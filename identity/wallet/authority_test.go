package wallet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// TestACredentialIsFoundByItsAuthority, which stands in its issuer's certificate.
func TestACredentialIsFoundByItsAuthority(t *testing.T) {
	t.Parallel()
	w := create(t)
	key, err := w.NewKey(ledger.CurveP256)
	if err != nil {
		t.Fatal(err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "A"}, SubjectKeyId: []byte("authority"), IsCA: true, BasicConstraintsValid: true}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "I"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := keys.FromCrypto(private)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"vct": staffType, "exp": start.Add(time.Hour).Unix(), "cnf": map[string]any{"jwk": key.JWK()}, "role": "nurse"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := keys.Compact(issuer, keys.Header{Type: sdjwt.Type, X5C: []string{base64.StdEncoding.EncodeToString(der)}}, payload)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Add(oid4vp.FormatSDJWT, token+"~", key.JWK().Thumbprint(), ""); err != nil {
		t.Fatal(err)
	}
	card(t, w, ledger.CurveP256) // of an issuer without a certificate
	for id, want := range map[string]int{"authority": 1, "another": 0} {
		found, err := w.Match(&oid4vp.Query{Credentials: []oid4vp.CredentialQuery{{
			ID: "staff", Format: oid4vp.FormatSDJWT, Meta: oid4vp.Meta{Types: []string{staffType}},
			Authorities: []oid4vp.Authority{{Type: "aki", Values: []string{base64.RawURLEncoding.EncodeToString([]byte(id))}}},
		}}})
		if err != nil || len(found["staff"]) != want {
			t.Errorf("%s: %v, %v", id, found, err)
		}
	}
}

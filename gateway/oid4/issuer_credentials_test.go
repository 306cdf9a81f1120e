package oid4_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/mdoc"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/vc"
)

const (
	badgeContext = "https://north.example/contexts/badge/v1"
	cardType     = "org.example.card.1"
	cardSpace    = "org.example.card"
)

// certify gives an office its key, with what each format needs of it.
func (o *office) certify(t *testing.T) {
	t.Helper()
	o.root = certified(t, nil, "root")
	o.leaf = certified(t, o.root, "office")
	var err error
	if o.key, err = keys.FromCrypto(o.leaf.key); err != nil {
		t.Fatal(err)
	}
	o.did = didOf(t, o.key.JWK())
	o.linked, err = vc.NewContexts(map[string][]byte{
		badgeContext: []byte(`{"@context":{"@version":1.1,"@protected":true,"Badge":"https://north.example/badge#Badge","skill":"https://north.example/badge#skill"}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// credential makes one credential, in the format that was ordered.
func (o *office) credential(order oid4vci.Order, holder ledger.JWK) (oid4vci.Issued, error) {
	now := time.Now().Truncate(time.Second)
	switch order.Configuration {
	case "staff":
		s, err := sdjwt.Issue(o.key, sdjwt.Credential{
			Issuer: o.did, KeyID: o.did + "#0", Type: "urn:test:staff", Holder: holder, Issued: now, Expires: now.Add(time.Hour),
			Hidden: map[string]any{"role": "nurse", "number": string(order.Subject)},
		})
		return oid4vci.Issued{Text: s}, err
	case "card":
		b, err := mdoc.Issue(o.key, []*x509.Certificate{o.leaf.cert}, mdoc.Document{
			DocType: cardType, Holder: holder, Signed: now, ValidUntil: now.Add(time.Hour / 2),
			Elements: map[string]map[string]any{cardSpace: {"number": string(order.Subject), "role": "nurse"}},
		})
		return oid4vci.Issued{Text: base64.RawURLEncoding.EncodeToString(b)}, err
	}
	jwk, err := json.Marshal(holder)
	if err != nil {
		return oid4vci.Issued{}, err
	}
	c := vc.Credential{
		ID: "urn:test:" + order.ID, Contexts: []string{badgeContext}, Types: []string{"Badge"}, Issuer: o.did, KeyID: o.did + "#0",
		Holder: "did:jwk:" + base64.RawURLEncoding.EncodeToString(jwk), Issued: now, Expires: now.Add(time.Hour),
		Subject: map[string]any{"skill": "triage"},
	}
	if order.Configuration == "badge" {
		s, err := vc.IssueJWT(o.linked, o.key, c)
		return oid4vci.Issued{Text: s}, err
	}
	b, err := vc.Issue(o.linked, o.key, c)
	if err != nil {
		return oid4vci.Issued{}, err
	}
	var issued oid4vci.Issued
	err = json.Unmarshal(b, &issued.Object)
	return issued, err
}

// checkCard is a wallet's check of an mdoc: it shows the card to itself, which holds
// only when the card is the office's and bound to the holder.
func (o *office) checkCard(r oid4vci.Received, holder keys.Signer) error {
	var text string
	if err := json.Unmarshal(r.Credential, &text); err != nil {
		return err
	}
	card, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	session := mdoc.Session{ClientID: "x509_hash:x", Nonce: "n", ResponseURI: "https://wallet.example"}
	response, err := mdoc.Present(card, holder, map[string][]string{cardSpace: {"role"}}, session)
	if err != nil {
		return err
	}
	_, err = mdoc.Verify(response, mdoc.Want{
		Trust: mdoc.Trust{
			DocType: r.Configuration.DocType, At: time.Now(),
			Issuers: []mdoc.Issuer{{Name: "office.example", Roots: []*x509.Certificate{o.root.cert}}},
		},
		Session: session,
	})
	return err
}

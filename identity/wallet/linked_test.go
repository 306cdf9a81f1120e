package wallet_test

import (
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/vc"
	"github.com/secant-platform/secant/identity/wallet"
)

// linkedCard issues a credential with a linked-data proof to a key of the wallet.
func linkedCard(t *testing.T, curve string, issue func(*vc.Contexts, vc.Credential) ([]byte, error)) (oid4vp.Matches, *wallet.Wallet) {
	t.Helper()
	me := create(t)
	key, err := me.NewKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	holder, err := did.JWKDID(key.JWK())
	if err != nil {
		t.Fatal(err)
	}
	contexts, err := check.Contexts()
	if err != nil {
		t.Fatal(err)
	}
	kind, _ := catalogue.Find("StaffRole")
	b, err := issue(contexts, vc.Credential{
		Contexts: kind.Contexts, Types: kind.W3C[1:], Issuer: "did:web:issuer.example", KeyID: "did:web:issuer.example#1", Holder: holder,
		Issued: start, Subject: map[string]any{"role": "nurse", "given_name": "Ada"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := me.Add(oid4vp.FormatLDP, string(b), key.JWK().Thumbprint(), ""); err != nil {
		t.Fatal(err)
	}
	unbound := false
	query := func(binding *bool) oid4vp.CredentialQuery {
		id := "bound"
		if binding != nil {
			id = "unbound"
		}
		return oid4vp.CredentialQuery{
			ID: id, Format: oid4vp.FormatLDP, Binding: binding, Meta: oid4vp.Meta{W3C: [][]string{kind.W3C}},
			Claims: []oid4vp.Claim{{Path: oid4vp.Path{"credentialSubject", "role"}}},
		}
	}
	found, err := me.Match(&oid4vp.Query{Credentials: []oid4vp.CredentialQuery{query(nil), query(&unbound)}})
	if err != nil {
		t.Fatal(err)
	}
	return found, me
}

// TestACredentialIsShownAsItCanBe: whole by its holder where a holder is asked for,
// and never where none is; of the data model 1.1 by a key of Ed25519 alone.
func TestACredentialIsShownAsItCanBe(t *testing.T) {
	t.Parallel()
	issuer, err := create(t).NewKey(ledger.CurveEd25519)
	if err != nil {
		t.Fatal(err)
	}
	newer := func(c *vc.Contexts, one vc.Credential) ([]byte, error) { return vc.Issue(c, issuer, one) }
	older := func(c *vc.Contexts, one vc.Credential) ([]byte, error) { return vc.IssueLinked(c, issuer, one) }
	for name, f := range map[string]struct {
		curve string
		issue func(*vc.Contexts, vc.Credential) ([]byte, error)
		can   bool
	}{
		"2.0, P-256":   {ledger.CurveP256, newer, true},
		"2.0, Ed25519": {ledger.CurveEd25519, newer, true},
		"1.1, P-256":   {ledger.CurveP256, older, false},
		"1.1, Ed25519": {ledger.CurveEd25519, older, true},
	} {
		found, w := linkedCard(t, f.curve, f.issue)
		if len(found["unbound"]) != 0 || (len(found["bound"]) == 1) != f.can {
			t.Errorf("%s: %+v", name, found)
			continue
		}
		if !f.can {
			continue
		}
		if seen, err := w.Shows(found["bound"][0]); err != nil || len(seen) != 3 { // the holder's id, too
			t.Errorf("%s: a verifier sees %v, %v", name, seen, err)
		}
	}
}

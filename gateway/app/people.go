package app

import (
	"context"
	"crypto/subtle"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// openPeople has the issuer give authorization codes, where there is a provider at
// which people sign in. Without one it offers none, and its metadata has none.
func (i *identity) openPeople(n *node, secret []byte, o *oid4vci.Options) error {
	if n.provider == nil {
		return nil
	}
	visits, err := session.NewVisits(n.provider, secret, o.URL+oid4.PathSignedIn, time.Now)
	if err != nil {
		return err
	}
	i.people = visits
	o.Approve, o.OffersOnly, o.Clients = approve, true, map[string][]string{}
	for _, w := range n.cfg.Wallets.Known() {
		o.Clients[w.ID] = w.Redirects
		if w.Attested {
			o.Attested = append(o.Attested, w.ID)
		}
	}
	if n.cfg.Wallets.Makers != "" {
		makers, err := openMakers(n.cfg.Wallets.Makers)
		if err != nil {
			return err
		}
		o.WalletKey = makers.key
	}
	return nil
}

// nobodySignsIn says what is missing for an offer to one person.
func (i *identity) nobodySignsIn() error {
	return &ledger.Problem{
		Code:   ledger.CodeInvalid,
		Detail: "the offer is not valid",
		Faults: []ledger.Fault{{Field: "grant", Detail: "needs the organisation's OpenID Connect provider, at which the person signs in: " +
			"set signIn.provider in the node's configuration, and register " + i.base + issuerPath + oid4.PathSignedIn + " there as a redirect URI"}},
	}
}

// approve gives an offer to the person whom it names, and to nobody else. The wallet has
// been told to take it, and the person has just signed in to do so: there is no more to ask.
func approve(_ context.Context, a oid4vci.Authorization) ([]byte, error) {
	var o offered
	if err := json.Unmarshal(a.Offered, &o); err != nil {
		return nil, fmt.Errorf("reading an offer: %w", err)
	}
	switch {
	case o.Person == "":
		return nil, ledger.Problemf(ledger.CodeDenied, "the offer names nobody")
	case a.User == "":
		return nil, oid4vci.ErrNoUser
	case subtle.ConstantTimeCompare([]byte(a.User), []byte(o.Person)) != 1:
		return nil, ledger.Problemf(ledger.CodeDenied, "the offer is to somebody else than who signed in")
	}
	return a.Offered, nil
}

// makers are the roots of those who make wallets and vouch for them.
type makers struct{ roots *x509.CertPool }

func openMakers(path string) (*makers, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("reading the roots of wallets' makers: %w", err)
	}
	m := &makers{x509.NewCertPool()}
	if !m.roots.AppendCertsFromPEM(text) {
		return nil, errors.New("reading the roots of wallets' makers: the file holds no certificate")
	}
	return m, nil
}

// key returns the key of an attester's certificate: the first of a chain to one of the
// roots, and none of these itself (HAIP 1.0, section 4.4.1).
func (m *makers) key(_ context.Context, a oid4vci.Attester) (ledger.JWK, error) {
	unknown := ledger.Problemf(ledger.CodeDenied, "the attester is not known")
	if len(a.Chain) == 0 {
		return ledger.JWK{}, unknown
	}
	chain := make([]*x509.Certificate, len(a.Chain))
	between := x509.NewCertPool()
	for n, der := range a.Chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return ledger.JWK{}, unknown
		}
		if chain[n] = c; n > 0 {
			between.AddCert(c)
		}
	}
	leaf := chain[0]
	if leaf.IsCA || leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return ledger.JWK{}, unknown
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: m.roots, Intermediates: between, CurrentTime: time.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return ledger.JWK{}, unknown
	}
	return ledger.JWKOf(leaf.PublicKey)
}

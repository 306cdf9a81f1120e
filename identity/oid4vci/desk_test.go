package oid4vci_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
)

const (
	issuerURL = "https://north.example/issuer"
	app       = "wallet-app"
	back      = "https://wallet.example/back"
)

// desk is an issuer with a clock of the test's, and a wallet in front of it.
type desk struct {
	tb     testing.TB
	now    time.Time
	flows  *flowtest.Memory
	issuer *oid4vci.Issuer
	key    keys.Signer // the wallet's, for DPoP
	holder keys.Signer // the credential's

	orders  []oid4vci.Order
	notices []oid4vci.Notice
	issue   func(oid4vci.Order) error // answers instead of issuing
	approve error                     // answers instead of approving
	user    string                    // who approved last
	jti     int
}

func newDesk(tb testing.TB, change func(*oid4vci.Options)) *desk {
	tb.Helper()
	d := &desk{tb: tb, now: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC), key: p256(tb), holder: edwards(tb)}
	d.flows = flowtest.NewMemory(func() time.Time { return d.now })
	opts := oid4vci.Options{
		URL: issuerURL, Flows: d.flows, Secret: make([]byte, 32), Now: func() time.Time { return d.now }, BatchSize: 2,
		Configurations: map[string]oid4vci.Configuration{
			"staff":  {Format: oid4vci.FormatSDJWT, Scope: "staff", Type: "urn:test:staff", BindingMethods: []string{"jwk"}},
			"badge":  {Format: oid4vci.FormatJWT, Scope: "badge", BindingMethods: []string{"jwk"}, Definition: &oid4vci.Definition{Type: []string{"Badge"}}},
			"notice": {Format: oid4vci.FormatSDJWT, Type: "urn:test:notice"},
		},
		Issue: func(_ context.Context, o oid4vci.Order) ([]oid4vci.Issued, error) {
			if d.issue != nil {
				if err := d.issue(o); err != nil {
					return nil, err
				}
			}
			d.orders = append(d.orders, o)
			issued := make([]oid4vci.Issued, max(1, len(o.Holders)))
			for n := range issued {
				issued[n].Text = "credential " + strconv.Itoa(n)
			}
			return issued, nil
		},
		Notified: func(_ context.Context, n oid4vci.Notice) error { d.notices = append(d.notices, n); return nil },
		Approve: func(_ context.Context, a oid4vci.Authorization) ([]byte, error) {
			d.user = a.User
			if a.Offered != nil {
				return a.Offered, d.approve
			}
			return []byte("approved"), d.approve
		},
		Clients: map[string][]string{app: {back, "app://back"}, "other-app": {"https://other.example/back"}},
	}
	if change != nil {
		change(&opts)
	}
	var err error
	if d.issuer, err = oid4vci.New(opts); err != nil {
		tb.Fatal(err)
	}
	return d
}

func p256(tb testing.TB) keys.Signer {
	tb.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := keys.FromCrypto(k)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func edwards(tb testing.TB) keys.Signer {
	tb.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := keys.FromCrypto(k)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func encode(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// m is a JSON object.
type m = map[string]any

// jwt is a token that a test may spoil before it is signed, and after.
type jwt struct {
	by              keys.Signer
	header, payload m
	spoil           func(string) string
}

func (j jwt) compact(tb testing.TB) string {
	tb.Helper()
	signed := segment(encode(tb, j.header)) + "." + segment(encode(tb, j.payload))
	signature, err := j.by.Sign([]byte(signed))
	if err != nil {
		tb.Fatal(err)
	}
	s := signed + "." + segment(signature)
	if j.spoil != nil {
		s = j.spoil(s)
	}
	return s
}

// proof is a key proof as it should be.
func (d *desk) proof(nonce string) jwt {
	return jwt{
		by:      d.holder,
		header:  m{"alg": keys.Algorithm(d.holder), "typ": "openid4vci-proof+jwt", "jwk": d.holder.JWK()},
		payload: m{"aud": issuerURL, "iat": d.now.Unix(), "nonce": nonce},
	}
}

// possession is a DPoP proof as it should be.
func (d *desk) possession(path, token string) jwt {
	d.tb.Helper()
	nonce, err := d.issuer.DPoPNonce()
	if err != nil {
		d.tb.Fatal(err)
	}
	d.jti++
	j := jwt{
		by:     d.key,
		header: m{"alg": keys.Algorithm(d.key), "typ": "dpop+jwt", "jwk": d.key.JWK()},
		payload: m{
			"jti": strconv.Itoa(d.jti), "htm": "POST", "htu": issuerURL + path, "iat": d.now.Unix(), "nonce": nonce,
		},
	}
	if token != "" {
		j.payload["ath"] = verify.Hash(token)
	}
	return j
}

// dpop are the headers of a request to a path, with a token or without.
func (d *desk) dpop(path, token string) http.Header {
	d.tb.Helper()
	h := http.Header{"Dpop": {d.possession(path, token).compact(d.tb)}}
	if token != "" {
		h.Set("Authorization", "DPoP "+token)
	}
	return h
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// offer makes an offer and returns what a wallet reads in its link.
func (d *desk) offer(r oid4vci.OfferRequest) (*oid4vci.Made, oid4vci.Offer) {
	d.tb.Helper()
	if r.Configurations == nil {
		r.Configurations = []string{"staff"}
	}
	if r.Life == 0 {
		r.Life = time.Hour
	}
	if r.Subject == nil {
		r.Subject = []byte("n-17")
	}
	made, err := d.issuer.Offer(d.tb.Context(), r)
	if err != nil {
		d.tb.Fatal(err)
	}
	u, err := url.Parse(made.Link)
	if err != nil {
		d.tb.Fatal(err)
	}
	var o oid4vci.Offer
	if text := u.Query().Get("credential_offer"); text != "" {
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			d.tb.Fatal(err)
		}
	}
	return made, o
}

// redeem is the form for the code of an offer.
func redeem(o oid4vci.Offer) url.Values {
	return url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {o.Grants.PreAuthorized.Code}}
}

// token gets a token for a new offer.
func (d *desk) token(h http.Header, configurations ...string) *oid4vci.TokenResponse {
	d.tb.Helper()
	_, o := d.offer(oid4vci.OfferRequest{Configurations: configurations})
	t, err := d.issuer.Token(d.tb.Context(), redeem(o), h)
	if err != nil {
		d.tb.Fatal(err)
	}
	return t
}

func (d *desk) nonce() string {
	d.tb.Helper()
	n, err := d.issuer.Nonce()
	if err != nil {
		d.tb.Fatal(err)
	}
	return n.Nonce
}

// request is a credential request for a configuration.
func (d *desk) request(id string, proofs ...string) m {
	r := m{"credential_configuration_id": id}
	if proofs != nil {
		r["proofs"] = m{"jwt": proofs}
	}
	return r
}

// good is a credential request as it should be.
func (d *desk) good() []byte {
	d.tb.Helper()
	return encode(d.tb, d.request("staff", d.proof(d.nonce()).compact(d.tb)))
}

func with(o m, more m) m {
	changed := maps.Clone(o)
	maps.Copy(changed, more)
	return changed
}

func wantError(tb testing.TB, what string, err error, code string) {
	tb.Helper()
	refused, ok := errors.AsType[*oid4vci.Error](err)
	switch {
	case !ok || refused.Code != code:
		tb.Errorf("%s: %v, not %s", what, err, code)
	case refused.Description == "" || strings.ContainsFunc(refused.Description, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }):
		tb.Errorf("%s: %q is no description (RFC 6749, section 5.2)", what, refused.Description)
	}
}

func mustFlow(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

type ctx = context.Context

// nobody is an attester that is trusted by nobody.
func nobody(ctx, oid4vci.Attester) (ledger.JWK, error) {
	return ledger.JWK{}, ledger.Problemf(ledger.CodeNotFound, "there is none")
}

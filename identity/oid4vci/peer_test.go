package oid4vci_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/peertest"
)

// elsewhere is an issuer that is not ours: @openid4vc's.
type elsewhere struct {
	*peertest.Running

	Base string
	Key  ledger.JWK
}

func startElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	e := &elsewhere{Running: peertest.Start(t, peertest.Install(t, "issuer", "issuer"))}
	said := peertest.Hear[struct {
		Base string
		Key  ledger.JWK
	}](t, e.Running)
	e.Base, e.Key = said.Base, said.Key
	return e
}

// wallet is a client of ours that follows no redirects.
func (e *elsewhere) wallet(t *testing.T) *oid4vci.Client {
	t.Helper()
	return &oid4vci.Client{
		HTTP: &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		ID:   app, Redirect: back, Key: p256(t),
		MetadataKey: func(_ ctx, by oid4vci.MetadataSigner) (ledger.JWK, error) {
			if by.Issuer != e.Base {
				return ledger.JWK{}, ledger.Problemf(ledger.CodeNotFound, "another issuer")
			}
			return e.Key, nil
		},
	}
}

// TestOurWalletReceivesElsewhere: from an issuer and an authorization server that are
// not ours, by both grants, with DPoP and its nonces, and signed metadata.
func TestOurWalletReceivesElsewhere(t *testing.T) {
	t.Parallel()
	e := startElsewhere(t)
	for name, offer := range map[string]m{
		"pre-authorized code":                     {},
		"pre-authorized code, transaction code":   {"txCode": true},
		"authorization code, by a pushed request": {"code": true},
		"pre-authorized code, deferred":           {"later": 2},
		"authorization code, deferred":            {"code": true, "later": 1},
	} {
		made := peertest.Ask[struct{ Link, TxCode string }](t, e.Running, offer)
		w := e.wallet(t)
		o, err := w.Open(t.Context(), made.Link)
		mustFlow(t, err)
		remote, err := w.DiscoverOffered(t.Context(), o)
		mustFlow(t, err)
		if !remote.Signed {
			t.Errorf("%s: the issuer's signature is not believed", name)
		}
		var s *oid4vci.Session
		if offer["code"] == true {
			p, err := w.Start(t.Context(), remote, o, o.Configurations...)
			mustFlow(t, err)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL, http.NoBody)
			mustFlow(t, err)
			resp, err := w.HTTP.Do(req)
			mustFlow(t, err)
			mustFlow(t, resp.Body.Close())
			s, err = w.Finish(t.Context(), p, resp.Header.Get("Location"))
			mustFlow(t, err)
		} else {
			if made.TxCode != "" {
				_, err := w.Redeem(t.Context(), remote, o, "000000")
				if refused, ok := errors.AsType[*oid4vci.Error](err); !ok || refused.Code != oid4vci.CodeInvalidGrant {
					t.Errorf("%s: another code: %v", name, err)
				}
			}
			s, err = w.Redeem(t.Context(), remote, o, made.TxCode)
			mustFlow(t, err)
		}
		holder := p256(t)
		r, err := w.Receive(t.Context(), s, "staff", holder)
		mustFlow(t, err)
		for turns, _ := offer["later"].(int); turns > 0; turns-- {
			if r.Transaction == "" || r.After != time.Second {
				t.Fatalf("%s: %+v", name, r)
			}
			r, err = w.Collect(t.Context(), s, r)
			mustFlow(t, err)
		}
		if len(r.Credentials) != 1 || r.Credentials[0].Holder != holder.JWK() {
			t.Errorf("%s: %+v", name, r)
		}
	}
	// Nobody else's signature is taken for the issuer's.
	w := e.wallet(t)
	w.MetadataKey = func(ctx, oid4vci.MetadataSigner) (ledger.JWK, error) { return p256(t).JWK(), nil }
	if _, err := w.Discover(t.Context(), e.Base); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("under another's key: %v", err)
	}
}

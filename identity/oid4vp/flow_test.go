package oid4vp_test

import (
	"crypto/x509"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/identity/oid4vp"
)

// TestEveryWayOfAsking: each way in which a verifier is known, with and without
// encryption, fetched by GET and by POST, on one device and on two.
func TestEveryWayOfAsking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, client := range []string{"", oid4vp.PrefixHash, oid4vp.PrefixDID, registeredID, oid4vp.PrefixRedirect} {
		for _, plain := range []bool{false, true} {
			for _, same := range []bool{false, true} {
				q := oid4vp.Question{Plain: plain, Post: same}
				switch client {
				case oid4vp.PrefixHash:
					q.ClientID = w.hashID(t)
				case oid4vp.PrefixDID:
					q.ClientID = oid4vp.PrefixDID + ":" + verifierDID
				default:
					q.ClientID = client
				}
				if same {
					q.Return = "https://app.example/back?from=wallet"
				}
				w.converse(t, q)
			}
		}
	}
}

func (w *world) hashID(t *testing.T) string {
	t.Helper()
	c, err := oid4vp.NewHashClient(w.signer, []*x509.Certificate{w.leaf})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID()
}

// converse asks, answers and reads the result.
func (w *world) converse(t *testing.T, q oid4vp.Question) {
	t.Helper()
	asked := w.ask(t, q)
	result, err := w.Result(t.Context(), asked.Ticket, "")
	if err != nil || result.Outcome != oid4vp.Waiting {
		t.Fatalf("%+v: the result is %+v (%v), before the answer", q, result, err)
	}
	request := w.read(t, asked.Link)
	if request.Name != "Ward North" || request.Encrypted == q.Plain {
		t.Errorf("%+v: the wallet reads %+v", q, request)
	}
	back, err := w.Responder.Answer(t.Context(), request, w.choose(t, request), w.present)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	var code string
	if q.Return != "" {
		u, err := url.Parse(back)
		if err != nil {
			t.Fatal(err)
		}
		code = u.Query().Get("response_code")
		if !strings.HasPrefix(back, q.Return+"&response_code=") {
			t.Errorf("%+v: the browser goes to another place than it came from", q)
		}
		if _, err := w.Result(t.Context(), asked.Ticket, "guess"); err == nil {
			t.Errorf("%+v: the result is given without its code", q)
		}
	} else if back != "" {
		t.Errorf("%+v: the browser is sent away", q)
	}
	if result, err = w.Result(t.Context(), asked.Ticket, code); err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	shown := result.Shown["staff"]
	if result.Outcome != oid4vp.Answered || len(shown) != 1 || shown[0].Claims["given_name"] != "Ada" || shown[0].Claims["family_name"] != nil ||
		!cmp.Equal(string(shown[0].Detail), `{"trusted":true}`) {
		t.Errorf("%+v: the result is %+v", q, result)
	}
	if _, err := w.Result(t.Context(), asked.Ticket, code); err == nil {
		t.Errorf("%+v: the result is given twice", q)
	}
}

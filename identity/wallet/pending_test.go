package wallet_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/wallet"
)

// TestWhatComesLaterOutlastsTheToken: a wallet that was closed meanwhile collects with
// a fresh token, by the key that the first was bound to, and forgets what is refused
// for good.
func TestWhatComesLaterOutlastsTheToken(t *testing.T) {
	t.Parallel()
	var passed atomic.Int64 // time since start
	clock := func() time.Time { return start.Add(time.Duration(passed.Load())) }
	path, secret := keyFile(t)
	dir := t.TempDir() + "/w"
	w, err := wallet.Create(dir, secret, clock)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := w.NewKey(ledger.CurveP256)
	if err != nil {
		t.Fatal(err)
	}
	var refuse atomic.Pointer[error]
	pending := error(&oid4vci.PendingError{After: time.Hour})
	refuse.Store(&pending)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	issuer, err := oid4vci.New(oid4vci.Options{
		URL: server.URL, Secret: make([]byte, 32), Flows: flowtest.NewMemory(clock), Now: clock,
		Configurations: map[string]oid4vci.Configuration{"staff": {Format: oid4vci.FormatSDJWT, Type: staffType, BindingMethods: []string{"jwk"}}},
		Issue: func(_ context.Context, o oid4vci.Order) ([]oid4vci.Issued, error) {
			if err := *refuse.Load(); err != nil {
				return nil, err
			}
			s, err := sdjwt.Issue(signer, sdjwt.Credential{Issuer: "https://north.example", KeyID: "1", Type: staffType, Holder: o.Holders[0], Issued: clock(), Expires: clock().Add(time.Hour)})
			return []oid4vci.Issued{{Text: s}}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(mux, issuer)
	client := func() *oid4vci.Client { return &oid4vci.Client{HTTP: server.Client(), Now: clock} }
	receive := func() string {
		t.Helper()
		made, err := issuer.Offer(t.Context(), oid4vci.OfferRequest{Configurations: []string{"staff"}, Life: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		offer, err := client().Open(t.Context(), made.Link)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Receive(t.Context(), client(), offer, ""); ledger.CodeOf(err) != ledger.CodeBusy {
			t.Fatal(err)
		}
		list := w.Pending()
		return list[len(list)-1].ID
	}
	id := receive()
	if p := w.Pending()[0]; p.Issuer != server.URL || !p.Next.Equal(start.Add(time.Hour)) {
		t.Errorf("%+v", p)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	passed.Store(int64(2 * time.Hour)) // the token held ten minutes
	if secret, err = wallet.KeyFile(path); err != nil {
		t.Fatal(err)
	}
	if w, err = wallet.Open(dir, secret, clock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Collect(t.Context(), client(), id); ledger.CodeOf(err) != ledger.CodeBusy || !w.Pending()[0].Next.Equal(start.Add(3*time.Hour)) {
		t.Errorf("still not ready: %v, %+v", err, w.Pending())
	}
	var none error
	refuse.Store(&none)
	if got, err := w.Collect(t.Context(), client(), id); err != nil || len(got) != 1 || len(w.Pending()) != 0 || len(w.List()) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.Collect(t.Context(), client(), id); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("twice: %v", err)
	}

	refuse.Store(&pending)
	id = receive()
	gone := error(ledger.Problemf(ledger.CodeDenied, "no"))
	refuse.Store(&gone)
	_, err = w.Collect(t.Context(), client(), id)
	if refused, ok := errors.AsType[*oid4vci.Error](err); !ok || refused.Code != oid4vci.CodeRequestDenied || len(w.Pending()) != 0 {
		t.Errorf("refused for good: %v, %+v", err, w.Pending())
	}
}

// serve serves an issuer without the gateway.
func serve(mux *http.ServeMux, issuer *oid4vci.Issuer) {
	reply := func(out http.ResponseWriter, v any, err error) {
		status := http.StatusOK
		if refused, ok := errors.AsType[*oid4vci.Error](err); ok {
			if refused.Nonce != "" {
				out.Header().Set("DPoP-Nonce", refused.Nonce)
			}
			status, v = refused.Status, map[string]string{"error": refused.Code}
		}
		b, _ := json.Marshal(v)
		if r, ok := v.(*oid4vci.CredentialResponse); ok && r != nil && r.Encrypted != "" {
			out.Header().Set("Content-Type", oid4vci.TypeEncrypted)
			b = []byte(r.Encrypted)
		}
		out.WriteHeader(status)
		_, _ = out.Write(b)
	}
	mux.HandleFunc("/.well-known/"+oid4vci.WellKnownIssuer, func(out http.ResponseWriter, _ *http.Request) { reply(out, issuer.Metadata(), nil) })
	mux.HandleFunc("/.well-known/"+oid4vci.WellKnownServer, func(out http.ResponseWriter, _ *http.Request) { reply(out, issuer.Server(), nil) })
	mux.HandleFunc(oid4vci.PathNonce, func(out http.ResponseWriter, _ *http.Request) {
		n, err := issuer.Nonce()
		reply(out, n, err)
	})
	mux.HandleFunc(oid4vci.PathToken, func(out http.ResponseWriter, in *http.Request) {
		_ = in.ParseForm()
		r, err := issuer.Token(in.Context(), in.PostForm, in.Header)
		reply(out, r, err)
	})
	for path, endpoint := range map[string]func(context.Context, http.Header, []byte) (*oid4vci.CredentialResponse, error){
		oid4vci.PathCredential: issuer.Credential, oid4vci.PathDeferred: issuer.Deferred,
	} {
		mux.HandleFunc(path, func(out http.ResponseWriter, in *http.Request) {
			body, _ := io.ReadAll(in.Body)
			r, err := endpoint(in.Context(), in.Header, body)
			reply(out, r, err)
		})
	}
}

package wallet_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/wallet"
)

// TestAnIssuerWithoutDPoPGivesToTheWallet: its metadata says that it knows no tokens that
// are bound to a key, which is its own word as all of it.
func TestAnIssuerWithoutDPoPGivesToTheWallet(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return start }
	_, secret := keyFile(t)
	w, err := wallet.Create(t.TempDir()+"/w", secret, clock)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := w.NewKey(ledger.CurveP256)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	var issuer *oid4vci.Issuer
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if in.URL.Path == "/.well-known/"+oid4vci.WellKnownServer {
			about := issuer.Server()
			about.DPoPAlgorithms = nil
			b, _ := json.Marshal(about)
			_, _ = out.Write(b)
			return
		}
		in.Header.Del("DPoP") // it skips what it does not know
		mux.ServeHTTP(out, in)
	}))
	t.Cleanup(server.Close)
	if issuer, err = oid4vci.New(oid4vci.Options{
		URL: server.URL, Secret: make([]byte, 32), Flows: flowtest.NewMemory(clock), Now: clock,
		Configurations: map[string]oid4vci.Configuration{"staff": {Format: oid4vci.FormatSDJWT, Type: staffType, BindingMethods: []string{"jwk"}}},
		Issue: func(_ context.Context, o oid4vci.Order) ([]oid4vci.Issued, error) {
			s, err := sdjwt.Issue(signer, sdjwt.Credential{
				Issuer: "https://north.example", KeyID: "1", Type: staffType, Holder: o.Holders[0], Issued: clock(), Expires: clock().Add(time.Hour),
			})
			return []oid4vci.Issued{{Text: s}}, err
		},
	}); err != nil {
		t.Fatal(err)
	}
	serve(mux, issuer)
	made, err := issuer.Offer(t.Context(), oid4vci.OfferRequest{Configurations: []string{"staff"}, Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	c := &oid4vci.Client{HTTP: server.Client(), Now: clock}
	offer, err := c.Open(t.Context(), made.Link)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Receive(t.Context(), c, offer, "")
	if err != nil || len(got) != 1 || len(w.List()) != 1 {
		t.Errorf("received is %+v, %v", got, err)
	}
}

package oid4_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// TestMetadataIsSignedForWhoAsks: by its Accept header, and for nobody else.
func TestMetadataIsSignedForWhoAsks(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	sign := func(o *oid4vci.Options) {
		o.MetadataKey = func() (keys.Signer, keys.Header, error) { return key, keys.Header{KeyID: "did:web:x#1"}, nil }
	}
	o, unsigned := open(t, sign), open(t, nil)
	address, err := oid4vci.WellKnown(oid4vci.WellKnownIssuer, o.issuer.Metadata().Issuer)
	if err != nil {
		t.Fatal(err)
	}
	const signed, plain = "application/jwt", "application/json"
	for accept, want := range map[string]string{
		"": plain, "*/*": plain, plain: plain, "application/*": plain,
		signed: signed, signed + ", " + plain + ";q=0.5": signed, plain + ", " + signed: signed, "text/html, " + signed + ";q=0.1": signed,
		plain + ", " + signed + ";q=0.9": plain, signed + ";q=0": plain, signed + ";q=x": plain, signed + ";q=2": plain, ";;": plain,
		strings.Repeat("a/b,", 20) + signed: plain,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if accept != "" {
			req.Header.Set("Accept", accept)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); got != want || resp.Header.Get("Vary") == "" || resp.StatusCode != http.StatusOK {
			t.Errorf("%q: %d %v", accept, resp.StatusCode, resp.Header)
		}
	}
	w := wallet(t, func(c *oid4vci.Client) {
		c.RequireSigned = true
		c.MetadataKey = func(context.Context, oid4vci.MetadataSigner) (ledger.JWK, error) { return key.JWK(), nil }
	})
	if r, err := w.Discover(t.Context(), o.issuer.Metadata().Issuer); err != nil || !r.Signed || len(r.Issuer.Configurations) != 4 {
		t.Errorf("our wallet: %+v, %v", r, err)
	}
	if _, err := w.Discover(t.Context(), unsigned.issuer.Metadata().Issuer); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("one that is not signed: %v", err)
	}
}

// TestOurWalletReceivesInPrivate: requests and responses are encrypted, later ones too.
func TestOurWalletReceivesInPrivate(t *testing.T) {
	t.Parallel()
	o := open(t, func(o *oid4vci.Options) { o.RequireEncryption = true })
	o.pending = 1
	w := wallet(t, func(c *oid4vci.Client) { c.RequireEncryption = true })
	s := session(t, w, o.offer(t, oid4vci.OfferRequest{Configurations: []string{"staff"}}))
	r, err := w.Receive(t.Context(), s, "staff", newKey(t))
	if err != nil || r.Transaction == "" {
		t.Fatalf("%+v, %v", r, err)
	}
	// As after the wallet was closed, with what it keeps in between.
	kept, ok := w.Wait(s, r)
	b, err := json.Marshal(kept)
	if !ok || err != nil {
		t.Fatal(err)
	}
	var back oid4vci.Waiting
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	s, r = w.Resume(&back)
	if r, err = w.Collect(t.Context(), s, r); err != nil || len(r.Credentials) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	status, header, body := call(t, http.DefaultClient, http.MethodPost, o.issuer.Metadata().Credential, "text/plain", "{}")
	if status != http.StatusBadRequest || header.Get("Content-Type") != "application/json" || !strings.Contains(string(body), "invalid_credential_request") {
		t.Errorf("another type: %d %v %s", status, header, body)
	}
}

package oid4vci_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
)

func TestMetadataIsSigned(t *testing.T) {
	t.Parallel()
	key := p256(t)
	signatures := 0
	d := newDesk(t, func(o *oid4vci.Options) {
		o.MetadataKey = func() (keys.Signer, keys.Header, error) {
			signatures++
			return key, keys.Header{KeyID: "did:web:north.example#1", X5C: []string{base64.StdEncoding.EncodeToString([]byte("leaf"))}}, nil
		}
	})
	text, err := d.issuer.SignedMetadata()
	mustFlow(t, err)
	j, err := verify.ParseJWSWithin(text, 1<<20)
	mustFlow(t, err)
	public, err := verify.NewKey(key.JWK())
	mustFlow(t, err)
	if err := j.Verify(public); err != nil || j.Type != "openidvci-issuer-metadata+jwt" || j.KeyID != "did:web:north.example#1" {
		t.Errorf("%+v, %v", j, err)
	}
	var signed, open m
	mustFlow(t, json.Unmarshal(j.Payload, &signed))
	mustFlow(t, json.Unmarshal(encode(t, d.issuer.Metadata()), &open))
	open = with(open, m{"iss": issuerURL, "sub": issuerURL, "iat": float64(d.now.Unix()), "exp": float64(d.now.Add(24 * time.Hour).Unix())})
	if diff := cmp.Diff(open, signed); diff != "" {
		t.Error(diff)
	}
	// It is handed out again for a minute, so that nobody makes us sign without end.
	for range 3 {
		if again, err := d.issuer.SignedMetadata(); again != text {
			t.Errorf("%s, %v", again, err)
		}
	}
	d.now = d.now.Add(time.Minute)
	if again, err := d.issuer.SignedMetadata(); again == text || err != nil || signatures != 2 {
		t.Errorf("after a minute: %d signatures, %v", signatures, err)
	}
	if _, err := newDesk(t, nil).issuer.SignedMetadata(); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("without a key: %v", err)
	}
}

// TestAWalletBelievesSignedMetadataOfItsIssuerAlone: of a known signer, with each
// spoiling; of an unknown one, what the server says stands, unless it does not do.
func TestAWalletBelievesSignedMetadataOfItsIssuerAlone(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		header, payload m
		spoil           func(string) string
		unknown         bool
		require         bool
		plain           bool // the server does not sign
		signed          bool // it is believed
		fails           bool
	}{
		"good":                           {signed: true},
		"good and required":              {require: true, signed: true},
		"another type":                   {header: m{"typ": "JWT"}, fails: true},
		"alg none":                       {header: m{"alg": "none"}, fails: true},
		"another issuer's":               {payload: m{"sub": "https://south.example"}, fails: true},
		"of nobody":                      {payload: m{"sub": nil}, fails: true},
		"without a time":                 {payload: m{"iat": nil}, fails: true},
		"from the future":                {payload: m{"iat": now + 600}, fails: true},
		"over":                           {payload: m{"exp": now - 1}, fails: true},
		"of another issuer inside":       {payload: m{"credential_issuer": "https://south.example"}, fails: true},
		"unsigned":                       {spoil: noSignature, fails: true},
		"a broken chain":                 {header: m{"x5c": "x"}, fails: true},
		"no JWT":                         {spoil: func(string) string { return "{}" }, fails: true},
		"of an unknown signer":           {unknown: true},
		"of an unknown signer, required": {unknown: true, require: true, fails: true},
		"none, where none is wanted":     {plain: true},
		"none, where signed ones are":    {plain: true, require: true, fails: true},
		"a claim twice":                  {spoil: func(s string) string { return strings.Replace(s, ".", ".e30", 1) }, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHostile(t)
			const path = "/.well-known/openid-credential-issuer"
			open := encode(t, h.metadata())
			j := jwt{
				by: h.key, header: with(m{"alg": "ES256", "typ": "openidvci-issuer-metadata+jwt", "kid": "did:web:x#1"}, c.header),
				payload: with(with(h.metadata(), m{"sub": h.url, "iat": now, "exp": now + 60}), c.payload), spoil: c.spoil,
			}
			text := j.compact(t)
			h.byAccept(path, func(accept string, w http.ResponseWriter) {
				if c.plain || !strings.Contains(accept, oid4vci.TypeSigned) {
					_, _ = w.Write(open)
					return
				}
				w.Header().Set("Content-Type", oid4vci.TypeSigned)
				_, _ = w.Write([]byte(text))
			})
			client := &oid4vci.Client{HTTP: http.DefaultClient, RequireSigned: c.require, MetadataKey: func(_ ctx, by oid4vci.MetadataSigner) (ledger.JWK, error) {
				if by.Issuer != h.url || by.KeyID != "did:web:x#1" {
					t.Errorf("asked for %+v", by)
				}
				if c.unknown {
					return ledger.JWK{}, ledger.Problemf(ledger.CodeNotFound, "there is none")
				}
				return h.key.JWK(), nil
			}}
			r, err := client.Discover(t.Context(), h.url)
			if (err != nil) != c.fails || err == nil && (r.Signed != c.signed || r.Issuer.Credential != h.url+"/credential") {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestAnOfferOfHighAssuranceHasItsScheme(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	made, o := d.offer(oid4vci.OfferRequest{Scheme: oid4vci.HAIPScheme})
	if !strings.HasPrefix(made.Link, "haip-vci://?credential_offer=") || o.Grants.PreAuthorized == nil {
		t.Errorf("%+v", made)
	}
	if got, err := (&oid4vci.Client{}).Open(t.Context(), made.Link); err != nil || got.Issuer != issuerURL {
		t.Errorf("our wallet reads %+v, %v", got, err)
	}
	_, err := d.issuer.Offer(t.Context(), oid4vci.OfferRequest{Configurations: []string{"staff"}, Life: time.Hour, Scheme: "javascript:"})
	if ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("another scheme: %v", err)
	}
}

// served is an issuer's server that answers with one document.
type served []byte

func (s served) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {oid4vci.TypeSigned}},
		Body: io.NopCloser(bytes.NewReader(s)), Request: r,
	}, nil
}

// FuzzSignedMetadata signs whatever header and payload it is given.
func FuzzSignedMetadata(f *testing.F) {
	key := p256(f)
	f.Add(`{"alg":"ES256","typ":"openidvci-issuer-metadata+jwt","kid":"x"}`, `{"sub":"`+issuerURL+`","iat":1,"credential_endpoint":"x","credential_issuer":"`+issuerURL+`"}`, "")
	f.Add(`{"alg":"ES256","typ":"openidvci-issuer-metadata+jwt","x5c":["AA"]}`, `{"sub":null,"iat":[],"credential_configurations_supported":{"a":[]}}`, "a.b.c")
	f.Fuzz(func(t *testing.T, header, payload, raw string) {
		text := segment([]byte(header)) + "." + segment([]byte(payload))
		signature, err := key.Sign([]byte(text))
		mustFlow(t, err)
		for _, s := range []string{text + "." + segment(signature), raw} {
			c := &oid4vci.Client{
				HTTP: &http.Client{Transport: served(s)}, RequireSigned: true,
				MetadataKey: func(ctx, oid4vci.MetadataSigner) (ledger.JWK, error) { return key.JWK(), nil },
			}
			// The server's own document is this one too, and so never in its form.
			if r, err := c.Discover(t.Context(), issuerURL); err == nil {
				t.Errorf("it takes %+v", r)
			}
		}
	})
}

package oid4vci_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// FuzzKeyProof signs whatever header and payload it is given, so that the fuzzer
// gets past the signature.
func FuzzKeyProof(f *testing.F) {
	d := newDesk(f, nil)
	good, token := d.proof("n"), d.token(nil)
	f.Add(string(encode(f, good.header)), string(encode(f, good.payload)), "")
	f.Add(`{"alg":"ES256","typ":"openid4vci-proof+jwt","kid":"x"}`, `{"aud":1,"iat":1e9,"nonce":null}`, ".")
	f.Add(`{}`, `[]`, "x.y.z")
	f.Fuzz(func(t *testing.T, header, payload, tail string) {
		signed := segment([]byte(header)) + "." + segment([]byte(payload))
		signature, err := d.holder.Sign([]byte(signed))
		mustFlow(t, err)
		for _, s := range []string{signed + "." + segment(signature) + tail, header + payload + tail} {
			_, err = d.issuer.Credential(t.Context(), bearer(token.AccessToken), encode(t, d.request("staff", s)))
			refused, ok := errors.AsType[*oid4vci.Error](err)
			if !ok || refused.Code != oid4vci.CodeInvalidProof && refused.Code != oid4vci.CodeInvalidNonce {
				t.Errorf("%v", err)
			}
		}
	})
}

// FuzzRequests gives each endpoint whatever comes.
func FuzzRequests(f *testing.F) {
	d := newDesk(f, nil)
	bodies := [][]byte{d.good(), []byte(`{"notification_id":"x","event":"credential_deleted"}`), []byte(`{"transaction_id":"x"}`)}
	for _, b := range bodies {
		f.Add("grant_type=x&code=y&authorization_details=[{}]", b, "dpop")
	}
	f.Add(push(nil).Encode(), []byte("[[[["), "a.b.c")
	token := d.token(nil).AccessToken
	f.Fuzz(func(t *testing.T, form string, body []byte, header string) {
		h := bearer(token)
		h["Dpop"] = []string{header}
		_, errs := d.issuer.Credential(t.Context(), h, body)
		all := []error{errs}
		_, err := d.issuer.Deferred(t.Context(), bearer(token), body)
		all = append(all, err, d.issuer.Notification(t.Context(), bearer(token), body))
		if values, err := url.ParseQuery(form); err == nil {
			_, errToken := d.issuer.Token(t.Context(), values, nil)
			_, errDPoP := d.issuer.Token(t.Context(), values, h)
			_, errPush := d.issuer.Push(t.Context(), values, nil)
			_, errAuthorize := d.issuer.Authorize(t.Context(), values)
			all = append(all, errToken, errDPoP, errPush, errAuthorize)
		}
		for _, err := range all {
			if _, ok := errors.AsType[*oid4vci.Error](err); err != nil && !ok {
				t.Errorf("the fault is not the caller's: %v", err)
			}
		}
	})
}

// canned is a network in which an issuer answers what it was given.
type canned map[string][]byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(c[r.URL.Path])), Header: http.Header{}}, nil
}

// FuzzAnswers has a wallet read whatever an issuer answers. What it takes is bound to
// its key and of the type that it asked for.
func FuzzAnswers(f *testing.F) {
	holder, maker := edwards(f), p256(f)
	metadata := m{
		"credential_issuer": issuerURL, "credential_endpoint": issuerURL + "/credential",
		"credential_configurations_supported": m{"staff": m{"format": "dc+sd-jwt", "vct": "t", "cryptographic_binding_methods_supported": []string{"jwk"}}},
	}
	good, err := sdjwt.Issue(maker, sdjwt.Credential{Issuer: issuerURL, Type: "t", Holder: holder.JWK(), Issued: time.Unix(1, 0), Expires: time.Unix(2, 0)})
	mustFlow(f, err)
	f.Add(encode(f, metadata), []byte(`{"access_token":"t","token_type":"Bearer"}`), encode(f, m{"credentials": []m{{"credential": good}}}))
	f.Add([]byte(`{}`), []byte(`[]`), []byte(`{"transaction_id":"x","interval":-1}`))
	f.Fuzz(func(t *testing.T, document, token, credential []byte) {
		c := &oid4vci.Client{HTTP: &http.Client{Transport: canned{
			"/.well-known/openid-credential-issuer/issuer":   document,
			"/.well-known/oauth-authorization-server/issuer": []byte(`{"issuer":"` + issuerURL + `","token_endpoint":"` + issuerURL + `/token"}`),
			"/issuer/token": token, "/issuer/credential": credential, "/issuer/nonce": []byte(`{"c_nonce":"n"}`),
		}}}
		remote, err := c.Discover(t.Context(), issuerURL)
		if err != nil {
			return
		}
		offer := &oid4vci.Offer{Issuer: issuerURL, Grants: oid4vci.Grants{PreAuthorized: &oid4vci.PreAuthorizedGrant{Code: "c"}}}
		s, err := c.Redeem(t.Context(), remote, offer, "")
		if err != nil {
			return
		}
		r, err := c.Receive(t.Context(), s, "staff", holder)
		if err != nil {
			return
		}
		if (r.Transaction != "") != (r.After > 0) {
			t.Errorf("it asks again after %s", r.After)
		}
		for _, one := range r.Credentials {
			if !json.Valid(one.Credential) || one.Holder != holder.JWK() {
				t.Errorf("it takes %s", one.Credential)
			}
		}
	})
}

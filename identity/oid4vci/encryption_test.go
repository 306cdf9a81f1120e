package oid4vci_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/identity/jwe"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// locked are the headers of an encrypted request with a bearer's token.
func locked(token string) http.Header {
	h := bearer(token)
	h.Set("Content-Type", oid4vci.TypeEncrypted)
	return h
}

func encryptionKey(tb testing.TB) (*ecdsa.PrivateKey, *jwe.Key) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	mustFlow(tb, err)
	public, err := jwe.Public(&key.PublicKey)
	mustFlow(tb, err)
	return key, public
}

// seal encrypts a request to the desk's key.
func (d *desk) seal(request any) []byte {
	d.tb.Helper()
	key, ok := jwe.ParseKey(d.issuer.Metadata().Requests.Keys.Keys[0])
	if !ok {
		d.tb.Fatal("the issuer's key is none")
	}
	s, err := jwe.Seal(encode(d.tb, request), key, "A256GCM")
	mustFlow(d.tb, err)
	return []byte(s)
}

func TestResponsesAreEncrypted(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *oid4vci.Options) { o.RequireEncryption = true })
	m1 := d.issuer.Metadata()
	if !m1.Requests.Required || !m1.Responses.Required {
		t.Errorf("%+v %+v", m1.Requests, m1.Responses)
	}
	key, public := encryptionKey(t)
	open := func(r *oid4vci.CredentialResponse, err error) (got oid4vci.CredentialResponse) {
		t.Helper()
		mustFlow(t, err)
		plain, err := jwe.Open(r.Encrypted, key, public.KeyID)
		mustFlow(t, err)
		mustFlow(t, json.Unmarshal(plain, &got))
		return got
	}
	token := d.token(nil).AccessToken
	to := m{"jwk": public, "enc": "A128GCM"}
	request := with(d.request("staff", d.proof(d.nonce()).compact(t)), m{"credential_response_encryption": to})
	got := open(d.issuer.Credential(t.Context(), locked(token), d.seal(request)))
	if diff := cmp.Diff([]oid4vci.Entry{{Credential: "credential 0"}}, got.Credentials); diff != "" {
		t.Error(diff)
	}
	// What comes later is encrypted to whoever asks then.
	wait := true
	d.issue = func(oid4vci.Order) error {
		if wait {
			return &oid4vci.PendingError{After: time.Second}
		}
		return nil
	}
	request["proofs"] = m{"jwt": []string{d.proof(d.nonce()).compact(t)}}
	later := open(d.issuer.Credential(t.Context(), locked(token), d.seal(request)))
	if later.Transaction == "" || later.Interval != 1 {
		t.Errorf("%+v", later)
	}
	key, public = encryptionKey(t)
	collect := m{"transaction_id": later.Transaction, "credential_response_encryption": m{"jwk": public, "enc": "A256GCM"}}
	if again := open(d.issuer.Deferred(t.Context(), locked(token), d.seal(collect))); again.Transaction != later.Transaction {
		t.Errorf("%+v", again)
	}
	wait = false
	if got := open(d.issuer.Deferred(t.Context(), locked(token), d.seal(collect))); len(got.Credentials) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestOtherEncryptionsAreRefused(t *testing.T) {
	t.Parallel()
	d, strict := newDesk(t, nil), newDesk(t, func(o *oid4vci.Options) { o.RequireEncryption = true })
	token, strictToken := d.token(nil).AccessToken, strict.token(nil).AccessToken
	_, public := encryptionKey(t)
	to := m{"jwk": public, "enc": "A256GCM"}
	plain := func(d *desk) m { return d.request("staff", d.proof(d.nonce()).compact(t)) }
	asking := func(to any) m { return with(plain(d), m{"credential_response_encryption": to}) }
	private := m{"kty": "EC", "crv": "P-256", "x": public.X, "y": public.Y, "d": "AA", "alg": "ECDH-ES"}
	other, err := jwe.Seal(encode(t, plain(d)), public, "A256GCM")
	mustFlow(t, err)
	for name, c := range map[string]struct {
		desk   *desk
		header http.Header
		body   []byte
	}{
		"a key in an open request":   {d, bearer(token), encode(t, asking(to))},
		"to another's key":           {d, locked(token), []byte(other)},
		"open, and said to be not":   {d, locked(token), encode(t, plain(d))},
		"no key":                     {d, locked(token), d.seal(asking(m{"enc": "A256GCM"}))},
		"a private key":              {d, locked(token), d.seal(asking(m{"jwk": private, "enc": "A256GCM"}))},
		"a key to sign":              {d, locked(token), d.seal(asking(m{"jwk": d.holder.JWK(), "enc": "A256GCM"}))},
		"a key of no algorithm":      {d, locked(token), d.seal(asking(m{"jwk": public.JWK, "enc": "A256GCM"}))},
		"a list of keys":             {d, locked(token), d.seal(asking(m{"jwk": []any{public}, "enc": "A256GCM"}))},
		"no encryption":              {d, locked(token), d.seal(asking(m{"jwk": public}))},
		"another encryption":         {d, locked(token), d.seal(asking(m{"jwk": public, "enc": "A128CBC-HS256"}))},
		"compressed":                 {d, locked(token), d.seal(asking(m{"jwk": public, "enc": "A256GCM", "zip": "DEF"}))},
		"no object":                  {d, locked(token), d.seal(asking("x"))},
		"an open request, required":  {strict, bearer(strictToken), encode(t, plain(strict))},
		"an open response, required": {strict, locked(strictToken), strict.seal(plain(strict))},
	} {
		_, err := c.desk.issuer.Credential(t.Context(), c.header, c.body)
		wantError(t, name, err, oid4vci.CodeInvalidEncryption)
	}
	_, err = d.issuer.Credential(t.Context(), bearer(token), d.seal(plain(d)))
	wantError(t, "encrypted, and not said to be", err, oid4vci.CodeInvalidCredentialRequest)
	_, err = d.issuer.Deferred(t.Context(), bearer(token), encode(t, m{"transaction_id": "x", "credential_response_encryption": to}))
	wantError(t, "a key in an open request for what was deferred", err, oid4vci.CodeInvalidEncryption)
	_, err = d.issuer.Credential(t.Context(), locked("x"), d.seal(plain(d)))
	wantError(t, "without a token", err, oid4vci.CodeInvalidToken)
	_, err = d.issuer.Credential(t.Context(), locked(token), []byte(strings.Repeat("x", oid4vci.MaxBody+1)))
	wantError(t, "too large", err, oid4vci.CodeInvalidCredentialRequest)
	if len(d.orders)+len(strict.orders) != 0 {
		t.Errorf("issued: %+v %+v", d.orders, strict.orders)
	}
	// An encrypted request alone is fine: its response goes as others do.
	r, err := d.issuer.Credential(t.Context(), locked(token), d.seal(plain(d)))
	if err != nil || r.Encrypted != "" || len(r.Credentials) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestAWalletInsistsOnEncryption: what was asked for encrypted is not taken open, and
// an issuer cannot talk it out of it.
func TestAWalletInsistsOnEncryption(t *testing.T) {
	t.Parallel()
	_, public := encryptionKey(t)
	_, other := encryptionKey(t)
	offered := func(requests, responses m) m {
		return m{
			"credential_request_encryption":  with(m{"jwks": m{"keys": []any{public}}, "enc_values_supported": []string{"A128GCM"}, "encryption_required": false}, requests),
			"credential_response_encryption": with(m{"alg_values_supported": []string{"ECDH-ES"}, "enc_values_supported": []string{"A128GCM"}, "encryption_required": false}, responses),
		}
	}
	jose := func(body func(h *hostile) []byte) func(*hostile) {
		return func(h *hostile) {
			h.answers["/credential"] = func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", oid4vci.TypeEncrypted)
				_, _ = w.Write(body(h))
			}
		}
	}
	for name, c := range map[string]struct {
		metadata m
		answer   func(*hostile)
		change   func(*oid4vci.Client)
	}{
		"an open response": {metadata: offered(nil, nil)},
		"an open response that says otherwise": {offered(nil, nil), jose(func(h *hostile) []byte {
			return encode(t, m{"credentials": []m{{"credential": h.credential(nil)}}})
		}), nil},
		"a response to another key": {offered(nil, nil), jose(func(h *hostile) []byte {
			s, err := jwe.Seal(encode(t, m{"credentials": []m{{"credential": h.credential(nil)}}}), other, "A128GCM")
			mustFlow(t, err)
			return []byte(s)
		}), nil},
		"requests as nobody does":  {metadata: offered(m{"enc_values_supported": []string{"x"}, "encryption_required": true}, nil)},
		"requests to no key":       {metadata: offered(m{"jwks": m{"keys": []any{}}, "encryption_required": true}, nil)},
		"responses as nobody does": {metadata: offered(nil, m{"alg_values_supported": []string{"RSA-OAEP"}, "encryption_required": true})},
		"responses, and no requests": {metadata: m{"credential_response_encryption": m{
			"alg_values_supported": []string{"ECDH-ES"}, "enc_values_supported": []string{"A128GCM"}, "encryption_required": true,
		}}},
		"nothing, where it is wanted": {change: func(c *oid4vci.Client) { c.RequireEncryption = true }},
	} {
		h := newHostile(t)
		h.says("/.well-known/openid-credential-issuer", with(h.metadata(), c.metadata))
		if c.answer != nil {
			c.answer(h)
		}
		client := &oid4vci.Client{Key: p256(t)}
		if c.change != nil {
			c.change(client)
		}
		if r, err := h.receive(client, "staff"); err == nil {
			t.Errorf("%s: the wallet takes %+v", name, r)
		}
	}
}

// FuzzEncryptedRequest seals whatever it is given, so that the fuzzer gets past the
// encryption.
func FuzzEncryptedRequest(f *testing.F) {
	d := newDesk(f, nil)
	token := d.token(nil).AccessToken
	_, public := encryptionKey(f)
	to := m{"jwk": public, "enc": "A256GCM"}
	f.Add(encode(f, with(d.request("staff", "x.y.z"), m{"credential_response_encryption": to})), "x")
	f.Add([]byte(`{"credential_response_encryption":{"jwk":{"kty":"EC"},"enc":1}}`), "a.b.c.d.e")
	f.Fuzz(func(t *testing.T, body []byte, raw string) {
		key, _ := jwe.ParseKey(d.issuer.Metadata().Requests.Keys.Keys[0])
		s, err := jwe.Seal(body, key, "A128GCM")
		mustFlow(t, err)
		for _, text := range []string{s, raw} {
			_, err := d.issuer.Credential(t.Context(), locked(token), []byte(text))
			if _, ok := errors.AsType[*oid4vci.Error](err); !ok {
				t.Errorf("%v", err)
			}
		}
	})
}

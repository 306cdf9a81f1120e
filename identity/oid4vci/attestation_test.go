package oid4vci_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// attested is a desk that asks wallets for attestations, with an attester.
type attested struct {
	*desk

	attester keys.Signer
	instance keys.Signer
}

const attesterURL = "https://attester.example"

func newAttested(tb testing.TB, change func(*oid4vci.Options)) *attested {
	tb.Helper()
	a := &attested{attester: p256(tb), instance: p256(tb)}
	a.desk = newDesk(tb, func(o *oid4vci.Options) {
		o.RequireAttestation, o.RequireDPoP = true, true
		o.WalletKey = func(c ctx, who oid4vci.Attester) (ledger.JWK, error) {
			if who.Issuer == attesterURL || len(who.Chain) == 1 && string(who.Chain[0]) == "leaf" {
				return a.attester.JWK(), nil
			}
			return nobody(c, who)
		}
		if change != nil {
			change(o)
		}
	})
	return a
}

func (a *attested) attestation() jwt {
	return jwt{
		by:      a.attester,
		header:  m{"alg": "ES256", "typ": "oauth-client-attestation+jwt", "x5c": []string{base64.StdEncoding.EncodeToString([]byte("leaf"))}},
		payload: m{"sub": app, "exp": a.now.Add(time.Hour).Unix(), "cnf": m{"jwk": a.instance.JWK()}},
	}
}

func (a *attested) proof() jwt {
	a.jti++
	return jwt{
		by:      a.instance,
		header:  m{"alg": "ES256", "typ": "oauth-client-attestation-pop+jwt"},
		payload: m{"iss": app, "aud": issuerURL, "jti": time.Duration(a.jti).String(), "iat": a.now.Unix()},
	}
}

// headers are those of a request to a path, with attestation.
func (a *attested) headers(path string, attestation, proof jwt) http.Header {
	a.tb.Helper()
	h := a.dpop(path, "")
	h.Set(oid4vci.HeaderAttestation, attestation.compact(a.tb))
	h.Set(oid4vci.HeaderAttestationProof, proof.compact(a.tb))
	return h
}

func TestAnAttestedWalletIsServed(t *testing.T) {
	t.Parallel()
	a := newAttested(t, nil)
	_, o := a.offer(oid4vci.OfferRequest{})
	byName := a.attestation()
	byName.header, byName.payload = m{"alg": "ES256", "typ": "oauth-client-attestation+jwt"}, with(byName.payload, m{"iss": attesterURL})
	_, err := a.issuer.Token(t.Context(), redeem(o), a.headers(oid4vci.PathToken, byName, a.proof()))
	mustFlow(t, err)
	code := a.authorize(push(nil), a.headers(oid4vci.PathRequest, a.attestation(), a.proof())).Get("code")
	_, err = a.issuer.Token(t.Context(), exchange(code, nil), a.headers(oid4vci.PathToken, a.attestation(), a.proof()))
	mustFlow(t, err)
	if got := a.issuer.Server(); got.AnonymousCodes || len(got.ClientMethods) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestOtherAttestationsAreRefused(t *testing.T) {
	t.Parallel()
	a := newAttested(t, nil)
	_, o := a.offer(oid4vci.OfferRequest{})
	head := func(j jwt, more m) jwt { return jwt{j.by, with(j.header, more), j.payload, nil} }
	body := func(j jwt, more m) jwt { return jwt{j.by, j.header, with(j.payload, more), nil} }
	by := func(j jwt, s keys.Signer) jwt { return jwt{s, j.header, j.payload, nil} }
	good, used := a.attestation, a.proof()
	_, err := a.issuer.Push(t.Context(), push(nil), a.headers(oid4vci.PathRequest, good(), used))
	mustFlow(t, err)
	for name, c := range map[string][2]jwt{
		"another attester's key": {by(good(), p256(t)), a.proof()},
		"an unknown attester":    {body(head(good(), m{"x5c": []string{"eA=="}}), m{"iss": "https://evil.example"}), a.proof()},
		"a broken chain":         {head(good(), m{"x5c": []string{"!"}}), a.proof()},
		"an empty chain":         {head(good(), m{"x5c": []string{}}), a.proof()},
		"a long chain":           {head(good(), m{"x5c": []string{"", "", "", "", "", ""}}), a.proof()},
		"alg none":               {head(good(), m{"alg": "none"}), a.proof()},
		"another type":           {head(good(), m{"typ": "JWT"}), a.proof()},
		"over":                   {body(good(), m{"exp": a.now.Unix()}), a.proof()},
		"without end":            {body(good(), m{"exp": nil}), a.proof()},
		"of nobody":              {body(good(), m{"sub": ""}), a.proof()},
		"bound to nothing":       {body(good(), m{"cnf": nil}), a.proof()},
		"bound to what is none":  {body(good(), m{"cnf": m{"jwk": m{"kty": "oct"}}}), a.proof()},
		"another client":         {body(good(), m{"sub": "other-app"}), body(a.proof(), m{"iss": "other-app"})},
		"a proof of another key": {good(), by(a.proof(), p256(t))},
		"for another server":     {good(), body(a.proof(), m{"aud": "https://south.example"})},
		"another's name":         {good(), body(a.proof(), m{"iss": "other-app"})},
		"an old proof":           {good(), body(a.proof(), m{"iat": a.now.Add(-time.Hour).Unix()})},
		"a proof without id":     {good(), body(a.proof(), m{"jti": ""})},
		"a proof of other type":  {good(), head(a.proof(), m{"typ": "JWT"})},
		"a proof again":          {good(), used},
	} {
		_, err := a.issuer.Push(t.Context(), push(nil), a.headers(oid4vci.PathRequest, c[0], c[1]))
		wantError(t, name, err, oid4vci.CodeInvalidClient)
		if name == "another client" { // which without a client_id it may be
			continue
		}
		_, err = a.issuer.Token(t.Context(), redeem(o), a.headers(oid4vci.PathToken, c[0], c[1]))
		wantError(t, name, err, oid4vci.CodeInvalidClient)
	}
	_, err = a.issuer.Token(t.Context(), redeem(o), a.dpop(oid4vci.PathToken, ""))
	wantError(t, "none", err, oid4vci.CodeInvalidClient)
	h := a.headers(oid4vci.PathToken, good(), a.proof())
	h.Del(oid4vci.HeaderAttestationProof)
	_, err = a.issuer.Token(t.Context(), redeem(o), h)
	wantError(t, "no proof", err, oid4vci.CodeInvalidClient)
	h = a.headers(oid4vci.PathToken, good(), a.proof())
	h.Del("DPoP")
	_, err = a.issuer.Token(t.Context(), redeem(o), h)
	wantError(t, "no DPoP", err, oid4vci.CodeInvalidDPoP)
}

func TestHighAssuranceWantsAChain(t *testing.T) {
	t.Parallel()
	a := newAttested(t, func(o *oid4vci.Options) {
		o.HAIP = true
		o.Configurations = map[string]oid4vci.Configuration{"staff": o.Configurations["staff"]}
	})
	byName := a.attestation()
	byName.header, byName.payload = m{"alg": "ES256", "typ": "oauth-client-attestation+jwt"}, with(byName.payload, m{"iss": attesterURL})
	_, err := a.issuer.Push(t.Context(), push(nil), a.headers(oid4vci.PathRequest, byName, a.proof()))
	wantError(t, "by name alone", err, oid4vci.CodeInvalidClient)
	_, err = a.issuer.Push(t.Context(), push(nil), a.headers(oid4vci.PathRequest, a.attestation(), a.proof()))
	mustFlow(t, err)
}

func TestAKeyMayBeNamed(t *testing.T) {
	t.Parallel()
	fault := errors.New("the resolver is away")
	named := map[string]error{"did:x#1": nil, "did:x#gone": ledger.Problemf(ledger.CodeGone, "it is over"), "did:x#bad": ledger.Problemf(ledger.CodeInvalid, "no"), "did:x#away": fault}
	var d *desk
	d = newDesk(t, func(o *oid4vci.Options) {
		o.KeyOf = func(_ ctx, kid string) (ledger.JWK, error) { return d.holder.JWK(), named[kid] }
	})
	token := d.token(nil)
	try := func(kid string) error {
		j := d.proof(d.nonce())
		delete(j.header, "jwk")
		j.header["kid"] = kid
		_, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), encode(t, d.request("staff", j.compact(t))))
		return err
	}
	wantError(t, "gone", try("did:x#gone"), oid4vci.CodeInvalidProof)
	wantError(t, "bad", try("did:x#bad"), oid4vci.CodeInvalidProof)
	if err := try("did:x#away"); !errors.Is(err, fault) {
		t.Errorf("a fault of ours is blamed on the wallet: %v", err)
	}
	mustFlow(t, try("did:x#1"))
	owner := d.holder
	other := edwards(t)
	d.holder = other
	j := d.proof(d.nonce())
	delete(j.header, "jwk")
	j.header["kid"] = "did:x#1"
	d.holder = owner
	_, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), encode(t, d.request("staff", j.compact(t))))
	wantError(t, "signed by another", err, oid4vci.CodeInvalidProof)
}

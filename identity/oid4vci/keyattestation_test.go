package oid4vci_test

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// vouched is a desk that wants wallets' keys to be attested, with an attester.
type vouched struct {
	*desk

	attester keys.Signer
	more     []ledger.JWK // attested beside the holder's
	asked    []oid4vci.Attester
}

func newVouched(tb testing.TB, change func(*oid4vci.Options)) *vouched {
	tb.Helper()
	v := &vouched{attester: p256(tb)}
	v.desk = newDesk(tb, func(o *oid4vci.Options) {
		o.KeyAttester = func(c ctx, who oid4vci.Attester) (ledger.JWK, error) {
			v.asked = append(v.asked, who)
			if len(who.Chain) == 1 && string(who.Chain[0]) == "leaf" || who.Chain == nil && who.Issuer == attesterURL {
				return v.attester.JWK(), nil
			}
			return nobody(c, who)
		}
		o.RequireKeyAttestation = &oid4vci.KeyAttestations{
			KeyStorage: []string{oid4vci.ResistanceHigh, oid4vci.ResistanceModerate}, UserAuthentication: []string{oid4vci.ResistanceHigh},
		}
		if change != nil {
			change(o)
		}
	})
	return v
}

// attestation is one of the holder's key, and of more.
func (v *vouched) attestation() jwt {
	return jwt{
		by:     v.attester,
		header: m{"alg": "ES256", "typ": "key-attestation+jwt", "x5c": []string{base64.StdEncoding.EncodeToString([]byte("leaf"))}},
		payload: m{
			"iat": v.now.Add(-time.Hour).Unix(), "exp": v.now.Add(time.Hour).Unix(), "attested_keys": append([]ledger.JWK{v.holder.JWK()}, v.more...),
			"key_storage": []string{"iso_18045_moderate"}, "user_authentication": []string{"x", "iso_18045_high"},
		},
	}
}

// beside asks for a credential by a proof with an attestation in its header.
func (v *vouched) beside(token string, attestation any) error {
	v.tb.Helper()
	p := v.proof(v.nonce())
	p.header = with(p.header, m{"key_attestation": attestation})
	_, err := v.issuer.Credential(v.tb.Context(), bearer(token), encode(v.tb, v.request("staff", p.compact(v.tb))))
	return err
}

// alone asks by an attestation that is the proof.
func (v *vouched) alone(token string, attestations ...string) error {
	v.tb.Helper()
	request := m{"credential_configuration_id": "staff", "proofs": m{"attestation": attestations}}
	_, err := v.issuer.Credential(v.tb.Context(), bearer(token), encode(v.tb, request))
	return err
}

func TestAttestedKeysAreTaken(t *testing.T) {
	t.Parallel()
	v := newVouched(t, nil)
	holders := func() []ledger.JWK { return v.orders[len(v.orders)-1].Holders }
	mustFlow(t, v.beside(v.token(nil).AccessToken, v.attestation().compact(t)))
	if diff := cmp.Diff([]ledger.JWK{v.holder.JWK()}, holders()); diff != "" {
		t.Error(diff)
	}
	// One proof stands for all keys that are attested with its own.
	v.more = []ledger.JWK{p256(t).JWK()}
	mustFlow(t, v.beside(v.token(nil).AccessToken, v.attestation().compact(t)))
	if diff := cmp.Diff([]ledger.JWK{v.holder.JWK(), v.more[0]}, holders()); diff != "" {
		t.Error(diff)
	}
	// An attestation by itself answers our nonce, and need not end.
	a := v.attestation()
	a.payload = with(a.payload, m{"nonce": v.nonce(), "exp": v.now.Add(time.Minute).Unix(), "iss": attesterURL, "status": m{"status_list": m{"idx": 1, "uri": "x"}}})
	mustFlow(t, v.alone(v.token(nil).AccessToken, a.compact(t)))
	if diff := cmp.Diff([]ledger.JWK{v.holder.JWK(), v.more[0]}, holders()); diff != "" {
		t.Error(diff)
	}
	last := v.asked[len(v.asked)-1]
	if last.Issuer != attesterURL || string(last.Status) != `{"status_list":{"idx":1,"uri":"x"}}` {
		t.Errorf("the attester is asked for as %+v", last)
	}
	wantError(t, "the same again", v.alone(v.token(nil).AccessToken, a.compact(t)), oid4vci.CodeInvalidNonce)

	config := v.issuer.Metadata().Configurations["staff"]
	if got := config.ProofTypes["attestation"].Attestations; got == nil || got != config.ProofTypes["jwt"].Attestations || len(got.KeyStorage) != 2 {
		t.Errorf("the metadata says %+v", config.ProofTypes)
	}
}

func TestOtherKeyAttestationsAreRefused(t *testing.T) {
	t.Parallel()
	v := newVouched(t, nil)
	token := v.token(nil).AccessToken
	head := func(more m) jwt { a := v.attestation(); a.header = with(a.header, more); return a }
	body := func(more m) jwt { a := v.attestation(); a.payload = with(a.payload, more); return a }
	now := v.now.Unix()
	private := m{"kty": "EC", "crv": "P-256", "x": v.attester.JWK().X, "y": v.attester.JWK().Y, "d": segment(make([]byte, 32))}
	for name, a := range map[string]jwt{
		"another attester's key": {v.holder, with(v.attestation().header, m{"alg": "EdDSA"}), v.attestation().payload, nil},
		"an unknown attester":    head(m{"x5c": []string{"eA=="}}),
		"a broken chain":         head(m{"x5c": []string{"!"}}),
		"alg none":               head(m{"alg": "none"}),
		"unsigned":               {v.attester, v.attestation().header, v.attestation().payload, noSignature},
		"another type":           head(m{"typ": "oauth-client-attestation+jwt"}),
		"a key proof as such":    head(m{"typ": "openid4vci-proof+jwt"}),
		"over":                   body(m{"exp": now}),
		"not yet":                body(m{"nbf": now + 600}),
		"from the future":        body(m{"iat": now + 600}),
		"without a time":         body(m{"iat": nil}),
		"of no keys":             body(m{"attested_keys": []any{}}),
		"of what are none":       body(m{"attested_keys": []any{"x"}}),
		"of a private key":       body(m{"attested_keys": []any{private}}),
		"of a key twice":         body(m{"attested_keys": []any{v.holder.JWK(), v.holder.JWK()}}),
		"of too many keys":       body(m{"attested_keys": []any{v.holder.JWK(), p256(t).JWK(), p256(t).JWK()}}),
		"kept anyhow":            body(m{"key_storage": []string{"iso_18045_basic"}}),
		"kept as a text":         body(m{"key_storage": "iso_18045_high"}),
		"kept nobody says how":   body(m{"key_storage": nil}),
		"used by anybody":        body(m{"user_authentication": []string{}}),
		"an issuer that is none": body(m{"iss": 1}),
	} {
		wantError(t, name, v.beside(token, a.compact(t)), oid4vci.CodeInvalidProof)
		a.payload = with(a.payload, m{"nonce": v.nonce()})
		wantError(t, name+", alone", v.alone(token, a.compact(t)), oid4vci.CodeInvalidProof)
	}
	for name, a := range map[string]any{
		"of another's key":  body(m{"attested_keys": []any{p256(t).JWK()}}).compact(t),
		"without end":       body(m{"exp": nil}).compact(t),
		"of another moment": body(m{"nonce": v.nonce()}).compact(t),
		"a nonce of none":   body(m{"nonce": 1}).compact(t),
		"no text":           m{},
		"nothing":           "",
	} {
		wantError(t, name, v.beside(token, a), oid4vci.CodeInvalidProof)
	}
	wantError(t, "none", v.beside(token, nil), oid4vci.CodeInvalidProof)
	_, err := v.issuer.Credential(t.Context(), bearer(token), v.good())
	wantError(t, "a bare proof", err, oid4vci.CodeInvalidProof)
	wantError(t, "alone without a nonce", v.alone(token, v.attestation().compact(t)), oid4vci.CodeInvalidProof)
	wantError(t, "alone with another nonce", v.alone(token, body(m{"nonce": "x"}).compact(t)), oid4vci.CodeInvalidNonce)
	fresh := body(m{"nonce": v.nonce()}).compact(t)
	wantError(t, "two", v.alone(token, fresh, fresh), oid4vci.CodeInvalidProof)
	if len(v.orders) != 0 {
		t.Errorf("issued: %+v", v.orders)
	}

	away := ledger.Problemf(ledger.CodeUnavailable, "away")
	down := newVouched(t, func(o *oid4vci.Options) {
		o.KeyAttester = func(ctx, oid4vci.Attester) (ledger.JWK, error) { return ledger.JWK{}, away }
	})
	if err := down.beside(down.token(nil).AccessToken, down.attestation().compact(t)); !errors.Is(err, away) {
		t.Errorf("while nobody knows the attesters: %v", err)
	}
	// Where attestations are not looked at, one is no proof, and spoils none.
	plain := newDesk(t, nil)
	v.desk = plain
	mustFlow(t, v.beside(plain.token(nil).AccessToken, "x"))
	wantError(t, "alone where none is taken", v.alone(plain.token(nil).AccessToken, fresh), oid4vci.CodeInvalidProof)
}

// FuzzKeyAttestation signs whatever header and payload it is given.
func FuzzKeyAttestation(f *testing.F) {
	v := newVouched(f, nil)
	token := v.token(nil).AccessToken
	good := v.attestation()
	f.Add(string(encode(f, good.header)), string(encode(f, with(good.payload, m{"nonce": "n"}))))
	f.Add(`{"alg":"ES256","typ":"key-attestation+jwt","x5c":[1]}`, `{"iat":1,"attested_keys":[{}],"key_storage":[[]]}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		signed := segment([]byte(header)) + "." + segment([]byte(payload))
		signature, err := v.attester.Sign([]byte(signed))
		mustFlow(t, err)
		request := m{"credential_configuration_id": "staff", "proofs": m{"attestation": []string{signed + "." + segment(signature)}}}
		_, err = v.issuer.Credential(t.Context(), bearer(token), encode(t, request))
		refused, ok := errors.AsType[*oid4vci.Error](err)
		if !ok || refused.Code != oid4vci.CodeInvalidProof && refused.Code != oid4vci.CodeInvalidNonce {
			t.Errorf("%v", err)
		}
	})
}

package oid4vci

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/jwt"
)

// The headers of attestation-based client authentication (appendix E).
const (
	HeaderAttestation      = "OAuth-Client-Attestation"
	HeaderAttestationProof = "OAuth-Client-Attestation-PoP"
)

// wallet returns the client_id that a wallet's attestation vouches for, and empty
// when it shows none.
func (i *Issuer) wallet(ctx context.Context, h http.Header) (string, error) {
	attestations, proofs := h.Values(HeaderAttestation), h.Values(HeaderAttestationProof)
	if i.opts.WalletKey == nil || len(attestations) == 0 && len(proofs) == 0 {
		if i.opts.RequireAttestation {
			return "", refuseClient("a wallet must show an attestation")
		}
		return "", nil
	}
	if len(attestations) != 1 || len(proofs) != 1 {
		return "", refuseClient("a wallet shows one attestation and one proof of its key")
	}
	client, instance, err := i.attested(ctx, attestations[0])
	if err != nil {
		return "", err
	}
	return client, i.attestationProof(ctx, proofs[0], client, instance)
}

// attested checks the attester's word on a wallet, and returns the wallet's
// client_id and the key of its instance.
func (i *Issuer) attested(ctx context.Context, s string) (client string, instance ledger.JWK, err error) {
	bad := refuseClient("the attestation is by no known attester, or not valid at this time")
	t, ok := jwt.Parse(s, "oauth-client-attestation+jwt")
	if !ok {
		return "", instance, bad
	}
	by := Attester{KeyID: t.KeyID}
	if by.Issuer, ok = t.Claims.Text("iss"); !ok {
		return "", instance, bad
	}
	if by.Chain, ok = chain(t); !ok || i.opts.HAIP && by.Chain == nil { // HAIP 1.0, section 4.4.1
		return "", instance, bad
	}
	key, err := i.opts.WalletKey(ctx, by)
	if code := ledger.CodeOf(err); code == ledger.CodeNotFound || code == ledger.CodeDenied || code == ledger.CodeInvalid {
		return "", instance, bad
	}
	if err != nil {
		return "", instance, err
	}
	_, ends, _ := t.Claims.Date("exp")
	client, ok = t.Claims.Text("sub")
	if !t.By(key) || !ends || !t.Current(i.now()) || !ok || client == "" {
		return "", instance, bad
	}
	var confirmation struct {
		JWK json.RawMessage `json:"jwk"`
	}
	if json.Unmarshal(t.Claims["cnf"], &confirmation) != nil {
		return "", instance, bad
	}
	confirmed, err := verify.ParseJWK(confirmation.JWK)
	if err != nil {
		return "", instance, bad
	}
	return client, confirmed.JWK(), nil
}

// attestationProof checks that who shows an attestation is the wallet that it is about.
func (i *Issuer) attestationProof(ctx context.Context, s, client string, instance ledger.JWK) error {
	bad := refuseClient("the proof of the attested key does not hold")
	t, ok := jwt.Parse(s, "oauth-client-attestation-pop+jwt")
	if !ok || !t.By(instance) || !t.Is("aud", i.opts.URL) || !t.Fresh(i.now(), maxAge) {
		return bad
	}
	// "iss" was dropped by later drafts; where it stands, it is the client.
	if _, there := t.Claims["iss"]; there && !t.Is("iss", client) {
		return bad
	}
	jti, ok := t.Claims.Text("jti")
	if !ok || jti == "" {
		return bad
	}
	first, err := i.once(ctx, kindProof, "attestation\x00"+instance.Thumbprint()+"\x00"+jti, i.now().Add(maxAge+2*jwt.Skew))
	if err == nil && !first {
		return bad
	}
	return err
}

const maxChain = 5

// chain decodes the certificates in a header (RFC 7515, section 4.1.6).
func chain(t *jwt.Token) ([][]byte, bool) {
	raw, there := t.Header["x5c"]
	if !there {
		return nil, true
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 || len(list) > maxChain {
		return nil, false
	}
	chain := make([][]byte, len(list))
	for n, s := range list {
		var err error
		if chain[n], err = base64.StdEncoding.Strict().DecodeString(s); err != nil {
			return nil, false
		}
	}
	return chain, true
}

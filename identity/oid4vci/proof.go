package oid4vci

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/jwt"
)

// proofType is the "typ" of a key proof (appendix F.1).
const proofType = "openid4vci-proof+jwt"

// The kinds of key proofs that are taken (appendix F).
const (
	proofJWT         = "jwt"
	proofAttestation = "attestation"
)

// holder is a key that a credential will be bound to.
type holder struct {
	key  ledger.JWK
	name string // the DID by which it was proven; empty: by itself
}

// holders checks the key proofs of a request and returns the keys, each of which
// was proven by who has the token, for us, and now, and is of one of the algorithms.
func (i *Issuer) holders(ctx context.Context, raw json.RawMessage, client string, algorithms []string) ([]holder, error) {
	kind, list, err := i.proofs(raw)
	if err != nil {
		return nil, err
	}
	var found []holder
	var nonce string
	if kind == proofAttestation {
		found, nonce, err = i.attestedHolders(ctx, list[0])
	} else {
		found, nonce, err = i.provenHolders(ctx, list, client)
	}
	if err != nil {
		return nil, err
	}
	for _, h := range found {
		if !slices.Contains(algorithms, algorithmOf(h.key)) {
			return nil, refuse(CodeInvalidProof, "the credential cannot be bound to a key of that algorithm")
		}
	}
	fine, err := i.useNonce(ctx, nonce)
	if err != nil {
		return nil, err
	}
	if !fine {
		return nil, refuse(CodeInvalidNonce, "the nonce is unknown, used or over")
	}
	return found, nil
}

// algorithmOf is the one algorithm of a key.
func algorithmOf(k ledger.JWK) string {
	if k.Kty == ledger.KeyTypeOKP {
		return verify.AlgEdDSA
	}
	return verify.AlgES256
}

// proofs takes the "proofs" of a request apart (section 8.2), of which there must
// be one kind.
func (i *Issuer) proofs(raw json.RawMessage) (kind string, list []string, err error) {
	bad := refuse(CodeInvalidProof, "proofs must be an object with a list of key proofs of one kind that is supported, and nothing else")
	if raw == nil {
		return "", nil, refuse(CodeInvalidProof, "a key proof is needed")
	}
	var kinds map[string]json.RawMessage
	if json.Unmarshal(raw, &kinds) != nil || len(kinds) != 1 {
		return "", nil, bad
	}
	for kind = range kinds { // there is one
	}
	if _, taken := i.proofTypes(&Configuration{})[kind]; !taken || json.Unmarshal(kinds[kind], &list) != nil || len(list) == 0 {
		return "", nil, bad
	}
	switch {
	case kind == proofAttestation && len(list) > 1:
		return "", nil, refuse(CodeInvalidProof, "there is one key attestation, for all keys")
	case len(list) > i.opts.BatchSize:
		return "", nil, tooMany()
	}
	return kind, list, nil
}

func tooMany() error {
	return refuse(CodeInvalidProof, "there are more keys than batch_size allows")
}

// provenHolders returns the keys that a list of proofs is of. One proof with an
// attestation stands for all keys that are attested (appendix F.1): of the others,
// the attester says that they are in the same hands.
func (i *Issuer) provenHolders(ctx context.Context, list []string, client string) (found []holder, nonce string, err error) {
	for n, s := range list {
		p, err := i.proven(ctx, s, client)
		switch {
		case err != nil:
			return nil, "", err
		case slices.ContainsFunc(found, func(h holder) bool { return h.key == p.key }):
			return nil, "", refuse(CodeInvalidProof, "two proofs are of one key")
		case n > 0 && p.nonce != nonce:
			return nil, "", refuse(CodeInvalidNonce, "all proofs of a request have the same nonce")
		}
		found, nonce = append(found, p.holder), p.nonce
		if len(list) == 1 && len(p.attested) > 1 {
			found = nil
			for _, key := range p.attested {
				one := holder{key: key}
				if key == p.key {
					one = p.holder
				}
				found = append(found, one)
			}
		}
	}
	return found, nonce, nil
}

// proof is a key proof that was found good, as far as its nonce allows.
type proof struct {
	holder

	nonce    string
	attested []ledger.JWK // of a proof with an attestation, itself among them
}

// proven checks one key proof (appendix F.4).
func (i *Issuer) proven(ctx context.Context, s, client string) (p proof, err error) {
	wrong := func(description string) (proof, error) { return proof{}, refuse(CodeInvalidProof, description) }
	t, ok := jwt.Parse(s, proofType)
	if !ok {
		return wrong("a key proof is not a JWT of type " + proofType + ", signed by ES256 or EdDSA")
	}
	if p.holder, ok, err = i.proofKey(ctx, t); err != nil {
		return proof{}, err
	}
	if !ok {
		return wrong("a key proof is not signed by the one public key that its header gives in a way that is supported")
	}
	if !t.Is("aud", i.opts.URL) {
		return wrong("a key proof is for another issuer")
	}
	if _, there := t.Claims["iss"]; there && (client == "" || !t.Is("iss", client)) {
		return wrong("a key proof is another client's")
	}
	if !t.Fresh(i.now(), maxAge) {
		return wrong("a key proof was not made just now")
	}
	p.nonce, ok = t.Claims.Text("nonce")
	if !ok || p.nonce == "" {
		return wrong("a key proof has no nonce")
	}
	p.attested, err = i.attestedBeside(ctx, t, &p)
	return p, err
}

// proofKey returns the key that signed a proof: that in its header, or that which
// the header names.
func (i *Issuer) proofKey(ctx context.Context, t *jwt.Token) (h holder, ok bool, err error) {
	_, named := t.Header["kid"]
	_, carried := t.Header["jwk"]
	_, certified := t.Header["x5c"]
	if certified || named == carried {
		return h, false, nil
	}
	if carried {
		h.key, ok = t.Own()
		return h, ok, nil
	}
	if i.opts.KeyOf == nil {
		return h, false, nil
	}
	h.key, err = i.opts.KeyOf(ctx, t.KeyID)
	h.name, _, _ = strings.Cut(t.KeyID, "#")
	switch ledger.CodeOf(err) {
	case "":
		return h, t.By(h.key), nil
	case ledger.CodeInvalid, ledger.CodeNotFound, ledger.CodeDenied, ledger.CodeTooLarge, ledger.CodeGone:
		return h, false, nil
	}
	return h, false, err
}

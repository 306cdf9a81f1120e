package oid4vci

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/jwt"
)

// proofType is the "typ" of a key proof (appendix F.1).
const proofType = "openid4vci-proof+jwt"

// holders checks the key proofs of a request and returns the keys, each of which
// was proven by who has the token, for us, and now.
func (i *Issuer) holders(ctx context.Context, raw json.RawMessage, client string) ([]ledger.JWK, error) {
	list, err := i.proofs(raw)
	if err != nil {
		return nil, err
	}
	var keys []ledger.JWK
	var nonce string
	for n, s := range list {
		key, said, err := i.proven(ctx, s, client)
		switch {
		case err != nil:
			return nil, err
		case slices.Contains(keys, key):
			return nil, refuse(CodeInvalidProof, "two proofs are of one key")
		case n > 0 && said != nonce:
			return nil, refuse(CodeInvalidNonce, "all proofs of a request have the same nonce")
		}
		keys, nonce = append(keys, key), said
	}
	fine, err := i.useNonce(ctx, nonce)
	if err != nil {
		return nil, err
	}
	if !fine {
		return nil, refuse(CodeInvalidNonce, "the nonce is unknown, used or over")
	}
	return keys, nil
}

// proofs takes the "proofs" of a request apart (section 8.2), of which there must
// be one kind.
func (i *Issuer) proofs(raw json.RawMessage) ([]string, error) {
	bad := refuse(CodeInvalidProof, "proofs must be an object with a list of key proofs under jwt, and nothing else")
	if raw == nil {
		return nil, refuse(CodeInvalidProof, "a key proof is needed")
	}
	var kinds map[string]json.RawMessage
	var list []string
	if json.Unmarshal(raw, &kinds) != nil || len(kinds) != 1 || json.Unmarshal(kinds["jwt"], &list) != nil || len(list) == 0 {
		return nil, bad
	}
	if len(list) > i.opts.BatchSize {
		return nil, refuse(CodeInvalidProof, "there are more proofs than batch_size allows")
	}
	return list, nil
}

// proven checks one key proof (appendix F.4), and returns its key and nonce.
func (i *Issuer) proven(ctx context.Context, s, client string) (key ledger.JWK, nonce string, err error) {
	wrong := func(description string) (ledger.JWK, string, error) {
		return ledger.JWK{}, "", refuse(CodeInvalidProof, description)
	}
	t, ok := jwt.Parse(s, proofType)
	if !ok {
		return wrong("a key proof is not a JWT of type " + proofType + ", signed by ES256 or EdDSA")
	}
	if key, ok, err = i.proofKey(ctx, t); err != nil {
		return ledger.JWK{}, "", err
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
	nonce, ok = t.Claims.Text("nonce")
	if !ok || nonce == "" {
		return wrong("a key proof has no nonce")
	}
	return key, nonce, nil
}

// proofKey returns the key that signed a proof: that in its header, or that which
// the header names.
func (i *Issuer) proofKey(ctx context.Context, t *jwt.Token) (key ledger.JWK, ok bool, err error) {
	_, named := t.Header["kid"]
	_, carried := t.Header["jwk"]
	_, certified := t.Header["x5c"]
	if certified || named == carried {
		return key, false, nil
	}
	if carried {
		key, ok = t.Own()
		return key, ok, nil
	}
	if i.opts.KeyOf == nil {
		return key, false, nil
	}
	key, err = i.opts.KeyOf(ctx, t.KeyID)
	switch ledger.CodeOf(err) {
	case "":
		return key, t.By(key), nil
	case ledger.CodeInvalid, ledger.CodeNotFound, ledger.CodeDenied, ledger.CodeTooLarge, ledger.CodeGone:
		return key, false, nil
	}
	return key, false, err
}

package oid4vci

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/jwt"
)

// attestationType is the "typ" of a key attestation (appendix D.1).
const attestationType = "key-attestation+jwt"

// The resistance to attack that a key attestation states (appendix D.2).
const (
	ResistanceHigh          = "iso_18045_high"
	ResistanceModerate      = "iso_18045_moderate"
	ResistanceEnhancedBasic = "iso_18045_enhanced-basic"
	ResistanceBasic         = "iso_18045_basic"
)

// KeyAttestations says what an attester must state of keys; either list may be
// empty, of others one value is enough (section 12.2.4).
type KeyAttestations struct {
	KeyStorage         []string `json:"key_storage,omitempty"`
	UserAuthentication []string `json:"user_authentication,omitempty"`
}

// badAttestation is the answer to any attestation that does not hold.
func badAttestation() error {
	return refuse(CodeInvalidProof, "the key attestation is by no known attester, not valid at this time, or states less than is required")
}

// attestedHolders returns the keys of an attestation that stands for itself
// (appendix F.3): it answers our nonce, so that it was made for this request.
func (i *Issuer) attestedHolders(ctx context.Context, s string) (found []holder, nonce string, err error) {
	t, keys, err := i.keyAttestation(ctx, s)
	if err != nil {
		return nil, "", err
	}
	nonce, ok := t.Claims.Text("nonce")
	if !ok || nonce == "" {
		return nil, "", refuse(CodeInvalidProof, "a key attestation that is a proof has a nonce")
	}
	for _, key := range keys {
		found = append(found, holder{key: key})
	}
	return found, nonce, nil
}

// attestedBeside returns the keys of the attestation in a proof's header (appendix
// F.1), of which the proof's is one; none when there is no attestation and none is
// asked for. It ends by itself, and may be older than the proof; a nonce in it is
// the proof's.
func (i *Issuer) attestedBeside(ctx context.Context, t *jwt.Token, p *proof) ([]ledger.JWK, error) {
	raw, there := t.Header["key_attestation"]
	if i.opts.KeyAttester == nil || !there {
		if i.opts.RequireKeyAttestation != nil {
			return nil, refuse(CodeInvalidProof, "a key proof needs a key attestation")
		}
		return nil, nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil, badAttestation()
	}
	a, keys, err := i.keyAttestation(ctx, s)
	if err != nil {
		return nil, err
	}
	_, said := a.Claims["nonce"]
	_, ends := a.Claims["exp"]
	if !ends || said && !a.Is("nonce", p.nonce) || !slices.Contains(keys, p.key) {
		return nil, badAttestation()
	}
	return keys, nil
}

// keyAttestation checks the attester's word on keys (appendix D.1).
func (i *Issuer) keyAttestation(ctx context.Context, s string) (*jwt.Token, []ledger.JWK, error) {
	t, ok := jwt.Parse(s, attestationType)
	if !ok {
		return nil, nil, badAttestation()
	}
	by := Attester{KeyID: t.KeyID, Status: t.Claims["status"]}
	var ok1, ok2 bool
	by.Issuer, ok1 = t.Claims.Text("iss")
	by.Chain, ok2 = chain(t)
	if !ok1 || !ok2 || i.opts.HAIP && by.Chain == nil { // HAIP 1.0, section 4.5.1
		return nil, nil, badAttestation()
	}
	key, err := i.opts.KeyAttester(ctx, by)
	switch ledger.CodeOf(err) {
	case "":
	case ledger.CodeNotFound, ledger.CodeDenied, ledger.CodeInvalid:
		return nil, nil, badAttestation()
	default:
		return nil, nil, err
	}
	made, there, isDate := t.Claims.Date("iat")
	if !t.By(key) || !there || !isDate || made.After(i.now().Add(jwt.Skew)) || !t.Current(i.now()) {
		return nil, nil, badAttestation()
	}
	if r := i.opts.RequireKeyAttestation; r != nil &&
		(!states(t, "key_storage", r.KeyStorage) || !states(t, "user_authentication", r.UserAuthentication)) {
		return nil, nil, badAttestation()
	}
	keys, err := i.attestedKeys(t)
	return t, keys, err
}

func (i *Issuer) attestedKeys(t *jwt.Token) ([]ledger.JWK, error) {
	var list []json.RawMessage
	if json.Unmarshal(t.Claims["attested_keys"], &list) != nil || len(list) == 0 {
		return nil, badAttestation()
	}
	if len(list) > i.opts.BatchSize {
		return nil, tooMany()
	}
	var found []ledger.JWK
	for _, raw := range list {
		key, err := verify.ParseJWK(raw)
		if err != nil || slices.Contains(found, key.JWK()) {
			return nil, badAttestation()
		}
		found = append(found, key.JWK())
	}
	return found, nil
}

// states reports whether a claim, a list of texts, has one of those that are wanted.
func states(t *jwt.Token, claim string, wanted []string) bool {
	if len(wanted) == 0 {
		return true
	}
	var said []string
	if json.Unmarshal(t.Claims[claim], &said) != nil {
		return false
	}
	return slices.ContainsFunc(said, func(s string) bool { return slices.Contains(wanted, s) })
}

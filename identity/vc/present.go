package vc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// presented are the contexts and the proof of a presentation in a data model.
var presented = map[string]struct {
	contexts []string
	proof    string
}{
	ContextV1: {[]string{ContextV1, ContextEd25519}, typeEd25519},
	ContextV2: {[]string{ContextV2}, typeIntegrity},
}

// Present makes a presentation with a proof of its holder, of credentials that have
// one of their issuers: of the data model 2.0 with a Data Integrity proof, or of 1.1
// with an Ed25519Signature2020, as the first credential is.
func Present(contexts *Contexts, holder keys.Signer, s Showing, credentials ...[]byte) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	model := ContextV2
	var list []any
	for i, c := range credentials {
		d, err := parseDocument(c)
		if err != nil {
			return nil, fmt.Errorf("presenting: %w", err)
		}
		if _, err := d.contexts(ContextV1); err == nil && i == 0 {
			model = ContextV1
		}
		list = append(list, map[string]any(d))
	}
	form := presented[model]
	if _, fits := suiteOf(form.proof, keys.Algorithm(holder)); !fits {
		return nil, errors.New("presenting: Ed25519Signature2020 needs a key of Ed25519")
	}
	d := document{
		"@context": texts(form.contexts), "type": []any{"VerifiablePresentation"},
		"holder": s.Holder, "verifiableCredential": list,
	}
	err := contexts.sign(d, holder, document{
		"type": form.proof, "created": stamp(s.Made), "verificationMethod": s.KeyID,
		"proofPurpose": purposeAuthentication, "challenge": s.Nonce, "domain": s.Audience,
	})
	if err != nil {
		return nil, fmt.Errorf("presenting: %w", err)
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding a presentation: %w", err)
	}
	return b, nil
}

// VerifyPresentation checks a presentation with a proof of its holder, of either
// data model, and each credential in it.
func (v *Verifier) VerifyPresentation(ctx context.Context, presentation []byte, want Answer) (*Presentation, error) {
	d, err := parseDocument(presentation)
	if err != nil {
		return nil, err
	}
	model := ContextV2
	if list, err := d.texts("@context"); err == nil && list[0] == ContextV1 {
		model = ContextV1
	}
	form := presented[model]
	if contexts, err := d.contexts(model); err != nil || !slices.Equal(contexts, form.contexts) {
		return nil, invalid("a presentation has the contexts of the data model and of its proof, and no other")
	}
	holder, err := d.party("holder")
	if err != nil {
		return nil, err
	}
	p, err := readProof(d, purposeAuthentication, form.proof)
	if err != nil {
		return nil, err
	}
	key, err := find(ctx, v.Holders, holder, p.keyID, want.At)
	if err != nil {
		return nil, verify.InPart(verify.PartBinding, err)
	}
	if err := v.answered(d, p, key, want); err != nil {
		return nil, err
	}
	out := &Presentation{Holder: holder, KeyID: p.keyID, Key: key.JWK(), Made: p.created}
	return out, v.shown(ctx, d, out, want.At)
}

// answered checks the holder's proof, and that it answers the question.
func (v *Verifier) answered(d document, p *linkedProof, key *verify.Key, want Answer) error {
	if err := v.checkIntegrity(d, p, key); err != nil {
		if _, ok := errors.AsType[*verify.PartError](err); ok { // else it is a matter of form
			return verify.InPart(verify.PartBinding, err)
		}
		return err
	}
	challenge, err := p.required("challenge")
	if err != nil {
		return err
	}
	domain, err := p.required("domain")
	if err != nil {
		return err
	}
	if !want.fits(challenge, domain) {
		return verify.InPart(verify.PartBinding, invalid("the presentation was made for another verifier, or on another question"))
	}
	return verify.InPart(verify.PartBinding, want.recent(p.created, v.Skew))
}

package check

import (
	"context"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

// maxDepth bounds how deep a W3C presentation nests.
const maxDepth = 16

// Contexts returns the JSON-LD contexts that the catalogue's types need, as their
// issuers and verifiers have them. No other is ever looked at.
func Contexts() (*vc.Contexts, error) {
	own := map[string][]byte{}
	for _, t := range catalogue.Types() {
		types, claims := t.Terms()
		vocabulary, err := vc.Vocabulary(catalogue.Vocabulary, types, claims)
		if err != nil {
			return nil, err
		}
		own[t.Contexts[len(t.Contexts)-1]] = vocabulary
	}
	return vc.NewContexts(own)
}

// shown is the one credential of a W3C presentation, as it says it is.
type shown struct {
	issuer string
	keyID  string
	types  []string
}

// openJWT takes a presentation apart that is a JWT and shows one credential that is
// another (VCDM 1.1, section 6.3.1).
func openJWT(v *Verifier, token string, want *Want) (*presentation, *Refusal) {
	_, outer, refusal := parseJWT(token)
	if refusal != nil {
		return nil, refusal
	}
	vp, _ := outer["vp"].(map[string]any)
	inner, ok := sole(vp["verifiableCredential"]).(string)
	if !ok {
		return nil, refuse(StepFormat, ledger.CodeInvalid, "the presentation does not show one credential as a JWT")
	}
	j, claims, refusal := parseJWT(inner)
	if refusal != nil {
		return nil, refusal
	}
	said, _ := claims["vc"].(map[string]any)
	one := shown{keyID: j.KeyID, types: texts(said["type"])}
	one.issuer, _ = claims["iss"].(string)
	return one.presentation(v, want, func(ctx context.Context, w *vc.Verifier, answer vc.Answer) (*vc.Presentation, error) {
		return w.VerifyJWTPresentation(ctx, token, answer)
	}), nil
}

// parseJWT reads what a JWT says, unverified.
func parseJWT(token string) (*verify.JWS, map[string]any, *Refusal) {
	j, err := verify.ParseJWS(token)
	if err != nil {
		return nil, nil, fault(StepFormat, err)
	}
	o, err := verify.ParseObject(j.Payload, maxDepth)
	if err != nil {
		return nil, nil, fault(StepFormat, err)
	}
	return j, o, nil
}

// openLD takes a presentation with a Data Integrity proof apart, or the part of a
// BBS+ credential, which is presented as it is.
func openLD(v *Verifier, token string, want *Want) (*presentation, *Refusal) {
	o, err := verify.ParseObject([]byte(token), maxDepth)
	if err != nil {
		return nil, fault(StepFormat, err)
	}
	if !slices.Contains(texts(o["type"]), "VerifiablePresentation") {
		return openPart(v, token, o, want)
	}
	inner, ok := sole(o["verifiableCredential"]).(map[string]any)
	if !ok {
		return nil, refuse(StepFormat, ledger.CodeInvalid, "the presentation does not show one credential as an object")
	}
	one := shownIn(inner)
	return one.presentation(v, want, func(ctx context.Context, w *vc.Verifier, answer vc.Answer) (*vc.Presentation, error) {
		return w.VerifyPresentation(ctx, []byte(token), answer)
	}), nil
}

// shownIn reads what a credential with a proof says of itself, unverified.
func shownIn(credential map[string]any) shown {
	one := shown{types: texts(credential["type"])}
	if issuer, ok := credential["issuer"].(map[string]any); ok {
		one.issuer, _ = issuer["id"].(string)
	} else {
		one.issuer, _ = credential["issuer"].(string)
	}
	proof, _ := sole(credential["proof"]).(map[string]any)
	one.keyID, _ = proof["verificationMethod"].(string)
	return one
}

// sole returns the one element of a list, and what is no list as it is.
func sole(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	if len(list) != 1 {
		return nil
	}
	return list[0]
}

// texts returns a text, or the texts of a list that holds nothing else.
func texts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, one := range list {
		s, ok := one.(string)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}

// presentation is that of the credential, which a holder proves with judge.
func (one *shown) presentation(v *Verifier, want *Want, judge func(context.Context, *vc.Verifier, vc.Answer) (*vc.Presentation, error)) *presentation {
	verifies := func(ctx context.Context, s *signer) (*Credential, *Refusal) {
		if _, refusal := s.find(ctx, one.keyID); refusal != nil {
			return nil, refusal
		}
		w := &vc.Verifier{Contexts: v.contexts, Skew: v.maxSkew, Issuers: s.found, Holders: v.holder}
		p, err := judge(ctx, w, vc.Answer{
			Question: vc.Question{Nonce: want.Nonce, Audience: want.Audience}, At: s.at, MaxAge: v.maxAge,
		})
		if err != nil {
			return nil, fault(stepOf(err), err)
		}
		if len(p.Credentials) != 1 {
			return nil, refuse(StepFormat, ledger.CodeInvalid, "the presentation does not show one credential")
		}
		verified := p.Credentials[0]
		if verified.Holder == "" && verified.Key == nil {
			return nil, refuse(StepBinding, ledger.CodeInvalid, "the credential is bound to nobody")
		}
		c, refusal := one.credential(verified)
		if refusal == nil {
			c.Holder = p.Key
		}
		return c, refusal
	}
	return &presentation{issuer: one.issuer, types: one.types, w3c: true, extent: catalogue.Whole, verify: verifies}
}

// credential is what was verified, which must be what was judged before.
func (one *shown) credential(verified *vc.Verified) (*Credential, *Refusal) {
	if verified.Issuer != one.issuer || !slices.Equal(verified.Types, one.types) {
		return nil, refuse(StepFormat, ledger.CodeInvalid, "the credential does not say the same to everyone")
	}
	c := &Credential{Subject: verified.Holder, Claims: verified.Subject, Expires: verified.Expires, Issued: verified.Proof.Created}
	if c.Issued.IsZero() {
		c.Issued = verified.Begins
	}
	if verified.Token != nil {
		c.Status = append(c.Status, StatusRef{Kind: StatusToken, URI: verified.Token.URI, Index: verified.Token.Index})
	}
	if len(verified.Status) == 0 {
		return c, nil
	}
	list := make([]any, len(verified.Status))
	for i, one := range verified.Status {
		list[i] = one
	}
	entries, err := status.Entries(list)
	if err != nil {
		return nil, fault(StepStatus, err)
	}
	for _, e := range entries {
		c.Status = append(c.Status, StatusRef{Kind: StatusBitstring, Purpose: string(e.Purpose), URI: e.URI, Index: e.Index})
	}
	return c, nil
}

// found is the issuer's key under the id for which it was looked up, and no other.
func (s *signer) found(_ context.Context, party, keyID string, _ time.Time) (ledger.JWK, error) {
	if party != s.issuer || keyID != s.id {
		return ledger.JWK{}, ledger.Problemf(ledger.CodeDenied, noKey)
	}
	return s.key, nil
}

// holder returns a key with which a holder authenticates.
func (v *Verifier) holder(ctx context.Context, party, keyID string, at time.Time) (ledger.JWK, error) {
	const no = "the presentation is signed by no key of its holder's"
	if !did.OfHolder(party) {
		return ledger.JWK{}, refuse(StepBinding, ledger.CodeDenied, no)
	}
	key, err := v.keys.Key(ctx, party, keyID, Authentication, at)
	if err != nil {
		return ledger.JWK{}, unanswered(StepBinding, err, no)
	}
	return key, nil
}

package vc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// MaxCredentials bounds how many credentials a presentation shows.
const MaxCredentials = 16

// Question is what a verifier asks with, and a presentation answers.
type Question struct {
	Nonce    string // "nonce" of a JWT, "challenge" of a proof: fresh, for one answer
	Audience string // "aud" of a JWT, "domain" of a proof: the verifier
}

func (q Question) complete() error {
	if q.Nonce == "" || q.Audience == "" {
		return errors.New("a question has a nonce and an audience")
	}
	return nil
}

// fits compares an answer with the question in constant time.
func (q Question) fits(nonce, audience string) bool {
	return q.complete() == nil && subtle.ConstantTimeCompare([]byte(nonce), []byte(q.Nonce))&
		subtle.ConstantTimeCompare([]byte(audience), []byte(q.Audience)) == 1
}

// Showing is how a holder presents credentials.
type Showing struct {
	Holder string // DID
	KeyID  string // of the holder's key: its DID URL
	Made   time.Time
	Question
}

func (s *Showing) check() error {
	if err := s.complete(); err != nil {
		return fmt.Errorf("presenting: %w", err)
	}
	if s.Holder == "" || s.Made.IsZero() || !controls(s.Holder, s.KeyID) {
		return errors.New("presenting: it needs a holder, a key of the holder's and a time")
	}
	return nil
}

// Presentation is what a holder showed, checked with all that is in it.
type Presentation struct {
	Holder      string // DID, whose key made it
	KeyID       string
	Key         ledger.JWK
	Made        time.Time
	Credentials []*Verified // of this holder, or of nobody in particular

	documents []any // the credentials as they stand in it: a text (JWT) or an object
}

// Answer is what a verifier demands of a presentation.
type Answer struct {
	Question
	At     time.Time
	MaxAge time.Duration // since it was made; must be positive
}

// PresentJWT makes a presentation of the data model 1.1 as a JWT, of credentials
// that are JWTs (VCDM 1.1, section 6.3.1).
func PresentJWT(holder keys.Signer, s Showing, credentials ...string) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	payload, err := json.Marshal(map[string]any{
		"iss": s.Holder, "aud": s.Audience, "nonce": s.Nonce, "iat": s.Made.Unix(), "nbf": s.Made.Unix(),
		"vp": map[string]any{
			"@context": []string{ContextV1}, "type": []string{"VerifiablePresentation"}, "verifiableCredential": credentials,
		},
	})
	if err != nil {
		return "", fmt.Errorf("encoding a presentation: %w", err)
	}
	return keys.Compact(holder, keys.Header{Type: typeJWT, KeyID: s.KeyID}, payload)
}

// VerifyJWTPresentation checks a presentation in a JWT and each credential in it.
func (v *Verifier) VerifyJWTPresentation(ctx context.Context, token string, want Answer) (*Presentation, error) {
	j, claims, err := parseJWT(token)
	if err != nil {
		return nil, err
	}
	holder, err := claims.required("iss")
	if err != nil {
		return nil, err
	}
	p := &Presentation{Holder: holder, KeyID: fullKeyID(holder, j.KeyID)}
	key, err := find(ctx, v.Holders, holder, p.KeyID, want.At)
	if err != nil {
		return nil, verify.InPart(verify.PartBinding, err)
	}
	if err := j.Verify(key); err != nil {
		return nil, verify.InPart(verify.PartBinding, err)
	}
	p.Key = key.JWK()
	if err := claims.answers(want, v.Skew); err != nil {
		return nil, verify.InPart(verify.PartBinding, err)
	}
	if p.Made, err = claims.seconds("iat"); err != nil {
		return nil, err
	}
	shown, err := claims.object("vp")
	if err != nil {
		return nil, err
	}
	if _, there := shown["proof"]; there {
		return nil, invalid("a presentation in a JWT has no other proof")
	}
	if _, err := shown.contexts(ContextV1); err != nil {
		return nil, err
	}
	return p, v.shown(ctx, shown, p, want.At)
}

// answers checks that a token was made for this verifier, on this question, now.
func (d document) answers(want Answer, skew time.Duration) error {
	nonce, err := d.required("nonce")
	if err != nil {
		return err
	}
	audience, err := d.texts("aud")
	if err != nil {
		return err
	}
	if len(audience) != 1 || !want.fits(nonce, audience[0]) {
		return invalid("the presentation was made for another verifier, or on another question")
	}
	made, err := d.seconds("iat")
	if err != nil {
		return err
	}
	for _, claim := range []string{"nbf", "exp"} {
		t, err := d.seconds(claim)
		if err != nil {
			return err
		}
		if claim == "nbf" && t.After(want.At.Add(skew)) || claim == "exp" && !t.IsZero() && !want.At.Before(t) {
			return invalid("the presentation is not valid now")
		}
		if claim == "nbf" && made.IsZero() {
			made = t
		}
	}
	if made.IsZero() {
		// VCDM 1.1 asks for no time, and wallets in use, Credo among them, state none:
		// the nonce then says that it was made after the question.
		return nil
	}
	return want.recent(made, skew)
}

func (a *Answer) recent(made time.Time, skew time.Duration) error {
	if made.IsZero() || made.After(a.At.Add(skew)) || made.Before(a.At.Add(-a.MaxAge)) {
		return invalid("the presentation was not made just now")
	}
	return nil
}

// shown checks the credentials of a presentation, which are the holder's own or
// name nobody.
func (v *Verifier) shown(ctx context.Context, d document, p *Presentation, at time.Time) error {
	if _, err := typesOf(d, "VerifiablePresentation"); err != nil {
		return err
	}
	if _, there := d["holder"]; there {
		if holder, err := d.party("holder"); err != nil || holder != p.Holder {
			return verify.InPart(verify.PartBinding, invalid("the presentation names another holder than its key's"))
		}
	}
	list, ok := d["verifiableCredential"].([]any)
	if !ok {
		list = []any{d["verifiableCredential"]}
	}
	if len(list) == 0 || len(list) > MaxCredentials {
		return invalid("a presentation shows 1 to %d credentials", MaxCredentials)
	}
	for _, one := range list {
		c, err := v.verifyAny(ctx, one, at)
		if err != nil {
			return err
		}
		if c.Holder != "" && c.Holder != p.Holder {
			return verify.InPart(verify.PartBinding, invalid("the presentation shows a credential of somebody else"))
		}
		if c.Key != nil && *c.Key != p.Key {
			return verify.InPart(verify.PartBinding, invalid("the presentation shows a credential that is bound to another key"))
		}
		p.Credentials = append(p.Credentials, c)
	}
	p.documents = list
	return nil
}

// VerifyAny checks a credential of any format here that needs no nonce, by what it
// is: a JWT, or an object with a proof.
func (v *Verifier) VerifyAny(ctx context.Context, credential []byte, at time.Time) (*Verified, error) {
	if len(credential) > 0 && credential[0] != '{' {
		return v.VerifyJWT(ctx, string(credential), at)
	}
	d, err := parseDocument(credential)
	if err != nil {
		return nil, err
	}
	return v.verifyAny(ctx, map[string]any(d), at)
}

func (v *Verifier) verifyAny(ctx context.Context, credential any, at time.Time) (*Verified, error) {
	switch c := credential.(type) {
	case string:
		return v.VerifyJWT(ctx, c, at)
	case map[string]any:
		d := document(c)
		contexts, err := d.texts("@context")
		if err != nil {
			return nil, err
		}
		if contexts[0] == ContextV2 {
			return v.verifyIntegrity(ctx, d, at)
		}
		if !slices.Contains(contexts, ContextBBS) {
			return v.verifyLinked(ctx, d, at)
		}
		b, err := json.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("encoding a credential: %w", err)
		}
		return v.VerifyBBS(ctx, b, at)
	}
	return nil, invalid("the presentation shows something that is no credential")
}

package check

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
)

// typeOf returns the one type of the catalogue that a token has, if it is wanted. A
// W3C credential has all "type" values of its type and no other.
func typeOf(token *presentation, f catalogue.Format, want *Want) (*catalogue.Type, *Refusal) {
	var found *catalogue.Type
	for _, name := range token.types {
		t, known := catalogue.Find(name)
		switch {
		case known && found != nil:
			return nil, refuse(StepType, ledger.CodeInvalid, "the credential is of two types")
		case known:
			found = t
		}
	}
	if found == nil || !slices.Contains(want.Types, found.Name) {
		return nil, refuse(StepType, ledger.CodeDenied, "the credential is of none of the types that are asked for")
	}
	if !found.In(f) || token.part() && !found.Signed(catalogue.BBS) {
		return nil, refuse(StepType, ledger.CodeInvalid, "credentials of this type are not issued in this format")
	}
	if token.w3c && !slices.Equal(slices.Sorted(slices.Values(token.types)), slices.Sorted(slices.Values(found.W3C))) {
		return nil, refuse(StepType, ledger.CodeInvalid, "the credential is of other types beside the one that is asked for")
	}
	return found, nil
}

// standing wants the members to take the issuer's word for the type.
func (v *Verifier) standing(ctx context.Context, issuer string, t *catalogue.Type) (*Standing, *Refusal) {
	const no = "the members do not take credentials of this type from this issuer"
	s, err := v.trust.Standing(ctx, issuer, t.Name)
	if err != nil {
		return nil, unanswered(StepIssuer, err, no)
	}
	if s == nil || s.State != ledger.TrustAccepted {
		return nil, refuse(StepIssuer, ledger.CodeDenied, no)
	}
	if s.Outside {
		if _, ours := ledger.ParseDID(issuer); ours || s.Issuer != issuer {
			return nil, refuse(StepIssuer, ledger.CodeDenied, no)
		}
		return s, nil
	}
	return s, s.judge(issuer, t)
}

// judge wants an issuer of the ledger, under the name by which the ledger has it, of
// an organisation that is a member and may issue the type.
func (s *Standing) judge(issuer string, t *catalogue.Type) *Refusal {
	id, ok := ledger.ParseDID(s.Issuer)
	if !ok || id.Kind == ledger.DIDDevice || id.Org != s.Organisation {
		return refuse(StepIssuer, ledger.CodeDenied, "the issuer is not its organisation's by its name")
	}
	if strings.HasPrefix(issuer, "did:secant:") && issuer != s.Issuer {
		return refuse(StepIssuer, ledger.CodeDenied, "the issuer is another than the one that is trusted")
	}
	if !s.Member {
		return refuse(StepIssuer, ledger.CodeDenied, "the organisation of the issuer is not on the roster")
	}
	if s.Schema != t.Version {
		return refuse(StepIssuer, ledger.CodeDenied, "the members take the issuer's word for another version of this type than is known here")
	}
	if !t.By(s.Kind) {
		return refuse(StepIssuer, ledger.CodeDenied, "an organisation of this kind does not issue credentials of this type")
	}
	return nil
}

const noKey = "the credential is signed by no key with which its issuer makes assertions"

// signer is who signed a token, as it is found out.
type signer struct {
	keys   Keys
	issuer string
	at     time.Time // now
	id     string    // of the key that was found
	key    ledger.JWK
	bbs    []byte // the key, where it is one for BBS+, and key is none
	// resolution is what the time at which it signed is cut to: it did within that.
	resolution time.Duration
	// same reports whether the same key stood under the id at another time.
	same func(ctx context.Context, then time.Time) (bool, error)
}

// find returns the key that the issuer has now under the id that a token names.
func (s *signer) find(ctx context.Context, keyID string) (ledger.JWK, *Refusal) {
	id, ok := absolute(s.issuer, keyID)
	if !ok {
		return ledger.JWK{}, refuse(StepKey, ledger.CodeDenied, noKey)
	}
	key, err := s.keys.Key(ctx, s.issuer, id, Assertion, s.at)
	if err != nil {
		return ledger.JWK{}, unanswered(StepKey, err, noKey)
	}
	s.id, s.key = id, key
	s.same = func(ctx context.Context, then time.Time) (bool, error) {
		old, err := s.keys.Key(ctx, s.issuer, id, Assertion, then)
		return old == key, err
	}
	return key, nil
}

// then wants the key to have been the issuer's when it says that it signed. It is
// the issuer's now, as find has seen: when a token was signed is its signer's own
// word, and whoever took a key that was withdrawn since could say anything. The
// skew is for clocks, and for times in whole seconds.
func (s *signer) then(ctx context.Context, issued time.Time, skew time.Duration) *Refusal {
	then := issued.Add(s.resolution + skew)
	if !then.Before(s.at) {
		return nil
	}
	same, err := s.same(ctx, then)
	if err != nil {
		return unanswered(StepKey, err, noKey)
	}
	if !same {
		return refuse(StepKey, ledger.CodeDenied, noKey)
	}
	return nil
}

// absolute returns the whole URL of an issuer's key, of which a token may have the
// fragment alone (RFC 3986, section 4.2). A key of anyone else, and a token without
// a key's id, is not ok: no key is ever searched for.
func absolute(issuer, keyID string) (string, bool) {
	if fragment, relative := strings.CutPrefix(keyID, "#"); relative {
		keyID = issuer + "#" + fragment
	}
	fragment, ok := strings.CutPrefix(keyID, issuer+"#")
	return keyID, ok && issuer != "" && fragment != "" && !strings.Contains(fragment, "#")
}

// lasts wants the credential to last no longer than its type may.
func lasts(c *Credential) *Refusal {
	switch life := c.Expires.Sub(c.Issued); {
	case c.Issued.IsZero():
		return refuse(StepTime, ledger.CodeInvalid, "the credential does not say when it was issued")
	case life <= 0 || life > c.Type.MaxLife:
		return refuse(StepTime, ledger.CodeInvalid, "the credential lasts longer than its type may")
	case len(c.Status) == 0 && life > c.Type.WithoutStatus:
		return refuse(StepStatus, ledger.CodeInvalid, "the credential has no status, and lasts longer than its type may without one")
	}
	return nil
}

// holds wants the holder to be the one who is expected.
func holds(c *Credential, want *Want) *Refusal {
	if want.Holder != "" && c.HolderID() != want.Holder {
		return refuse(StepBinding, ledger.CodeDenied, "the credential is another holder's")
	}
	return nil
}

// valid wants each status of the credential to be good.
func (v *Verifier) valid(ctx context.Context, c *Credential, s *signer) *Refusal {
	for _, ref := range c.Status {
		err := v.status.Valid(ctx, StatusQuestion{Issuer: c.Standing.Issuer, Key: s.key, Ref: ref, At: s.at})
		if err != nil {
			return unanswered(StepStatus, err, "the credential is revoked or suspended, or its status list is not the issuer's current one")
		}
	}
	return nil
}

// follows wants the claims to be what the type has.
func follows(c *Credential, e catalogue.Extent) *Refusal {
	if err := c.Type.Validate(e, c.Claims); err != nil {
		return fault(StepSchema, err)
	}
	return nil
}

// speaksForItself wants claims that name the issuer's organisation to name it: a
// hospital says who its own staff are, and nobody else's.
func speaksForItself(c *Credential) *Refusal {
	for _, claim := range c.Type.Claims {
		value, there := c.Claims[claim.Name]
		if claim.Issuer && there && !c.Standing.Outside && value != c.Standing.Organisation {
			return refuse(StepIssuer, ledger.CodeDenied, "the issuer speaks for another organisation than its own")
		}
	}
	return nil
}

// about wants the subject to be of the type's kind. A device is the unit that the
// claims name.
func about(c *Credential) *Refusal {
	id, ours := ledger.ParseDID(c.Subject)
	switch {
	case c.Type.Subject == catalogue.Person && strings.HasPrefix(c.Subject, "did:secant:"):
		return refuse(StepSubject, ledger.CodeInvalid, "the subject is no person")
	case c.Type.Subject == catalogue.Device && c.Subject != "" && (!ours || id.Kind != ledger.DIDDevice || id.Unit != c.Claims["unit"]):
		return refuse(StepSubject, ledger.CodeInvalid, "the subject is not the device of which the claims are")
	}
	return nil
}

// itself wants a credential that a device holds to be bound to the key that the ledger
// has of the unit: to whom an issuer gave it otherwise is not the device.
func (v *Verifier) itself(ctx context.Context, c *Credential) *Refusal {
	const no = "the holder is not the device of which the claims are"
	if !c.Type.ByDevice {
		return nil
	}
	unit, isText := c.Claims["unit"].(string)
	if !isText || v.units == nil {
		return refuse(StepSubject, ledger.CodeDenied, no)
	}
	key, err := v.units.UnitKey(ctx, unit)
	if err != nil {
		return unanswered(StepSubject, err, no)
	}
	if key == (ledger.JWK{}) || c.Holder != key {
		return refuse(StepSubject, ledger.CodeDenied, no)
	}
	return nil
}

// shows wants each claim that was asked for. Wallets say that they showed it by
// answering; some answer without.
func shows(c *Credential, want *Want) *Refusal {
	for _, name := range want.Claims {
		if _, there := c.Claims[name]; !there {
			return refuse(StepClaims, ledger.CodeInvalid, "a claim that was asked for is not shown")
		}
	}
	return nil
}

package verify

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The types of token that a presentation consists of, in their "typ" header.
var (
	credentialTypes = []string{"dc+sd-jwt", "vc+sd-jwt"} // SD-JWT VC, section 3.2.1, and its earlier name
	bindingType     = "kb+jwt"                           // RFC 9901, section 4.3
)

// Presentation is an SD-JWT VC with key binding (RFC 9901, section 4) taken
// apart. What it claims is not verified: only the result of Verify is.
type Presentation struct {
	ClaimedIssuer string // "iss": whose key to look for
	KeyID         string // "kid" of the issuer's token: which key of the issuer
	ClaimedType   string // "vct"

	token   *JWS
	binding *JWS
	bound   string // what the binding signs: all up to and including the last "~"
	claims  object
}

// Binding is what the holder must have signed, and when.
type Binding struct {
	Audience string
	Nonce    string
	At       time.Time     // now
	MaxAge   time.Duration // how far the signature may be behind At
	MaxSkew  time.Duration // how far the clocks of issuer and wallet may be ahead of At
}

// Credential is what a verified presentation says.
type Credential struct {
	Issuer  string
	Type    string // "vct"
	Holder  *Key   // to which the credential is bound, and which signed
	Expires time.Time
	Claims  map[string]any // all claims, the disclosed in their places; values are as encoding/json has them, numbers json.Number
}

// ParsePresentation takes a presentation apart, and puts the disclosures into
// their places. One without a key binding is refused.
func ParsePresentation(s string) (*Presentation, error) {
	if len(s) > ledger.MaxPresentation {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a presentation has at most %d bytes", ledger.MaxPresentation)
	}
	parts := strings.Split(s, "~")
	last := len(parts) - 1
	if last < 1 || parts[last] == "" {
		return nil, invalid("the presentation has no key binding")
	}
	p := &Presentation{bound: s[:len(s)-len(parts[last])]}
	var err error
	if p.token, err = ParseJWS(parts[0]); err != nil {
		return nil, err
	}
	if p.binding, err = ParseJWS(parts[last]); err != nil {
		return nil, err
	}
	if !slices.Contains(credentialTypes, p.token.Type) || p.binding.Type != bindingType {
		return nil, invalid("the presentation is not a credential with a key binding, by the types of its tokens")
	}
	payload, err := parseObject(p.token.Payload)
	if err != nil {
		return nil, invalid("the credential is not a JSON object of one meaning")
	}
	if p.claims, err = disclose(payload, parts[1:last]); err != nil {
		return nil, err
	}
	p.KeyID = p.token.KeyID
	if p.ClaimedIssuer, err = p.claims.required("iss"); err != nil {
		return nil, err
	}
	if p.ClaimedType, err = p.claims.required("vct"); err != nil {
		return nil, err
	}
	return p, nil
}

// ClaimedAudience returns "aud" of the key binding: for whom the holder says to
// have signed. It is empty when that cannot be read.
func (p *Presentation) ClaimedAudience() string {
	claims, err := parseObject(p.binding.Payload)
	if err != nil {
		return ""
	}
	audience, err := claims.text("aud")
	if err != nil {
		return ""
	}
	return audience
}

// Verify checks the issuer's signature, the credential's time, the holder's
// signature under the key to which the credential is bound, and what it binds. The
// Problem comes in a PartError.
func (p *Presentation) Verify(issuer *Key, want Binding) (*Credential, error) {
	if err := p.token.Verify(issuer); err != nil {
		return nil, InPart(PartSignature, err)
	}
	expires, err := p.window(want)
	if err != nil {
		return nil, InPart(PartTime, err)
	}
	holder, err := p.holder()
	if err != nil {
		return nil, InPart(PartBinding, err)
	}
	if err := p.binding.Verify(holder); err != nil {
		return nil, InPart(PartBinding, err)
	}
	if err := p.binds(want); err != nil {
		return nil, InPart(PartBinding, err)
	}
	return &Credential{
		Issuer: p.ClaimedIssuer, Type: p.ClaimedType, Holder: holder, Expires: expires, Claims: plainObject(p.claims),
	}, nil
}

// window checks the time of the credential, which must end.
func (p *Presentation) window(want Binding) (expires time.Time, err error) {
	exp, there, err := p.claims.date("exp")
	switch {
	case err != nil:
		return exp, err
	case !there:
		return exp, invalid("the credential has no end")
	case !want.At.Before(exp):
		return exp, invalid("the credential has expired")
	}
	return exp, started(p.claims, want)
}

// started checks the times before which a token is worth nothing.
func started(claims object, want Binding) error {
	for _, name := range []string{"nbf", "iat"} {
		t, there, err := claims.date(name)
		if err != nil {
			return err
		}
		if there && t.After(want.At.Add(want.MaxSkew)) {
			return invalid("a token of the presentation is not valid yet")
		}
	}
	return nil
}

// holder returns the key in "cnf" (RFC 7800, section 3.2), the only one there.
func (p *Presentation) holder() (*Key, error) {
	cnf, ok := p.claims["cnf"].(object)
	if !ok || len(cnf) != 1 {
		return nil, invalid("the credential is not bound to one key")
	}
	jwk, ok := cnf["jwk"].(object)
	if !ok {
		return nil, invalid("the credential is not bound to one key")
	}
	return keyOf(jwk)
}

// binds checks the key binding's payload (RFC 9901, section 7.3).
func (p *Presentation) binds(want Binding) error {
	claims, err := parseObject(p.binding.Payload)
	if err != nil {
		return invalid("the key binding is not a JSON object of one meaning")
	}
	for name, value := range map[string]string{"nonce": want.Nonce, "aud": want.Audience, "sd_hash": Hash(p.bound)} {
		if got, err := claims.required(name); err != nil || got != value || value == "" {
			return invalid("the key binding is for something else")
		}
	}
	iat, there, err := claims.date("iat")
	if err != nil {
		return err
	}
	if !there || iat.Before(want.At.Add(-want.MaxAge)) {
		return invalid("the key binding is too old")
	}
	if exp, there, err := claims.date("exp"); err != nil || there && !want.At.Before(exp) {
		return invalid("the key binding has expired")
	}
	return started(claims, want)
}

// required returns a member that must be a text.
func (o object) required(name string) (string, error) {
	s, err := o.text(name)
	if err != nil || s == "" {
		return "", invalid("a token of the presentation lacks a claim that it must have")
	}
	return s, nil
}

// maxDate is the end of the year 9999, in seconds.
const maxDate = 253402300799

// date returns a member that must be a time in whole seconds (RFC 7519, section
// 2, without fractions) when it is there.
func (o object) date(name string) (t time.Time, there bool, err error) {
	v, there := o[name]
	if !there {
		return time.Time{}, false, nil
	}
	number, ok := v.(json.Number)
	if !ok {
		return time.Time{}, true, invalid("a time in a token is no number")
	}
	seconds, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil || seconds < 0 || seconds > maxDate {
		return time.Time{}, true, invalid("a time in a token is not in whole seconds")
	}
	return time.Unix(seconds, 0).UTC(), true, nil
}

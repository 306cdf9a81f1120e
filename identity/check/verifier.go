package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/vc"
)

// MaxToken bounds what is presented, in bytes. A format may allow less.
const MaxToken = 64 << 10

// Options are what a Verifier needs. Keys, Trust, Status and Now are required.
type Options struct {
	Keys   Keys
	Trust  Trust
	Status Status
	Now    func() time.Time
	// Certificates knows issuers of mdocs; nil: none is taken.
	Certificates Certificates
	// Units knows the keys of devices; nil: none of the credentials that devices hold is
	// taken.
	Units Units
	// BBS knows keys for credentials that are shown without their holders; nil: none
	// is taken.
	BBS BBSKeys
	// Contexts are the JSON-LD contexts that are known; nil: those of Contexts.
	Contexts *vc.Contexts
	// MaxAge is how long ago a holder may have signed a presentation; 0:
	// ledger.MaxKeyBindingAge.
	MaxAge time.Duration
	// MaxSkew is how far the clocks of issuers and wallets may be ahead; 0:
	// ledger.MaxStatementSkew.
	MaxSkew time.Duration
}

// Verifier judges credentials. It is safe for concurrent use when its sources are.
type Verifier struct {
	keys         Keys
	trust        Trust
	status       Status
	now          func() time.Time
	units        Units
	bbs          BBSKeys
	contexts     *vc.Contexts
	certificates Certificates
	maxAge       time.Duration
	maxSkew      time.Duration
}

// New returns a Verifier.
func New(o Options) (*Verifier, error) {
	if o.Keys == nil || o.Trust == nil || o.Status == nil || o.Now == nil || o.MaxAge < 0 || o.MaxSkew < 0 {
		return nil, errors.New("making a verifier: it needs keys, trust, status and time, and no negative durations")
	}
	v := &Verifier{
		keys: o.Keys, trust: o.Trust, status: o.Status, now: o.Now, units: o.Units, bbs: o.BBS, contexts: o.Contexts, certificates: o.Certificates,
		maxAge: o.MaxAge, maxSkew: o.MaxSkew,
	}
	if v.contexts == nil {
		var err error
		if v.contexts, err = Contexts(); err != nil {
			return nil, fmt.Errorf("making a verifier: %w", err)
		}
	}
	if v.maxAge == 0 {
		v.maxAge = ledger.MaxKeyBindingAge
	}
	if v.maxSkew == 0 {
		v.maxSkew = ledger.MaxStatementSkew
	}
	return v, nil
}

// Presented is what somebody shows.
type Presented struct {
	Format catalogue.Format
	Token  string
}

// Want is what is asked for.
type Want struct {
	// Types are the names of the types of the catalogue of which one is wanted.
	Types []string
	// Formats are those that are taken; none: every one.
	Formats []catalogue.Format
	// Nonce and Audience are what the holder must have signed. Whoever asks draws a
	// nonce of its own for each question and takes one answer: that it serves once
	// is not judged here.
	Nonce    string
	Audience string
	// ResponseURI is where an answer of OpenID4VP goes, and Thumbprint that of the key
	// to which it is encrypted (RFC 7638, 32 bytes; nil: it is not): an mdoc is bound
	// to them too.
	ResponseURI string
	Thumbprint  []byte
	// Holder is the thumbprint of the key that the holder must have; empty: any.
	Holder string
	// Anonymous is for taking credentials whose holder does not prove to be theirs:
	// parts of BBS+ credentials, which cannot be linked and can be lent.
	Anonymous bool
	// Claims are the names of claims that must be shown.
	Claims []string
}

func (w *Want) validate() error {
	if len(w.Types) == 0 || w.Nonce == "" || w.Audience == "" {
		return errors.New("asking for a credential: it needs types, a nonce and an audience")
	}
	for _, name := range w.Types {
		if _, ok := catalogue.Find(name); !ok {
			return errors.New("asking for a credential: the catalogue has no such type")
		}
	}
	return nil
}

// presentation is a token taken apart: nothing of it is verified.
type presentation struct {
	issuer string // whose key to look for
	// name finds out what the issuer is called, where the token does not have it as
	// Trust does; nil: it does.
	name   func(context.Context) *Refusal
	types  []string // what it says it is
	w3c    bool     // types are the "type" of a W3C credential
	extent catalogue.Extent
	// verify checks every proof and every time, the issuer's under the key that s
	// finds, and that the holder signed what is wanted. It fills what the credential
	// says: Subject, Claims, Holder, Issued, Expires and Status.
	verify func(ctx context.Context, s *signer) (*Credential, *Refusal)
}

// part reports whether it is a part of a BBS+ credential.
func (p *presentation) part() bool { return p.w3c && p.extent == catalogue.Part }

// format takes a token of one format apart.
type format func(v *Verifier, token string, want *Want) (*presentation, *Refusal)

// formats are those that are taken.
var formats = map[catalogue.Format]format{
	catalogue.SDJWT: openSDJWT,
	catalogue.JWT:   openJWT,
	catalogue.LD:    openLD,
	catalogue.MDoc:  openMDoc,
}

// Formats lists the formats that are taken, by name.
func Formats() []catalogue.Format {
	var names []catalogue.Format
	for name := range formats {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Verify judges what somebody presents. The error is a *Refusal, unless what is
// wanted makes no sense.
func (v *Verifier) Verify(ctx context.Context, p Presented, want Want) (*Credential, error) {
	if err := want.validate(); err != nil {
		return nil, err
	}
	c, refusal := v.judge(ctx, p, &want)
	if refusal != nil {
		return nil, refusal
	}
	return c, nil
}

func (v *Verifier) judge(ctx context.Context, p Presented, want *Want) (*Credential, *Refusal) {
	if len(p.Token) > MaxToken {
		return nil, refuse(StepFormat, ledger.CodeTooLarge, "a presentation has at most %d bytes", MaxToken)
	}
	open, ok := formats[p.Format]
	if !ok || len(want.Formats) > 0 && !slices.Contains(want.Formats, p.Format) {
		return nil, refuse(StepFormat, ledger.CodeInvalid, "the credential is of a format that is not taken here")
	}
	token, refusal := open(v, p.Token, want)
	if refusal != nil {
		return nil, refusal
	}
	t, refusal := typeOf(token, p.Format, want)
	if refusal != nil {
		return nil, refusal
	}
	return v.credential(ctx, token, t, p.Format, want)
}

// credential judges a token of a type that is wanted.
func (v *Verifier) credential(ctx context.Context, token *presentation, t *catalogue.Type, f catalogue.Format, want *Want) (*Credential, *Refusal) {
	if token.name != nil {
		if refusal := token.name(ctx); refusal != nil {
			return nil, refusal
		}
	}
	standing, refusal := v.standing(ctx, token.issuer, t)
	if refusal != nil {
		return nil, refusal
	}
	by := &signer{keys: v.keys, issuer: token.issuer, at: v.now().UTC()}
	c, refusal := token.verify(ctx, by)
	if refusal != nil {
		return nil, refusal
	}
	c.Format, c.Type, c.Issuer, c.Standing = f, t, token.issuer, *standing
	for _, judge := range []func() *Refusal{
		func() *Refusal { return lasts(c) },
		func() *Refusal { return by.then(ctx, c.Issued, v.maxSkew) },
		func() *Refusal { return holds(c, want) },
		func() *Refusal { return v.valid(ctx, c, by) },
		func() *Refusal { return follows(c, token.extent) },
		func() *Refusal { return speaksForItself(c) },
		func() *Refusal { return about(c) },
		func() *Refusal { return v.itself(ctx, c) },
		func() *Refusal { return shows(c, want) },
	} {
		if refusal := judge(); refusal != nil {
			return nil, refusal
		}
	}
	return c, nil
}

package check

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
)

// sdjwtEnvelope are the claims of an SD-JWT VC that are not its type's (SD-JWT VC,
// section 2.2.2.3; RFC 7519, section 4.1).
var sdjwtEnvelope = []string{"iss", "sub", "iat", "nbf", "exp", "jti", "cnf", "vct", "vct#integrity", "status"}

// openSDJWT takes an SD-JWT VC with key binding apart.
func openSDJWT(v *Verifier, token string, want *Want) (*presentation, *Refusal) {
	p, err := verify.ParsePresentation(token)
	if err != nil {
		return nil, fault(StepFormat, err)
	}
	return &presentation{
		issuer: p.ClaimedIssuer, types: []string{p.ClaimedType}, extent: catalogue.Shown,
		verify: func(ctx context.Context, s *signer) (*Credential, *Refusal) {
			issuer, refusal := s.find(ctx, p.KeyID)
			if refusal != nil {
				return nil, refusal
			}
			return v.verifySDJWT(p, issuer, s.at, want)
		},
	}, nil
}

func (v *Verifier) verifySDJWT(p *verify.Presentation, issuer ledger.JWK, at time.Time, want *Want) (*Credential, *Refusal) {
	key, err := verify.NewKey(issuer)
	if err != nil {
		return nil, fault(StepKey, err)
	}
	verified, err := p.Verify(key, verify.Binding{
		Audience: want.Audience, Nonce: want.Nonce, At: at, MaxAge: v.maxAge, MaxSkew: v.maxSkew,
	})
	if err != nil {
		return nil, fault(stepOf(err), err)
	}
	c := &Credential{Holder: verified.Holder.JWK(), Expires: verified.Expires, Claims: map[string]any{}}
	ref, has, err := verified.Status()
	if err != nil {
		return nil, fault(StepStatus, err)
	}
	if has {
		c.Status = []StatusRef{{Kind: StatusToken, URI: ref.URI, Index: ref.Index}}
	}
	for name, value := range verified.Claims {
		c.Claims[name] = value
	}
	c.Issued = seconds(c.Claims["iat"])
	if subject, there := c.Claims["sub"]; there {
		var ok bool
		if c.Subject, ok = subject.(string); !ok {
			return nil, refuse(StepFormat, ledger.CodeInvalid, "the credential's subject is no text")
		}
	}
	for _, name := range sdjwtEnvelope {
		delete(c.Claims, name)
	}
	return c, nil
}

// seconds returns a time that the verifying package found to be one, and the zero
// time when it is not there.
func seconds(v any) time.Time {
	number, ok := v.(json.Number)
	if !ok {
		return time.Time{}
	}
	n, err := number.Int64()
	if err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// stepOf says to which step a part of a presentation belongs. What is of no part is
// a matter of form.
func stepOf(err error) Step {
	if part, ok := errors.AsType[*verify.PartError](err); ok {
		switch part.Part {
		case verify.PartTime:
			return StepTime
		case verify.PartBinding:
			return StepBinding
		case verify.PartSignature:
			return StepProof
		case verify.PartKey:
			return StepKey
		}
	}
	return StepFormat
}

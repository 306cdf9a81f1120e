package check

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/mdoc"
)

// Certificates knows issuers that sign with certificates.
type Certificates interface {
	// Certified returns whose the certificate says it is, by a name in it, and what
	// vouches for that one. The certificate itself is not verified. The Problem is
	// not_found when it names nobody who is known.
	Certified(ctx context.Context, leaf *x509.Certificate) (*Certified, error)
}

// Certified is an issuer that signs with certificates.
type Certified struct {
	Issuer string // its name in Trust, as its DID
	Name   string // a DNS name or URI that its certificates must have as a subject alternative name
	// Roots vouch for this issuer and no other, now: the certificate of one that was
	// withdrawn is not among them.
	Roots []*x509.Certificate
	// Own is for roots that certify for this issuer alone, as those of ISO/IEC 18013-5
	// do, so that certificates under them need not name it.
	Own bool
}

// openMDoc takes a DeviceResponse apart (ISO/IEC 18013-5, section 8.3.2.1.2.2), in
// base64url as OpenID4VP has it (appendix B.2).
func openMDoc(v *Verifier, token string, want *Want) (*presentation, *Refusal) {
	response, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || base64.RawURLEncoding.EncodeToString(response) != token {
		return nil, refuse(StepFormat, ledger.CodeInvalid, "the response is not base64url without padding")
	}
	claimed, err := mdoc.ParseClaimed(response)
	if err != nil {
		return nil, fault(StepFormat, err)
	}
	p := &presentation{extent: catalogue.Part}
	if t, ok := catalogue.FindDocType(claimed.DocType); ok {
		p.types = []string{t.Name}
	}
	var issuer *Certified
	p.name = func(ctx context.Context) *Refusal {
		const no = "the credential is of no issuer that is known by its certificate"
		if v.certificates == nil {
			return refuse(StepIssuer, ledger.CodeDenied, no)
		}
		if issuer, err = v.certificates.Certified(ctx, claimed.Leaf); err != nil {
			return unanswered(StepIssuer, err, no)
		}
		p.issuer = issuer.Issuer
		return nil
	}
	p.verify = func(_ context.Context, s *signer) (*Credential, *Refusal) {
		return verifyMDoc(response, claimed, issuer, s, want)
	}
	return p, nil
}

func verifyMDoc(response []byte, claimed *mdoc.Claimed, issuer *Certified, s *signer, want *Want) (*Credential, *Refusal) {
	if want.ResponseURI == "" {
		return nil, refuse(StepBinding, ledger.CodeInvalid, "an mdoc is bound to the address of its response, and nobody asked with one")
	}
	verified, err := mdoc.Verify(response, mdoc.Want{
		Trust: mdoc.Trust{DocType: claimed.DocType, At: s.at, Issuers: []mdoc.Issuer{{Name: issuer.Name, Roots: issuer.Roots, Own: issuer.Own}}},
		Session: mdoc.Session{
			ClientID: want.Audience, Nonce: want.Nonce, ResponseURI: want.ResponseURI, Thumbprint: want.Thumbprint,
		},
	})
	if err != nil {
		return nil, fault(stepOf(err), err)
	}
	// The certificate was valid when it signed, as is checked there: it is what a
	// key's place in a document at that time is elsewhere.
	if s.key, err = ledger.JWKOf(claimed.Leaf.PublicKey); err != nil {
		return nil, refuse(StepKey, ledger.CodeDenied, noKey)
	}
	s.same = func(context.Context, time.Time) (bool, error) { return true, nil }
	c := &Credential{Holder: verified.Holder.JWK(), Issued: verified.Signed, Expires: verified.ValidUntil, Claims: map[string]any{}}
	if verified.Status != nil {
		c.Status = []StatusRef{{Kind: StatusToken, URI: verified.Status.URI, Index: verified.Status.Index}}
	}
	for space, elements := range verified.Elements {
		if space != claimed.DocType {
			return nil, refuse(StepSchema, ledger.CodeInvalid, "the credential has elements of another name space than its type's")
		}
		for name, value := range elements {
			c.Claims[name] = claimOf(value)
		}
	}
	return c, nil
}

// claimOf returns an element's value as JSON has it: days and times as text. Bytes
// stay bytes, which no claim of the catalogue is.
func claimOf(v any) any {
	switch v := v.(type) {
	case mdoc.Date:
		return string(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = claimOf(element)
		}
		return list
	case map[string]any:
		o := make(map[string]any, len(v))
		for name, member := range v {
			o[name] = claimOf(member)
		}
		return o
	}
	return v
}

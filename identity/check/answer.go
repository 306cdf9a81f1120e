package check

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// Detail is what Answer has to tell of a credential to whoever asked, beside its
// claims. It names the holder by a thumbprint: it is not for logs.
type Detail struct {
	Type         string    `json:"type"` // of the catalogue
	Issuer       string    `json:"issuer"`
	Registered   string    `json:"registered"`   // the issuer's name in the trust registry
	Organisation string    `json:"organisation"` // MSP id; empty for an issuer that is no member's
	Holder       string    `json:"holder"`       // RFC 7638 thumbprint; empty: shown anonymously
	Subject      string    `json:"subject,omitempty"`
	Issued       time.Time `json:"issued"`
	Expires      time.Time `json:"expires"`
	// Status is where to look again whether the credential still holds, as for a
	// session that it opened.
	Status []StatusRef `json:"status,omitempty"`
}

// Answer judges one presentation of an answer of OpenID4VP: it is an oid4vp.Judge,
// under this verifier's own clock. Types are asked for by their "vct", their
// document type or their "type" values.
func (v *Verifier) Answer(ctx context.Context, p oid4vp.Presented, w oid4vp.Want) (*oid4vp.Judged, error) {
	want := Want{
		Nonce: w.Nonce, Audience: w.Audience, ResponseURI: w.ResponseURI, Thumbprint: w.Thumbprint, Anonymous: !w.Bound,
	}
	for _, name := range w.Types {
		if t, ok := catalogue.Find(name); ok {
			want.Types = append(want.Types, t.Name)
		}
		if t, ok := catalogue.FindDocType(name); ok {
			want.Types = append(want.Types, t.Name)
		}
	}
	if len(want.Types) == 0 {
		return nil, refuse(StepType, ledger.CodeInvalid, "none of the types that are asked for is in the catalogue")
	}
	c, err := v.Verify(ctx, Presented{Format: catalogue.Format(p.Format), Token: p.Token}, want)
	if err != nil {
		return nil, err
	}
	detail, err := json.Marshal(Detail{
		Type: c.Type.Name, Issuer: c.Issuer, Registered: c.Standing.Issuer, Organisation: c.Standing.Organisation,
		Holder: c.HolderID(), Subject: c.Subject, Issued: c.Issued, Expires: c.Expires, Status: c.Status,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding what a credential says: %w", err)
	}
	judged := &oid4vp.Judged{Detail: detail}
	judged.Types, judged.Claims = c.Asked()
	return judged, nil
}

// Asked returns the types, and the claims where a query points at them: in an mdoc
// below the name space, in a W3C credential below its subject (OpenID4VP 1.0,
// sections 7.1 and 7.2).
func (c *Credential) Asked() (types []string, claims map[string]any) {
	switch c.Format {
	case catalogue.MDoc:
		return []string{c.Type.DocType}, map[string]any{c.Type.DocType: c.Claims}
	case catalogue.JWT, catalogue.LD:
		return c.Type.W3C, map[string]any{"issuer": c.Issuer, "type": c.Type.W3C, "credentialSubject": c.Claims}
	}
	claims = map[string]any{"iss": c.Issuer, "vct": c.Type.Name}
	for name, value := range c.Claims {
		claims[name] = value
	}
	return []string{c.Type.Name}, claims
}

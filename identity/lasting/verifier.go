package lasting

import (
	"context"
	"fmt"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/vc"
)

// Media types of what is fetched (RFC 7517, section 8.5.1; RFC 7515, section 9.2.1).
const (
	TypeKey       = "application/jwk+json"
	TypeSignature = "application/jose"
)

// Published is what an issuer's document on the ledger says now of its lasting
// signatures of certificates.
type Published struct {
	Keys       map[string]string // where each is served, by its thumbprint
	Signatures string            // address that a certificate's digest completes
}

// Verifier finds and judges lasting signatures of certificates. All fields are
// required.
type Verifier struct {
	Contexts *vc.Contexts
	// Published asks the ledger. An issuer that has no lasting keys, or that nobody
	// knows, is not_found.
	Published func(ctx context.Context, issuer string) (*Published, error)
	// Fetch returns what is served at an address, as fetch.Client does.
	Fetch func(ctx context.Context, address, accept string, limit int64) ([]byte, error)
}

// Verify checks a certificate's lasting signature, and returns the thumbprint of the
// key that made it, which stands on the ledger for the certificate's issuer. Problems:
// not_found when there is no such signature, which is said and may be taken as it is;
// unavailable when the issuer cannot be asked; invalid when what is served is not the
// issuer's signature of this certificate, or the key not the ledger's.
func (v *Verifier) Verify(ctx context.Context, f catalogue.Format, credential []byte) (string, error) {
	c, err := Open(v.Contexts, f, credential)
	if err != nil {
		return "", err
	}
	p, err := v.Published(ctx, c.Issuer)
	if err != nil {
		return "", fmt.Errorf("finding the issuer's lasting keys: %w", err)
	}
	b, err := v.Fetch(ctx, p.Signatures+c.Digest(), TypeSignature, verify.MaxLastingJWS)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return "", ledger.Problemf(ledger.CodeNotFound, "the issuer serves no lasting signature of this certificate")
	}
	if err != nil {
		return "", fmt.Errorf("fetching a lasting signature: %w", err)
	}
	signature := string(b)
	thumbprint := p.signer(signature)
	if thumbprint == "" {
		return "", ledger.Problemf(ledger.CodeInvalid, "the lasting signature is by no key that stands on the ledger for the issuer and this use")
	}
	key, err := v.key(ctx, p.Keys[thumbprint], thumbprint)
	if err != nil {
		return "", err
	}
	if err := c.Verify(key, signature); err != nil {
		return "", err
	}
	return thumbprint, nil
}

// signer returns the published key that a signature names, by its thumbprint.
func (p *Published) signer(signature string) string {
	header, _, _ := strings.Cut(signature, "..")
	for thumbprint := range p.Keys {
		if header == verify.LastingHeader(verify.TypeLastingCertificate, thumbprint) {
			return thumbprint
		}
	}
	return ""
}

// key fetches a key, and believes it by its thumbprint alone.
func (v *Verifier) key(ctx context.Context, address, thumbprint string) (verify.LastingJWK, error) {
	b, err := v.Fetch(ctx, address, TypeKey, verify.MaxLastingJWK)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		err = ledger.Problemf(ledger.CodeUnavailable, "the issuer does not serve its lasting key")
	}
	if err != nil {
		return verify.LastingJWK{}, fmt.Errorf("fetching a lasting key: %w", err)
	}
	key, err := verify.ParseLastingJWK(b)
	if err != nil {
		return verify.LastingJWK{}, err
	}
	if key.Thumbprint() != thumbprint {
		return verify.LastingJWK{}, ledger.Problemf(ledger.CodeInvalid, "the issuer's host serves another lasting key than stands on the ledger")
	}
	return key, nil
}

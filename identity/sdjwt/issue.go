package sdjwt

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// Type is the media type of an SD-JWT VC, in its "typ" header.
const Type = "dc+sd-jwt"

// Credential is what an issuer says of a holder.
type Credential struct {
	Issuer  string     // DID
	KeyID   string     // of the issuer's key: its DID URL
	Type    string     // "vct"
	Holder  ledger.JWK // to which the credential is bound
	Issued  time.Time
	Begins  time.Time // zero: at once
	Expires time.Time
	Status  *Status        // nil: it cannot be revoked
	Open    map[string]any // claims that everyone sees who sees the credential
	Hidden  map[string]any // claims that the holder shows or keeps, one by one
	// Chain is sent beside the key's id, the certificate of the issuer's key first and
	// no root, for verifiers that know issuers by certificates (HAIP 1.0, section 6.1.1).
	// The issuer is one of its subject alternative names. nil: none is sent.
	Chain []*x509.Certificate
}

// Status is a credential's place in a Token Status List.
type Status struct {
	URI   string
	Index int
}

// reserved are the claims that Issue sets.
var reserved = []string{"iss", "iat", "nbf", "exp", "vct", "vct#integrity", "cnf", "status", "_sd", "_sd_alg", "..."}

// Issue returns the credential with all disclosures, as its holder gets it:
// "<token>~<disclosure>~...~" (RFC 9901, section 4).
func Issue(issuer keys.Signer, c Credential) (string, error) {
	if c.Issuer == "" || c.Type == "" || !c.Expires.After(c.Issued) {
		return "", errors.New("issuing a credential: it needs an issuer, a type and a time")
	}
	if _, err := verify.NewKey(c.Holder); err != nil {
		return "", fmt.Errorf("issuing a credential: its holder: %w", err)
	}
	claims := map[string]any{
		"iss": c.Issuer, "iat": c.Issued.Unix(), "exp": c.Expires.Unix(), "vct": c.Type,
		"cnf": map[string]any{"jwk": c.Holder},
	}
	if !c.Begins.IsZero() {
		claims["nbf"] = c.Begins.Unix()
	}
	if c.Status != nil {
		claims["status"] = map[string]any{"status_list": map[string]any{"idx": c.Status.Index, "uri": c.Status.URI}}
	}
	for name, value := range c.Open {
		if slices.Contains(reserved, name) {
			return "", fmt.Errorf("issuing a credential: the claim %q is not the caller's to set", name)
		}
		claims[name] = value
	}
	disclosures, err := hide(claims, c.Hidden)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encoding a credential: %w", err)
	}
	header := keys.Header{Type: Type, KeyID: c.KeyID}
	for _, one := range c.Chain {
		header.X5C = append(header.X5C, base64.StdEncoding.EncodeToString(one.Raw))
	}
	token, err := keys.Compact(issuer, header, payload)
	if err != nil {
		return "", err
	}
	return strings.Join(append([]string{token}, disclosures...), "~") + "~", nil
}

// hide adds the digests of hidden claims, and returns their disclosures in the
// order of the names. The digests stand in their own order, which tells nothing
// of the claims (RFC 9901, section 9.8).
func hide(claims, hidden map[string]any) ([]string, error) {
	if len(hidden) == 0 {
		return nil, nil
	}
	if len(hidden) > verify.MaxDisclosures {
		return nil, fmt.Errorf("hiding claims: at most %d", verify.MaxDisclosures)
	}
	var disclosures, digests []string
	for _, name := range slices.Sorted(maps.Keys(hidden)) {
		if _, open := claims[name]; open || slices.Contains(reserved, name) {
			return nil, fmt.Errorf("hiding claims: %q cannot be hidden", name)
		}
		salt := make([]byte, 16) // RFC 9901, section 9.3
		if _, err := rand.Read(salt); err != nil {
			return nil, fmt.Errorf("drawing a salt: %w", err)
		}
		b, err := json.Marshal([]any{segment(salt), name, hidden[name]})
		if err != nil {
			return nil, fmt.Errorf("encoding a disclosure: %w", err)
		}
		disclosures = append(disclosures, segment(b))
		digests = append(digests, verify.Hash(segment(b)))
	}
	slices.Sort(digests)
	claims["_sd"], claims["_sd_alg"] = digests, "sha-256"
	return disclosures, nil
}

func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

package oid4vci

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/jwt"
	"github.com/secant-platform/secant/identity/keys"
)

// TypeSigned is the media type of signed metadata (section 12.2.2).
const TypeSigned = "application/jwt"

// metadataType is the "typ" of signed metadata (section 12.2.3).
const metadataType = "openidvci-issuer-metadata+jwt"

const (
	signedLife  = 24 * time.Hour // of signed metadata
	signedFresh = time.Minute    // for how long it is handed out again: a signature may cost a call to hardware
)

// signed is metadata that was signed a moment ago.
type signed struct {
	mu    sync.Mutex
	text  string    // under mu
	until time.Time // under mu
}

// SignedMetadata returns the issuer's document as a JWT (section 12.2.3);
// ledger.CodeNotFound: it is not signed here.
func (i *Issuer) SignedMetadata() (string, error) {
	if i.opts.MetadataKey == nil {
		return "", ledger.Problemf(ledger.CodeNotFound, "the metadata is not signed here")
	}
	i.signed.mu.Lock()
	defer i.signed.mu.Unlock()
	now := i.now()
	if now.Before(i.signed.until) {
		return i.signed.text, nil
	}
	b, err := json.Marshal(i.Metadata())
	if err != nil {
		return "", fmt.Errorf("encoding metadata: %w", err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(b, &claims); err != nil {
		return "", fmt.Errorf("encoding metadata: %w", err)
	}
	maps.Copy(claims, map[string]any{"iss": i.opts.URL, "sub": i.opts.URL, "iat": now.Unix(), "exp": now.Add(signedLife).Unix()})
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encoding metadata: %w", err)
	}
	key, header, err := i.opts.MetadataKey()
	if err != nil {
		return "", err
	}
	header.Type = metadataType
	text, err := keys.Compact(key, header, payload)
	if err != nil {
		return "", err
	}
	i.signed.text, i.signed.until = text, now.Add(signedFresh)
	return text, nil
}

// MetadataSigner names the key that signed an issuer's metadata. Nothing of it is
// verified yet.
type MetadataSigner struct {
	Issuer string   // whose metadata was asked for
	KeyID  string   // "kid" of the header
	Chain  [][]byte // "x5c": DER, the signer's first
}

// metadata fetches what an issuer says of itself, signed where the client knows by
// whom, and reports whether it was.
func (c *Client) metadata(ctx context.Context, issuer string, m *IssuerMetadata) (isSigned bool, err error) {
	address, err := WellKnown(WellKnownIssuer, issuer)
	if err != nil {
		return false, ledger.Problemf(ledger.CodeInvalid, "the issuer's identifier is none")
	}
	accept := typeJSON
	switch {
	case c.RequireSigned:
		accept = TypeSigned
	case c.MetadataKey != nil:
		accept = TypeSigned + ", " + typeJSON + ";q=0.5"
	}
	got, err := c.do(ctx, call{method: "GET", address: address, accept: accept})
	if err != nil {
		return false, fmt.Errorf("fetching metadata: %w", err)
	}
	if c.MetadataKey == nil && !c.RequireSigned || got.typ != TypeSigned {
		if c.RequireSigned {
			return false, ledger.Problemf(ledger.CodeDenied, "the issuer does not sign its metadata")
		}
		return false, decodeAnswer(got.body, m)
	}
	err = c.openSigned(ctx, issuer, string(got.body), m)
	if ledger.CodeOf(err) == ledger.CodeNotFound && !c.RequireSigned {
		// Of a signer that nobody here knows, the signature says nothing: the document
		// then stands for what its server says, as it does without one.
		if got, err = c.do(ctx, call{method: "GET", address: address}); err != nil {
			return false, fmt.Errorf("fetching metadata: %w", err)
		}
		*m = IssuerMetadata{}
		return false, decodeAnswer(got.body, m)
	}
	return err == nil, err
}

// openSigned reads signed metadata (section 12.2.3).
func (c *Client) openSigned(ctx context.Context, issuer, text string, m *IssuerMetadata) error {
	bad := ledger.Problemf(ledger.CodeDenied, "the issuer's metadata is not signed by its issuer, for now")
	j, err := verify.ParseJWSWithin(text, maxAnswer)
	if err != nil || j.Type != metadataType {
		return bad
	}
	by := MetadataSigner{Issuer: issuer, KeyID: j.KeyID}
	t, ok := jwt.Of(j, text)
	if !ok {
		return bad
	}
	if by.Chain, ok = chain(t); !ok || c.MetadataKey == nil {
		return bad
	}
	key, err := c.MetadataKey(ctx, by)
	if err != nil {
		return fmt.Errorf("finding who signed an issuer's metadata: %w", err)
	}
	iat, there, ok := t.Claims.Date("iat")
	if !t.By(key) || !t.Is("sub", issuer) || !there || !ok || iat.After(c.now().Add(jwt.Skew)) || !t.Current(c.now()) {
		return bad
	}
	return decodeAnswer(j.Payload, m)
}

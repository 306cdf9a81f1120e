package oid4vci

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"
)

// Nonces carry their end and a MAC, so that whoever asks for many makes us keep
// none: only a nonce that is used leaves a mark.
const (
	nonceHead = 8 + 16 // end in seconds, random
	nonceSize = nonceHead + sha256.Size
)

// What a nonce is for; one does not serve as the other.
const (
	nonceProof = "c_nonce"
	nonceDPoP  = "dpop"
)

func (i *Issuer) newNonce(purpose string) (string, error) {
	b := make([]byte, nonceHead, nonceSize)
	binary.BigEndian.PutUint64(b, uint64(i.now().Add(nonceLife).Unix())) //nolint:gosec // the clock is behind 1970
	if _, err := rand.Read(b[8:]); err != nil {
		return "", fmt.Errorf("drawing a nonce: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, i.mac(purpose, b)...)), nil
}

// nonceEnds returns until when a nonce of ours holds; false: it is not ours, or over.
func (i *Issuer) nonceEnds(purpose, nonce string) (time.Time, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != nonceSize || !hmac.Equal(b[nonceHead:], i.mac(purpose, b[:nonceHead])) {
		return time.Time{}, false
	}
	ends := time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC() //nolint:gosec // it is ours
	return ends, i.now().Before(ends)
}

func (i *Issuer) mac(purpose string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, i.opts.Secret)
	h.Write([]byte("secant/vci/" + purpose + "/v1\x00"))
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// NonceResponse is the answer of the nonce endpoint (section 7.2).
type NonceResponse struct {
	Nonce string `json:"c_nonce"`
}

// Nonce serves the nonce endpoint. One nonce serves all key proofs of one request.
func (i *Issuer) Nonce() (*NonceResponse, error) {
	n, err := i.newNonce(nonceProof)
	if err != nil {
		return nil, err
	}
	return &NonceResponse{n}, nil
}

// DPoPNonce returns what goes into the DPoP-Nonce header of any answer, so that a
// wallet need not be refused first (RFC 9449, section 8.2).
func (i *Issuer) DPoPNonce() (string, error) { return i.newNonce(nonceDPoP) }

// useNonce ends a c_nonce; false: it is unknown, over or used.
func (i *Issuer) useNonce(ctx context.Context, nonce string) (bool, error) {
	ends, ok := i.nonceEnds(nonceProof, nonce)
	if !ok {
		return false, nil
	}
	return i.once(ctx, kindNonce, nonce, ends)
}

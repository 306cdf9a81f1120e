// Package escrow seals a few words so that more than half of some holders open them
// together, and fewer learn nothing: a key from a random secret of ristretto255, which is
// shared by Shamir's scheme and committed to as Feldman has it. It hands out the shares in
// clear; who makes them seals each to its holder and forgets them. It keeps nothing and
// knows no names: holders are counted from 1.
package escrow

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/secretsharing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// MaxWords bounds what is sealed, in bytes. Whatever its length is, what is sealed has
// one size, so that a name is not told by how long it is.
const MaxWords = ledger.EscrowNameSize - nonceSize - tagSize - 2

const (
	nonceSize = 12
	tagSize   = 16
)

// Made is what Seal makes.
type Made struct {
	Sealed     string   // ledger.EscrowNameSize bytes, base64
	Commitment []string // as verify.ParseEscrowCommitment reads it
	Shares     []string // by holder, as verify.ParseEscrowShare reads them; each its holder's alone
}

// Seal seals words among so many holders. Only under the same context are they opened.
func Seal(words, context []byte, holders int) (*Made, error) {
	if holders < ledger.MinVoters || holders > ledger.MaxEscrow {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a name is sealed among %d to %d members", ledger.MinVoters, ledger.MaxEscrow)
	}
	if len(words) > MaxWords {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "at most %d bytes are sealed", MaxWords)
	}
	// Nothing in circl makes scalars of ristretto255 from another source.
	secret := group.Ristretto255.RandomNonZeroScalar(rand.Reader)
	aead, err := sealer(secret, context)
	if err != nil {
		return nil, err
	}
	padded := make([]byte, 2+MaxWords)
	binary.BigEndian.PutUint16(padded, uint16(len(words))) //nolint:gosec // at most MaxWords
	copy(padded[2:], words)
	m := &Made{Sealed: base64.StdEncoding.EncodeToString(aead.Seal(nil, nil, padded, context))} //nolint:gosec // this kind makes a random nonce of its own
	sharing := secretsharing.New(rand.Reader, uint(ledger.EscrowNeeded(holders)-1), secret)
	for _, p := range sharing.CommitSecret() {
		b, err := p.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("encoding a commitment: %w", err)
		}
		m.Commitment = append(m.Commitment, hex.EncodeToString(b))
	}
	for _, s := range sharing.Share(uint(holders)) {
		b, err := s.Value.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("encoding a share: %w", err)
		}
		m.Shares = append(m.Shares, hex.EncodeToString(b))
	}
	return m, nil
}

// Check holds a holder's share against the commitment. Problems: as of
// verify.ParseEscrowShare.
func Check(commitment []string, place int, share string) error {
	points, err := verify.ParseEscrowCommitment(commitment)
	if err != nil {
		return err
	}
	_, err = verify.ParseEscrowShare(points, place, share)
	return err
}

// Open opens what was sealed under a context, by shares of its holders. Problems: invalid
// and denied for a share that is none, naming its place; busy, while there are too few;
// denied, when the shares open it and it was not sealed under this context.
func Open(sealed string, context []byte, commitment []string, shares map[int]string) ([]byte, error) {
	points, err := verify.ParseEscrowCommitment(commitment)
	if err != nil {
		return nil, err
	}
	var good []verify.EscrowShare
	for place, share := range shares {
		s, err := verify.ParseEscrowShare(points, place, share)
		if err != nil {
			return nil, fmt.Errorf("the share of holder %d: %w", place, err)
		}
		good = append(good, s)
	}
	if len(good) < len(points) {
		return nil, ledger.Problemf(ledger.CodeBusy, "%d of %d shares were given", len(good), len(points))
	}
	secret, err := secretsharing.Recover(uint(len(points)-1), good)
	if err != nil {
		return nil, fmt.Errorf("combining shares: %w", err)
	}
	aead, err := sealer(secret, context)
	if err != nil {
		return nil, err
	}
	text, err := base64.StdEncoding.Strict().DecodeString(sealed)
	if err != nil || len(text) != ledger.EscrowNameSize {
		return nil, errSealed
	}
	padded, err := aead.Open(nil, nil, text, context)
	if err != nil {
		return nil, errSealed
	}
	size := int(binary.BigEndian.Uint16(padded))
	words := padded[2:]
	if size > len(words) || slices.ContainsFunc(words[size:], func(b byte) bool { return b != 0 }) {
		return nil, errSealed
	}
	return words[:size], nil
}

var errSealed = ledger.Problemf(ledger.CodeDenied, "what is sealed is not what these shares open here: it is of another report, or was altered")

// sealer makes the cipher of a secret, which serves for one sealing.
func sealer(secret group.Scalar, context []byte) (cipher.AEAD, error) {
	b, err := secret.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encoding a secret: %w", err)
	}
	key, err := hkdf.Key(sha256.New, b, []byte("secant/escrow/v1"), string(context), 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of a secret: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errors.Join(errors.New("making the cipher of a secret"), err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, errors.Join(errors.New("making the cipher of a secret"), err)
	}
	return aead, nil
}

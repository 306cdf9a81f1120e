package ledger

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
)

// weakKeys returns every encoding that nobody may have: the small-order points
// with either sign bit, and each y coordinate from the field's prime on.
func weakKeys(t *testing.T) map[string]ed25519.PublicKey {
	t.Helper()
	keys := map[string]ed25519.PublicKey{}
	add := func(name, y string) {
		for _, sign := range []byte{0, 0x80} {
			b, err := hex.DecodeString(y)
			if err != nil {
				t.Fatal(err)
			}
			b[31] |= sign
			keys[fmt.Sprintf("%s, sign %d", name, sign>>7)] = b
		}
	}
	for _, y := range smallOrder {
		add(y[:8], y)
	}
	for i := range 19 {
		add(fmt.Sprintf("prime + %d", i), fmt.Sprintf("%02x", 0xed+i)+fieldPrime[2:])
	}
	return keys
}

func TestWeakKeysAreNobodys(t *testing.T) {
	t.Parallel()
	for name, key := range weakKeys(t) {
		text := hex.EncodeToString(key)
		unit := &RegisterUnit{SerialMAC: hex32(3), DI: "1", Lot: "L", Release: "2", Owner: "north", PublicKey: text}
		if p, ok := errors.AsType[*Problem](unit.Validate()); !ok || len(p.Faults) != 1 || p.Faults[0].Field != "publicKey" {
			t.Errorf("%s: a unit is registered with it: %v", name, p)
		}
		if (&Unit{PublicKey: text}).SigningKey() != nil || (&Organisation{TokenKey: text}).PublicTokenKey() != nil {
			t.Errorf("%s: something is verified under it", name)
		}
	}
}

// TestSmallOrderKeysAreThePoints: a signature of nothing but an identity verifies
// under each of them for some message, which is why they are refused, and under
// an ordinary key it never does.
func TestSmallOrderKeysAreThePoints(t *testing.T) {
	t.Parallel()
	forged := make([]byte, ed25519.SignatureSize) // R is the neutral element, S zero
	forged[0] = 1
	verifies := func(key ed25519.PublicKey) bool {
		for i := range 200 { // the challenge is a multiple of 8 about once in eight
			if ed25519.Verify(key, fmt.Append(nil, i), forged) {
				return true
			}
		}
		return false
	}
	for _, y := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			key, err := hex.DecodeString(y)
			if err != nil {
				t.Fatal(err)
			}
			key[31] |= sign
			if !verifies(key) {
				t.Errorf("%x is not of small order", key)
			}
		}
	}
	for i := range 20 {
		seed, err := hex.DecodeString(hex32(byte(i)))
		if err != nil {
			t.Fatal(err)
		}
		key := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey) //nolint:forcetypeassert // by its documentation
		if verifies(key) || !key.Equal(parseEd25519(hex.EncodeToString(key))) {
			t.Errorf("the ordinary key %x is refused", key)
		}
	}
}

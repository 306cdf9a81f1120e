package wallet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
)

// storedKey is a key as it lies in the sealed contents.
type storedKey struct {
	ID     string    `json:"id"`     // RFC 7638 thumbprint
	Curve  string    `json:"curve"`  // ledger.CurveEd25519 or ledger.CurveP256
	Secret []byte    `json:"secret"` // seed, or scalar
	Made   time.Time `json:"made"`
}

// NewKey makes a key on ledger.CurveP256 or ledger.CurveEd25519. Its name in the
// wallet is its thumbprint.
func (w *Wallet) NewKey(curve string) (keys.Signer, error) {
	k, signer, err := newKey(curve, w.now().UTC())
	if err != nil {
		return nil, err
	}
	return signer, w.change(func(c *contents) error {
		c.Keys = append(c.Keys, *k)
		return nil
	})
}

// newKey makes a key that is kept nowhere yet.
func newKey(curve string, at time.Time) (*storedKey, keys.Signer, error) {
	k := &storedKey{Curve: curve, Made: at}
	switch curve {
	case ledger.CurveP256:
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, nil, fmt.Errorf("making a key: %w", err)
		}
		if k.Secret, err = key.Bytes(); err != nil {
			return nil, nil, fmt.Errorf("making a key: %w", err)
		}
	case ledger.CurveEd25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, nil, fmt.Errorf("making a key: %w", err)
		}
		k.Secret = key.Seed()
	default:
		return nil, nil, errors.New("making a key: there are no keys on this curve")
	}
	signer, err := k.signer()
	if err != nil {
		return nil, nil, err
	}
	k.ID = signer.JWK().Thumbprint()
	return k, signer, nil
}

// Key returns the key with a thumbprint; not_found when the wallet has none.
func (w *Wallet) Key(id string) (keys.Signer, error) {
	var found *storedKey
	w.view(func(c *contents) {
		if i := slices.IndexFunc(c.Keys, func(k storedKey) bool { return k.ID == id }); i >= 0 {
			k := c.Keys[i]
			found = &k
		}
	})
	if found == nil {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the wallet has no such key")
	}
	return found.signer()
}

// dropKeys removes keys to which no credential is bound.
func (c *contents) dropKeys(ids ...string) {
	c.Keys = slices.DeleteFunc(c.Keys, func(k storedKey) bool {
		return slices.Contains(ids, k.ID) && !slices.ContainsFunc(c.Credentials, func(one credential) bool { return one.Key == k.ID }) &&
			!slices.ContainsFunc(c.Pending, func(one pending) bool { return one.Key == k.ID })
	})
}

func (k *storedKey) signer() (keys.Signer, error) {
	var private crypto.Signer
	if k.Curve == ledger.CurveP256 {
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), k.Secret)
		if err != nil {
			return nil, fmt.Errorf("opening a key: %w", err)
		}
		private = key
	} else {
		if len(k.Secret) != ed25519.SeedSize {
			return nil, errors.New("opening a key: it has another length")
		}
		private = ed25519.NewKeyFromSeed(k.Secret)
	}
	return keys.FromCrypto(private)
}

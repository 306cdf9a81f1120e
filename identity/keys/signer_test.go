package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"testing"

	"github.com/secant-platform/secant/identity/keys"
)

// broken is a key store that fails, or answers in another form.
type broken struct {
	public crypto.PublicKey
	answer []byte
	err    error
}

func (b broken) Public() crypto.PublicKey { return b.public }
func (b broken) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return b.answer, b.err
}

func TestOtherKeysAreNoSigners(t *testing.T) {
	t.Parallel()
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{
		"RSA": weak, "P-384": large, "small order": broken{public: ed25519.PublicKey(make([]byte, 32))}, "none": broken{},
	} {
		if _, err := keys.FromCrypto(key); err == nil {
			t.Errorf("%s: is a signer", name)
		}
	}
}

func TestAKeyStoreMayFail(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fault := errors.New("the token was pulled")
	for name, b := range map[string]broken{
		"fails":            {public: ec.Public(), err: fault},
		"fails to Edwards": {public: edwards, err: fault},
		"no ASN.1":         {public: ec.Public(), answer: make([]byte, 64)},
		"zero":             {public: ec.Public(), answer: []byte{0x30, 6, 2, 1, 0, 2, 1, 1}},
		"more behind":      {public: ec.Public(), answer: []byte{0x30, 6, 2, 1, 1, 2, 1, 1, 0}},
		"another curve's":  {public: ec.Public(), answer: append([]byte{0x30, 38, 2, 33, 1}, append(make([]byte, 32), 2, 1, 1)...)},
	} {
		s, err := keys.FromCrypto(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys.Compact(s, keys.Header{}, nil); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

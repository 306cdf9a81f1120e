package local

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"

	"github.com/hyperledger/aries-framework-go/pkg/crypto/tinkcrypto"
	"github.com/hyperledger/aries-framework-go/pkg/kms"
	"github.com/hyperledger/aries-framework-go/pkg/kms/localkms"
	"github.com/hyperledger/aries-framework-go/pkg/secretlock"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// primary names the master key to the key management, which has one.
const primary = "local-lock://secant"

// slot is the storage that the key management sees: of one key.
type slot struct {
	ID     string `json:"id"`     // that the key management gave it
	Keyset []byte `json:"keyset"` // encrypted by the key management

	lock secretlock.Service
}

// StorageProvider returns the slot itself.
func (s *slot) StorageProvider() kms.Store { return s }

// SecretLock returns what wraps the key.
func (s *slot) SecretLock() secretlock.Service { return s.lock }

// Put takes the one key.
func (s *slot) Put(id string, keyset []byte) error {
	s.ID, s.Keyset = id, keyset
	return nil
}

// Get returns the one key.
func (s *slot) Get(id string) ([]byte, error) {
	if id == "" || id != s.ID {
		return nil, kms.ErrKeyNotFound
	}
	return s.Keyset, nil
}

// Delete forgets the key.
func (s *slot) Delete(string) error {
	s.ID, s.Keyset = "", nil
	return nil
}

// kinds are the key management's names of what it can make that is of use here.
// ECDSA signatures come as r and s of 32 bytes each.
var kinds = map[string]kms.KeyType{
	verify.AlgEdDSA: kms.ED25519Type,
	verify.AlgES256: kms.ECDSAP256TypeIEEEP1363,
}

// make makes a generation, unless it exists.
func (s *Store) make(purpose, algorithm string, generation int) error {
	place := &slot{lock: s.lock}
	manager, err := localkms.New(primary, place)
	if err != nil {
		return fmt.Errorf("opening the key management: %w", err)
	}
	if _, _, err := manager.Create(kinds[algorithm]); err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	return s.write(keyFile{Purpose: purpose, Generation: generation, Algorithm: algorithm, kind: kindSigner}, place)
}

// load opens a generation.
func (s *Store) load(f keyFile) (*keys.Key, error) {
	place := &slot{lock: s.lock}
	f, err := s.read(f, place)
	if err != nil {
		return nil, err
	}
	manager, err := localkms.New(primary, place)
	if err != nil {
		return nil, fmt.Errorf("opening the key management: %w", err)
	}
	handle, err := manager.Get(place.ID)
	if err != nil {
		return nil, damaged(f.name())
	}
	exported, kind, err := manager.ExportPubKeyBytes(place.ID)
	if err != nil || kind != kinds[f.Algorithm] {
		return nil, damaged(f.name())
	}
	jwk, err := publicOf(kind, exported)
	if err != nil {
		return nil, damaged(f.name())
	}
	return &keys.Key{Signer: &signer{crypto: s.crypto, handle: handle, jwk: jwk}, Purpose: f.Purpose, Generation: f.Generation}, nil
}

// publicOf decodes a public key as the key management exports it.
func publicOf(kind kms.KeyType, b []byte) (ledger.JWK, error) {
	var public crypto.PublicKey = ed25519.PublicKey(b)
	if kind == kms.ECDSAP256TypeIEEEP1363 {
		point, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), b)
		if err != nil {
			return ledger.JWK{}, fmt.Errorf("reading a public key: %w", err)
		}
		public = point
	}
	return ledger.JWKOf(public)
}

// signer signs through the key management's cryptography.
type signer struct {
	crypto *tinkcrypto.Crypto
	handle any
	jwk    ledger.JWK
}

// JWK returns the public key.
func (s *signer) JWK() ledger.JWK { return s.jwk }

// Sign signs as [keys.Signer] says.
func (s *signer) Sign(message []byte) ([]byte, error) {
	signature, err := s.crypto.Sign(message, s.handle)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return signature, nil
}

// seed is the secret content of a key for lasting signatures.
type seed struct {
	Seed []byte `json:"seed"`
}

func (s *Store) makeLasting(purpose string, generation int) error {
	return s.write(keyFile{Purpose: purpose, Generation: generation, Algorithm: verify.AlgMLDSA65, kind: kindLasting},
		seed{random(keys.LastingSeedSize)})
}

func (s *Store) loadLasting(f keyFile) (*keys.LastingKey, error) {
	var content seed
	f, err := s.read(f, &content)
	if err != nil {
		return nil, err
	}
	if len(content.Seed) != keys.LastingSeedSize || f.Algorithm != verify.AlgMLDSA65 {
		return nil, damaged(f.name())
	}
	key := keys.NewLastingKey([keys.LastingSeedSize]byte(content.Seed))
	key.Purpose, key.Generation = f.Purpose, f.Generation
	return key, nil
}

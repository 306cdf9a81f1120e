package local

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hyperledger/aries-framework-go/pkg/crypto/tinkcrypto"
	"github.com/hyperledger/aries-framework-go/pkg/secretlock"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
)

// MinSecret is how many bytes a secret has at least.
const MinSecret = 32

// Store is an open key store. It implements [keys.Keeper].
type Store struct {
	dir    string
	lock   secretlock.Service
	crypto *tinkcrypto.Crypto

	mu      sync.Mutex // guards what follows
	signers map[string]*keys.Key
	lasting map[string]*keys.LastingKey
	bbs     map[string]*BBSKey
}

var _ keys.Keeper = (*Store)(nil)

// Open opens the store in a folder, and makes both on first use. The secret is
// what a file or an environment variable holds; line ends behind it do not count.
// It is a Problem denied if the store was made with another one, and invalid if
// it is shorter than MinSecret.
func Open(dir string, secret []byte) (*Store, error) {
	text, err := secretOf(secret)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the key folder: %w", err)
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("opening the key folder: %w", err)
	} else if info.Mode().Perm()&0o022 != 0 {
		return nil, ledger.Problemf(ledger.CodeDenied, "others may write to the folder of the key store: make it 0700")
	}
	lock, err := openLock(dir, text)
	if err != nil {
		return nil, fmt.Errorf("opening the key store: %w", err)
	}
	crypto, err := tinkcrypto.New()
	if err != nil {
		return nil, fmt.Errorf("opening the key store: %w", err)
	}
	return &Store{
		dir: dir, lock: lock, crypto: crypto,
		signers: map[string]*keys.Key{}, lasting: map[string]*keys.LastingKey{}, bbs: map[string]*BBSKey{},
	}, nil
}

// Signer returns the newest key, and makes the first: see [keys.Keeper].
func (s *Store) Signer(purpose, algorithm string) (*keys.Key, error) {
	return keys.Newest(s, s.make, purpose, algorithm)
}

// At returns one generation.
func (s *Store) At(purpose string, generation int) (*keys.Key, error) {
	return at(s, s.signers, s.load, keyFile{Purpose: purpose, Generation: generation, kind: kindSigner})
}

// Rotate makes the next generation.
func (s *Store) Rotate(purpose, algorithm string) (*keys.Key, error) {
	return keys.Next(s, s.make, purpose, algorithm)
}

// Generations lists those that exist.
func (s *Store) Generations(purpose string) ([]int, error) { return s.list(purpose, kindSigner) }

// Lasting returns the newest key for lasting signatures for a purpose, and makes
// the first. Such keys have generations of their own.
func (s *Store) Lasting(purpose string) (*keys.LastingKey, error) {
	list, err := s.LastingGenerations(purpose)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return s.nextLasting(purpose, 1)
	}
	return s.LastingAt(purpose, list[len(list)-1])
}

// LastingAt returns one generation of a key for lasting signatures.
func (s *Store) LastingAt(purpose string, generation int) (*keys.LastingKey, error) {
	return at(s, s.lasting, s.loadLasting, keyFile{Purpose: purpose, Generation: generation, kind: kindLasting})
}

// RotateLasting makes the next generation of a key for lasting signatures.
func (s *Store) RotateLasting(purpose string) (*keys.LastingKey, error) {
	list, err := s.LastingGenerations(purpose)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return s.nextLasting(purpose, 1)
	}
	return s.nextLasting(purpose, list[len(list)-1]+1)
}

func (s *Store) nextLasting(purpose string, generation int) (*keys.LastingKey, error) {
	if err := s.makeLasting(purpose, generation); err != nil {
		return nil, err
	}
	return s.LastingAt(purpose, generation)
}

// LastingGenerations lists those that exist.
func (s *Store) LastingGenerations(purpose string) ([]int, error) {
	return s.list(purpose, kindLasting)
}

// at returns a key from memory or else from its file, and remembers it: what a
// file holds never changes.
func at[K any](s *Store, known map[string]*K, load func(keyFile) (*K, error), f keyFile) (*K, error) {
	if err := keys.CheckPurpose(f.Purpose); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok := known[f.name()]; ok {
		return key, nil
	}
	key, err := load(f)
	if err != nil {
		return nil, err
	}
	known[f.name()] = key
	return key, nil
}

// list reads the generations off the names of the files.
func (s *Store) list(purpose, kind string) ([]int, error) {
	if err := keys.CheckPurpose(purpose); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("listing the key store: %w", err)
	}
	var list []int
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), purpose+".")
		if number, isKind := strings.CutSuffix(rest, "."+kind); ok && isKind {
			if n, err := strconv.Atoi(number); err == nil && n > 0 && strconv.Itoa(n) == number {
				list = append(list, n)
			}
		}
	}
	slices.Sort(list)
	return list, nil
}

package local

import (
	"fmt"
	"strconv"

	"github.com/hyperledger/aries-framework-go/pkg/kms/localkms"

	"github.com/secant-platform/secant/identity/vc"
)

// algBBS is what the file of such a key says that it is of.
const algBBS = "BBS+"

// BBSKey is one generation of a key of BLS12-381 for BBS+ signatures.
type BBSKey struct {
	*vc.BBSSigner

	Purpose    string
	Generation int // 1 for the first
}

// ID returns a name for the key, as [keys.Key.ID] does for others.
func (k *BBSKey) ID() string { return k.Purpose + "-" + strconv.Itoa(k.Generation) }

// BBS returns the newest key for BBS+ signatures for a purpose, and makes the first.
// Such keys have generations of their own.
func (s *Store) BBS(purpose string) (*BBSKey, error) {
	list, err := s.BBSGenerations(purpose)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return s.nextBBS(purpose, 1)
	}
	return s.BBSAt(purpose, list[len(list)-1])
}

// BBSAt returns one generation of a key for BBS+ signatures.
func (s *Store) BBSAt(purpose string, generation int) (*BBSKey, error) {
	return at(s, s.bbs, s.loadBBS, keyFile{Purpose: purpose, Generation: generation, kind: kindBBS})
}

// RotateBBS makes the next generation of a key for BBS+ signatures.
func (s *Store) RotateBBS(purpose string) (*BBSKey, error) {
	list, err := s.BBSGenerations(purpose)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return s.nextBBS(purpose, 1)
	}
	return s.nextBBS(purpose, list[len(list)-1]+1)
}

// BBSGenerations lists those that exist.
func (s *Store) BBSGenerations(purpose string) ([]int, error) { return s.list(purpose, kindBBS) }

func (s *Store) nextBBS(purpose string, generation int) (*BBSKey, error) {
	place := &slot{lock: s.lock}
	manager, err := localkms.New(primary, place)
	if err != nil {
		return nil, fmt.Errorf("opening the key management: %w", err)
	}
	if _, _, err := vc.CreateBBS(manager); err != nil {
		return nil, err
	}
	if err := s.write(keyFile{Purpose: purpose, Generation: generation, Algorithm: algBBS, kind: kindBBS}, place); err != nil {
		return nil, err
	}
	return s.BBSAt(purpose, generation)
}

func (s *Store) loadBBS(f keyFile) (*BBSKey, error) {
	place := &slot{lock: s.lock}
	f, err := s.read(f, place)
	if err != nil {
		return nil, err
	}
	manager, err := localkms.New(primary, place)
	if err != nil {
		return nil, fmt.Errorf("opening the key management: %w", err)
	}
	signer, err := vc.OpenBBS(manager, place.ID)
	if err != nil || f.Algorithm != algBBS {
		return nil, damaged(f.name())
	}
	return &BBSKey{signer, f.Purpose, f.Generation}, nil
}

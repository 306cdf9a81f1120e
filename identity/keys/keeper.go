package keys

import (
	"strconv"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Keeper keeps private keys, each under what it is for, in generations: the
// newest signs what begins now, older ones finish what is under way. What fails
// is a Problem where somebody can act on it: invalid, not_found, denied (the
// secret or PIN is wrong), unavailable (the store does not answer). All methods
// may be called at once, also by several processes on one store.
type Keeper interface {
	// Signer returns the newest key for a purpose. On first use it makes one, of
	// the algorithm; a key of another algorithm is invalid, and rotated to change.
	Signer(purpose, algorithm string) (*Key, error)
	// At returns one generation, old or new.
	At(purpose string, generation int) (*Key, error)
	// Rotate makes the next generation. Two rotations at once may count as one.
	Rotate(purpose, algorithm string) (*Key, error)
	// Generations lists those that exist, ascending; none before first use.
	Generations(purpose string) ([]int, error)
}

// Key is one generation of a kept key.
type Key struct {
	Signer

	Purpose    string // what it is for; see CheckPurpose
	Generation int    // 1 for the first
}

// ID returns a name for the key that is unique in its store and fits behind the
// "#" of a DID URL: "<purpose>-<generation>".
func (k *Key) ID() string { return k.Purpose + "-" + strconv.Itoa(k.Generation) }

// MaxPurpose bounds the name of a purpose, in bytes.
const MaxPurpose = 32

// CheckPurpose refuses what cannot name a purpose: 1 to MaxPurpose lower-case
// letters, digits and hyphens, with a letter first. Such a name is safe in a
// file's name, a token's label and a DID URL.
func CheckPurpose(s string) error {
	if s == "" || len(s) > MaxPurpose || s[0] < 'a' || s[0] > 'z' ||
		strings.ContainsFunc(s, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') }) {
		return ledger.Problemf(ledger.CodeInvalid,
			"what a key is for is named by 1 to %d lower-case letters, digits and hyphens, a letter first", MaxPurpose)
	}
	return nil
}

// CheckAlgorithm refuses an algorithm that no kept signing key has.
func CheckAlgorithm(s string) error {
	if s != verify.AlgEdDSA && s != verify.AlgES256 {
		return ledger.Problemf(ledger.CodeInvalid, "a signing key's algorithm must be %s or %s", verify.AlgEdDSA, verify.AlgES256)
	}
	return nil
}

// Maker makes one generation of a key, unless it exists.
type Maker func(purpose, algorithm string, generation int) error

// Newest does what [Keeper.Signer] says, for a keeper that makes keys.
func Newest(k Keeper, maker Maker, purpose, algorithm string) (*Key, error) {
	return generation(k, maker, purpose, algorithm, func(newest int) int { return max(newest, 1) })
}

// Next does what [Keeper.Rotate] says, for a keeper that makes keys.
func Next(k Keeper, maker Maker, purpose, algorithm string) (*Key, error) {
	return generation(k, maker, purpose, algorithm, func(newest int) int { return newest + 1 })
}

func generation(k Keeper, maker Maker, purpose, algorithm string, wanted func(newest int) int) (*Key, error) {
	if err := CheckAlgorithm(algorithm); err != nil {
		return nil, err
	}
	list, err := k.Generations(purpose)
	if err != nil {
		return nil, err
	}
	newest := 0
	if len(list) > 0 {
		newest = list[len(list)-1]
	}
	if wanted(newest) > newest {
		if err := maker(purpose, algorithm, wanted(newest)); err != nil {
			return nil, err
		}
	}
	key, err := k.At(purpose, wanted(newest))
	if err != nil {
		return nil, err
	}
	// Another process may have made it, of another algorithm.
	if Algorithm(key) != algorithm {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the key for that purpose is of another algorithm: rotate it to change")
	}
	return key, nil
}

package verify

import (
	"crypto/sha256"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Consistency checks that the tree of toSize leaves begins with the tree of
// fromSize leaves (RFC 6962, section 2.1.2). An empty tree is refused: anything
// follows from it.
func Consistency(fromSize, toSize uint64, fromRoot, toRoot []byte, hashes [][]byte) error {
	if fromSize == 0 {
		return invalid("an empty tree proves nothing")
	}
	if err := wellFormed(hashes, fromRoot, toRoot); err != nil {
		return err
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, fromSize, toSize, hashes, fromRoot, toRoot); err != nil {
		return invalid("the log is not consistent with the earlier checkpoint")
	}
	return nil
}

// Inclusion checks that the leaf with this hash stands at index in the tree of
// size leaves (RFC 6962, section 2.1.1).
func Inclusion(index, size uint64, leafHash, root []byte, hashes [][]byte) error {
	if err := wellFormed(hashes, leafHash, root); err != nil {
		return err
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leafHash, hashes, root); err != nil {
		return invalid("the leaf is not in the tree")
	}
	return nil
}

func wellFormed(hashes [][]byte, others ...[]byte) error {
	if len(hashes) > ledger.MaxProof {
		return invalid("a proof has at most %d hashes", ledger.MaxProof)
	}
	for _, list := range [][][]byte{hashes, others} {
		for _, h := range list {
			if len(h) != sha256.Size {
				return invalid("a hash has %d bytes", sha256.Size)
			}
		}
	}
	return nil
}

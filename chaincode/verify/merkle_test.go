package verify_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

func tree(size uint64) *testonly.Tree {
	t := testonly.New(rfc6962.DefaultHasher)
	for i := range size {
		t.AppendData(fmt.Append(nil, "leaf ", i))
	}
	return t
}

func TestAnyLogThatOnlyGrewIsConsistent(t *testing.T) {
	t.Parallel()
	full := tree(300)
	rapid.Check(t, func(t *rapid.T) {
		to := rapid.Uint64Range(1, 300).Draw(t, "to")
		from := rapid.Uint64Range(1, to).Draw(t, "from")
		proof, err := full.ConsistencyProof(from, to)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify.Consistency(from, to, full.HashAt(from), full.HashAt(to), proof); err != nil {
			t.Fatalf("from %d to %d: %v", from, to, err)
		}
		// Any change of what is proven, or of the proof, is refused.
		flip := func(b []byte) []byte {
			c := bytes.Clone(b)
			c[rapid.IntRange(0, len(c)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			return c
		}
		refuse := func(what string, from, to uint64, fromRoot, toRoot []byte, proof [][]byte) {
			if err := verify.Consistency(from, to, fromRoot, toRoot, proof); ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Fatalf("from %d to %d, %s: %v", from, to, what, err)
			}
		}
		refuse("another first root", from, to, flip(full.HashAt(from)), full.HashAt(to), proof)
		refuse("another second root", from, to, full.HashAt(from), flip(full.HashAt(to)), proof)
		refuse("a hash more", from, to, full.HashAt(from), full.HashAt(to), append(slices.Clone(proof), full.HashAt(1)))
		if len(proof) > 0 {
			i := rapid.IntRange(0, len(proof)-1).Draw(t, "hash")
			changed := slices.Clone(proof)
			changed[i] = flip(proof[i])
			refuse("another hash", from, to, full.HashAt(from), full.HashAt(to), changed)
			refuse("a hash less", from, to, full.HashAt(from), full.HashAt(to), proof[1:])
		}
	})
}

func TestAnyLeafOfAnyTreeProves(t *testing.T) {
	t.Parallel()
	full := tree(300)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(1, 300).Draw(t, "size")
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		proof, err := full.InclusionProof(index, size)
		if err != nil {
			t.Fatal(err)
		}
		leaf, root := full.LeafHash(index), full.HashAt(size)
		if err := verify.Inclusion(index, size, leaf, root, proof); err != nil {
			t.Fatalf("leaf %d of %d: %v", index, size, err)
		}
		if other := rapid.Uint64Range(0, 299).Draw(t, "other"); other != index {
			if verify.Inclusion(index, size, full.LeafHash(other), root, proof) == nil {
				t.Fatalf("leaf %d of %d passes for leaf %d", other, size, index)
			}
			if verify.Inclusion(other, size, leaf, root, proof) == nil {
				t.Fatalf("leaf %d of %d passes as leaf %d", index, size, other)
			}
		}
	})
}

func TestProofsAreBounded(t *testing.T) {
	t.Parallel()
	h := make([]byte, 32)
	for name, err := range map[string]error{
		"too many hashes":       verify.Consistency(1, 2, h, h, slices.Repeat([][]byte{h}, ledger.MaxProof+1)),
		"a short hash":          verify.Consistency(1, 2, h, h, [][]byte{h[1:]}),
		"a short root":          verify.Consistency(2, 2, h[1:], h[1:], nil),
		"no root":               verify.Consistency(2, 2, nil, nil, nil),
		"an empty tree":         verify.Consistency(0, 2, h, h, nil),
		"shrinking":             verify.Consistency(2, 1, h, h, [][]byte{h}),
		"index beyond":          verify.Inclusion(2, 2, h, h, [][]byte{h}),
		"no leaf":               verify.Inclusion(0, 1, nil, nil, nil),
		"too many in a path":    verify.Inclusion(0, 1, h, h, slices.Repeat([][]byte{h}, ledger.MaxProof+1)),
		"a path in no tree":     verify.Inclusion(0, 0, h, h, nil),
		"largest tree, no path": verify.Inclusion(0, ^uint64(0), h, h, nil),
	} {
		if ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzConsistency(f *testing.F) {
	full := tree(8)
	proof, err := full.ConsistencyProof(3, 8)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint64(3), uint64(8), full.HashAt(3), full.HashAt(8), bytes.Join(proof, nil))
	f.Add(uint64(1<<63), ^uint64(0), full.HashAt(3), full.HashAt(8), []byte{})
	f.Fuzz(func(t *testing.T, from, to uint64, fromRoot, toRoot, joined []byte) {
		var hashes [][]byte
		for len(joined) > 0 {
			n := min(len(joined), 32)
			hashes, joined = append(hashes, joined[:n]), joined[n:]
		}
		if err := verify.Consistency(from, to, fromRoot, toRoot, hashes); err == nil && from != to && bytes.Equal(fromRoot, toRoot) {
			t.Errorf("trees of %d and %d leaves have one root", from, to)
		}
	})
}

package proof_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	mproof "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/analytics/proof"
)

func leavesOf(n int) []proof.Hash {
	leaves := make([]proof.Hash, n)
	for i := range leaves {
		leaves[i] = sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	return leaves
}

// referenceRoot is the definition of RFC 6962, section 2.1, word for word.
func referenceRoot(leaves []proof.Hash) proof.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := referenceRoot(leaves[:k]), referenceRoot(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

func TestTreesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	var tree proof.Tree
	for n := 1; n <= 300; n++ {
		leaves := leavesOf(n)
		want := referenceRoot(leaves)
		if got := proof.Root(leaves); got != want {
			t.Fatalf("root over %d leaves", n)
		}
		tree.Reset(leaves)
		if tree.Root() != want {
			t.Fatalf("tree over %d leaves", n)
		}
	}
}

// Every path verifies by the library's rules and by ours, and no other index,
// size or leaf goes with it.
func TestAnyLeafOfAnyTreeProves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, proof.MaxRecords).Draw(t, "n")
		i := rapid.IntRange(0, n-1).Draw(t, "i")
		leaves := leavesOf(n)
		tree := proof.NewTree(leaves)
		path, err := tree.Path(i)
		if err != nil {
			t.Fatal(err)
		}
		root := tree.Root()
		if got, err := proof.RootFromPath(uint64(i), uint64(n), leaves[i], path); err != nil || got != root {
			t.Fatalf("leaf %d of %d: %v", i, n, err)
		}
		var raw [][]byte
		for _, h := range path {
			raw = append(raw, h[:])
		}
		if err := mproof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), uint64(n), leaves[i][:], raw, root[:]); err != nil {
			t.Fatal(err)
		}
		other := rapid.Uint64Range(0, 2*uint64(n)).Draw(t, "other")
		if got, err := proof.RootFromPath(other, uint64(n), leaves[i], path); err == nil && got == root && other != uint64(i) {
			t.Fatalf("leaf %d also proves at %d", i, other)
		}
		if len(path) > 0 {
			path[rapid.IntRange(0, len(path)-1).Draw(t, "at")][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
			if got, _ := proof.RootFromPath(uint64(i), uint64(n), leaves[i], path); got == root {
				t.Fatal("an altered path leads to the root")
			}
		}
	})
}

// Paths of large logs, which no test could hold, agree with the library's rules.
func TestPathsOfLargeTreesAgreeWithTheLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Min(1).Draw(t, "size")
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		nodes, err := mproof.Inclusion(index, size)
		if err != nil {
			t.Fatal(err)
		}
		// The library's list has several nodes for one hash of the path where a
		// sub-tree is not full; the path's length is that of its rules.
		_, begin, end := nodes.Ephem()
		length := len(nodes.IDs)
		if end > begin {
			length -= end - begin - 1
		}
		path := make([]proof.Hash, length)
		raw := make([][]byte, length)
		for i := range path {
			path[i] = sha256.Sum256([]byte{byte(i)})
			raw[i] = path[i][:]
		}
		leaf := proof.Hash(sha256.Sum256([]byte("leaf")))
		want, err := mproof.RootFromInclusionProof(rfc6962.DefaultHasher, index, size, leaf[:], raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := proof.RootFromPath(index, size, leaf, path)
		if err != nil || got != proof.Hash(want) {
			t.Fatalf("index %d of %d: %v", index, size, err)
		}
		if _, err := proof.RootFromPath(index, size, leaf, slices.Concat(path, []proof.Hash{leaf})); err == nil {
			t.Fatal("a path that is too long is taken")
		}
		if length > 0 {
			if _, err := proof.RootFromPath(index, size, leaf, path[1:]); err == nil {
				t.Fatal("a path that is too short is taken")
			}
		}
	})
}

func TestBatchAgreesWithTheTree(t *testing.T) {
	t.Parallel()
	var batch proof.Batch
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 1400), 1, 40).Draw(t, "records")
		seed := proof.Seed(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		batch.Reset(&seed)
		for _, r := range records {
			if err := batch.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		leaves := proof.LeafHashes(nil, &seed, records)
		for i, r := range records {
			salt := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("secant-salt-v1"), seed[:]...), uint64(i)))
			if leaves[i] != sha256.Sum256(append(append([]byte{0}, salt[:]...), r...)) {
				t.Fatalf("leaf %d is not what the format says", i)
			}
		}
		if batch.Len() != len(records) || batch.Root() != proof.NewTree(leaves).Root() {
			t.Fatal("the batch's root is another")
		}
	})
}

func TestBatchRefusesWhatIsOutOfBounds(t *testing.T) {
	t.Parallel()
	var batch proof.Batch
	batch.Reset(&proof.Seed{1})
	for _, r := range [][]byte{nil, {}, make([]byte, proof.MaxRecord+1)} {
		if err := batch.Add(r); err != proof.ErrRecordSize { //nolint:errorlint // it is returned as it is
			t.Errorf("%d bytes: %v", len(r), err)
		}
	}
	for range proof.MaxRecords {
		if err := batch.Add([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	root := batch.Root()
	if err := batch.Add([]byte("x")); err != proof.ErrTooManyRecords { //nolint:errorlint // it is returned as it is
		t.Errorf("one too many: %v", err)
	}
	if batch.Len() != proof.MaxRecords || batch.Root() != root {
		t.Error("a refused record changed the batch")
	}
}

func TestBatchDoesNotAllocate(t *testing.T) {
	var batch proof.Batch
	small, large := make([]byte, 178), make([]byte, 5000)
	seed := proof.Seed{1}
	batch.Reset(&seed)
	_ = batch.Add(large)
	if n := testing.AllocsPerRun(20, func() {
		batch.Reset(&seed)
		for range 50 {
			_ = batch.Add(small)
			_ = batch.Add(large)
		}
		batch.Root()
	}); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

func TestEmptyTreeIsAFault(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a tree without leaves was built")
		}
	}()
	proof.NewTree(nil)
}

func drawStatement(t *rapid.T) *proof.Statement {
	fill := func(b []byte, name string) { copy(b, rapid.SliceOfN(rapid.Byte(), len(b), len(b)).Draw(t, name)) }
	s := &proof.Statement{
		Organisation: rapid.StringMatching(`[a-z][a-z-]{0,40}`).Draw(t, "organisation"),
		VouchedBy:    rapid.SampledFrom([]proof.Voucher{proof.VouchedByDevice, proof.VouchedByEdge, proof.VouchedByNode}).Draw(t, "by"),
		Count:        rapid.Uint32Range(1, proof.MaxRecords).Draw(t, "count"),
		MediaType:    rapid.SampledFrom([]string{"application/json", "application/hl7-v2"}).Draw(t, "type"),
		Received:     rapid.Int64Range(0, 1<<53).Draw(t, "received"),
	}
	fill(s.Request[:], "request")
	fill(s.Unit[:], "unit")
	fill(s.Root[:], "root")
	fill(s.Content[:], "content")
	if s.VouchedBy != proof.VouchedByNode {
		fill(s.Signature[:], "signature")
		s.Signature[0] |= 1
	}
	if s.VouchedBy == proof.VouchedByEdge {
		fill(s.Edge[:], "edge")
		s.Edge[0] = ^s.Unit[0]
		s.Edge[1] |= 1
	}
	return s
}

func TestStatementsSurviveEncoding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawStatement(t)
		b, err := s.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := proof.DecodeStatement(b)
		if err != nil {
			t.Fatal(err)
		}
		if *got != *s {
			t.Fatalf("got %+v\nwant %+v", got, s)
		}
		if _, err := proof.DecodeStatement(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]); err == nil {
			t.Fatal("a statement that was cut off is taken")
		}
		if _, err := proof.DecodeStatement(append(b, 0)); err == nil {
			t.Fatal("bytes after a statement are taken")
		}
	})
}

func TestStatementsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	good := proof.Statement{Organisation: "a", MediaType: "text/plain", Count: 1, VouchedBy: proof.VouchedByNode}
	if _, err := good.Encode(nil); err != nil {
		t.Fatal(err)
	}
	for i, edit := range []func(*proof.Statement){
		func(s *proof.Statement) { s.Organisation = "" },
		func(s *proof.Statement) { s.Organisation = fmt.Sprintf("%0201d", 1) },
		func(s *proof.Statement) { s.Organisation = "\xff" },
		func(s *proof.Statement) { s.MediaType = "" },
		func(s *proof.Statement) { s.MediaType = "a\nb" },
		func(s *proof.Statement) { s.Count = 0 },
		func(s *proof.Statement) { s.Count = proof.MaxRecords + 1 },
		func(s *proof.Statement) { s.Received = -1 },
		func(s *proof.Statement) { s.VouchedBy = "somebody" },
		func(s *proof.Statement) { s.VouchedBy = proof.VouchedByDevice },
		func(s *proof.Statement) { s.Signature[0] = 1 },
	} {
		s := good
		edit(&s)
		if _, err := s.Encode(nil); err == nil {
			t.Errorf("case %d was encoded", i)
		}
		if _, err := s.EntryHash(&proof.Hash{}); err == nil {
			t.Errorf("case %d was hashed", i)
		}
	}
}

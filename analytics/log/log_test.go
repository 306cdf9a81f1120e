package log

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/analytics/log/logtest"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashChild(dir)
	}
	goleak.VerifyTestMain(m)
}

// fast has the shortest interval that Tessera takes.
var fast = Options{Origin: OriginOf("test", "hospital-north"), CheckpointInterval: leastCheckpointInterval}

// entry is the entry that tests put at an index.
func entry(i uint64) [EntrySize]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("entry"), i))
}

func open(t *testing.T, dir string) *Log {
	t.Helper()
	logtest.Remove(t, dir)
	l, err := Open(t.Context(), dir, fast)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeLog(t, l) })
	return l
}

func closeLog(t *testing.T, l *Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// fill adds the entries that belong at the next n indices.
func fill(t *testing.T, l *Log, n uint64) {
	t.Helper()
	from, err := l.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	futures := make([]func() (uint64, error), n)
	for i := range n {
		futures[i] = l.Add(t.Context(), entry(from+i))
	}
	for i, f := range futures {
		index, err := f()
		if err != nil {
			t.Fatal(err)
		}
		if index != from+uint64(i) {
			t.Fatalf("entry %d got index %d", from+uint64(i), index)
		}
	}
}

// check is how every test ends: the tree is that of the entries, and the
// entries are those that belong there.
func check(t *testing.T, l *Log, want uint64) {
	t.Helper()
	size, err := l.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if size != want {
		t.Fatalf("the log has %d entries, want %d", size, want)
	}
	entries, err := l.Entries(t.Context(), 0, size)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if e != entry(uint64(i)) {
			t.Fatalf("entry %d is another", i)
		}
	}
}

func TestAddsAreOrderedDurableAndPublished(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir)
	check(t, l, 0)
	fill(t, l, 3000) // more than one batch
	fill(t, l, 1)
	c, err := l.Await(t.Context(), 3000)
	if err != nil {
		t.Fatal(err)
	}
	if c.Size != 3001 {
		t.Errorf("the checkpoint has size %d, want 3001", c.Size)
	}
	parsed, err := verify.ParseCheckpoint(l.Verifier(), c.Note)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Origin != "secant/test/hospital-north" {
		t.Errorf("origin %q", parsed.Origin)
	}
	check(t, l, 3001)

	key := l.Verifier()
	closeLog(t, l)
	if _, err := l.Add(t.Context(), entry(0))(); ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Errorf("adding to a closed log: %v", err)
	}
	again := open(t, dir)
	if again.Verifier() != key {
		t.Error("the key changed")
	}
	fill(t, again, 10)
	check(t, again, 3011)
}

func TestCloseWaitsForWhatWasAdded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir)
	futures := make([]func() (uint64, error), 500)
	for i := range futures {
		futures[i] = l.Add(t.Context(), entry(uint64(i)))
	}
	closeLog(t, l)
	for _, f := range futures {
		if _, err := f(); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, dir)
	c, err := again.Checkpoint(t.Context())
	if err != nil || c.Size != 500 {
		t.Fatalf("checkpoint of size %d, %v; want 500", c.Size, err)
	}
	check(t, again, 500)
}

func TestAnyProofVerifies(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	const size = 1500
	for _, n := range []uint64{1, 1, 5, 249, 300, 944} { // sizes that are not multiples of a tile
		fill(t, l, n)
	}
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		to := rapid.Uint64Range(1, size).Draw(t, "to")
		from := rapid.Uint64Range(1, to).Draw(t, "from")
		index := rapid.Uint64Range(0, to-1).Draw(t, "index")
		root, err := l.Root(ctx, to)
		if err != nil {
			t.Fatal(err)
		}
		path, err := l.Inclusion(ctx, index, to)
		if err != nil {
			t.Fatal(err)
		}
		e := entry(index)
		if err := verify.Inclusion(index, to, rfc6962.DefaultHasher.HashLeaf(e[:]), root, path); err != nil {
			t.Fatalf("entry %d of %d: %v", index, to, err)
		}
		earlier, err := l.Root(ctx, from)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := l.Consistency(ctx, from, to)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify.Consistency(from, to, earlier, root, proof); err != nil {
			t.Fatalf("from %d to %d: %v", from, to, err)
		}
	})
	check(t, l, size)
}

func TestLeftoverOfACutBatchIsNotUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir)
	fill(t, l, 100)
	fill(t, l, 30)
	// As if a batch that would have ended at 120 had been cut off by a crash.
	if err := os.WriteFile(filepath.Join(dir, "tree", "tile", "0", "000.p", "120"), make([]byte, 120*32), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := l.Root(t.Context(), 120)
	if err != nil {
		t.Fatal(err)
	}
	path, err := l.Inclusion(t.Context(), 119, 120)
	if err != nil {
		t.Fatal(err)
	}
	e := entry(119)
	if err := verify.Inclusion(119, 120, rfc6962.DefaultHasher.HashLeaf(e[:]), root, path); err != nil {
		t.Error(err)
	}
	now, err := l.Root(t.Context(), 130)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := l.Consistency(t.Context(), 120, 130)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify.Consistency(120, 130, root, now, proof); err != nil {
		t.Error(err)
	}
}

func TestProofsBeyondTheLogAreRefused(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	fill(t, l, 3)
	for name, ask := range map[string]func() error{
		"size":        func() error { _, err := l.Inclusion(t.Context(), 0, 4); return err },
		"index":       func() error { _, err := l.Inclusion(t.Context(), 3, 3); return err },
		"consistency": func() error { _, err := l.Consistency(t.Context(), 2, 4); return err },
		"backwards":   func() error { _, err := l.Consistency(t.Context(), 3, 2); return err },
		"root":        func() error { _, err := l.Root(t.Context(), 4); return err },
		"entries":     func() error { _, err := l.Entries(t.Context(), 2, 4); return err },
	} {
		if err := ask(); ledger.CodeOf(err) != ledger.CodeInvalid && ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenRefusesASecondProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	if _, err := Open(t.Context(), dir, fast); ledger.CodeOf(err) != ledger.CodeBusy {
		t.Errorf("opened twice: %v", err)
	}
}

func TestKeyBelongsToItsOwnerAndItsOrigin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir)
	fill(t, l, 1)
	closeLog(t, l)
	key := filepath.Join(dir, "key")
	info, err := os.Stat(key)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %o", info.Mode().Perm())
	}

	other := fast
	other.Origin = OriginOf("test", "hospital-south")
	if _, err := Open(t.Context(), dir, other); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("opened under another origin: %v", err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, fast); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("opened with a readable key: %v", err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, fast); ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Errorf("opened without its key: %v", err)
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("a new key was made for an old log")
	}
}

func TestRestoredBackupIsRefused(t *testing.T) {
	t.Parallel()
	dir, backup := t.TempDir(), t.TempDir()
	l := open(t, dir)
	fill(t, l, 100)
	closeLog(t, l)
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(backup, "key"), 0o600); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	fill(t, l, 50)
	anchored, err := l.Await(t.Context(), 149)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Require(t.Context(), anchored.Size, anchored.Root); err != nil {
		t.Errorf("the log itself is refused: %v", err)
	}

	old := open(t, backup)
	err = old.Require(t.Context(), anchored.Size, anchored.Root)
	if ledger.CodeOf(err) != ledger.CodeConflict || !strings.Contains(err.Error(), "has 100 entries, but 150 were anchored") {
		t.Errorf("the backup is not refused plainly: %v", err)
	}
	// One that went on with other entries is no better for having grown.
	for range 60 {
		if _, err := old.Add(t.Context(), entry(7))(); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Require(t.Context(), anchored.Size, anchored.Root); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Errorf("the forked backup is not refused: %v", err)
	}
	check(t, l, 150)
}

func TestTreeOlderThanItsCheckpointIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir)
	fill(t, l, 5)
	closeLog(t, l)
	state := filepath.Join(dir, "tree", ".state", "treeState")
	old, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	fill(t, l, 5)
	closeLog(t, l)
	if err := os.WriteFile(state, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, fast); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Errorf("opened a tree older than its checkpoint: %v", err)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir)
	fill(t, l, 600)
	check(t, l, 600)
	for _, name := range []string{"tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/000"} {
		path := filepath.Join(dir, "tree", name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[40] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Check(t.Context()); err == nil {
			t.Errorf("damage in %s was not found", name)
		}
		b[40] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check(t, l, 600)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Origin: "a", CheckpointInterval: time.Millisecond}, {Origin: "a", Pending: -1}} {
		if _, err := Open(t.Context(), t.TempDir(), o); err == nil {
			t.Errorf("opened with %+v", o)
		}
	}
}

package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small keeps the reserved room of the tests' segments small.
var small = Options{SegmentSize: minSegmentSize}

func openVault(tb testing.TB, dir string, opts Options) *Vault {
	tb.Helper()
	v, err := Open(tb.Context(), dir, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = v.Close() })
	return v
}

// testID gives the id of the n-th record of the tests.
func testID(n int) ID {
	var id ID
	binary.BigEndian.PutUint64(id[:], uint64(n)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func testEntry(n int) (e [32]byte) {
	binary.BigEndian.PutUint64(e[:], uint64(n))
	return e
}

// testBody gives its plain bytes, from one to some thousand.
func testBody(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	return bytes.Repeat([]byte(fmt.Sprintf("record %d ", n)), 1+r.IntN(300))
}

func draftOf(tb testing.TB, v *Vault, n int) *Draft {
	tb.Helper()
	d := v.NewDraft()
	d.Append(func(dst []byte) []byte { return append(dst, testBody(n)...) })
	if err := d.Seal(testID(n), testEntry(n)); err != nil {
		tb.Fatal(err)
	}
	return d
}

// put appends and syncs the records from to to-1 as one group.
func put(tb testing.TB, v *Vault, from, to int) {
	tb.Helper()
	appendOnly(tb, v, from, to)
	if err := v.Sync(); err != nil {
		tb.Fatal(err)
	}
}

// putMany does so in groups of five, which fill many segments.
func putMany(tb testing.TB, v *Vault, from, to int) {
	tb.Helper()
	for n := from; n < to; n += 5 {
		put(tb, v, n, min(n+5, to))
	}
}

func appendOnly(tb testing.TB, v *Vault, from, to int) {
	tb.Helper()
	var group []*Draft
	for n := from; n < to; n++ {
		group = append(group, draftOf(tb, v, n))
	}
	first, err := v.Append(group)
	if err != nil {
		tb.Fatal(err)
	}
	if first != uint64(from) {
		tb.Fatalf("the first ordinal is %d, want %d", first, from)
	}
	for _, d := range group {
		d.Release()
	}
}

// check proves that the vault holds exactly the records 0 to n-1, unchanged, by
// walking and by id.
func check(tb testing.TB, v *Vault, n int) {
	tb.Helper()
	if v.Size() != uint64(n) {
		tb.Fatalf("the vault has %d records, want %d", v.Size(), n)
	}
	seen := 0
	if err := v.Check(tb.Context(), func(r *Record) error {
		if r.Ordinal != uint64(seen) || r.ID != testID(seen) || r.Entry != testEntry(seen) || !bytes.Equal(r.Plain, testBody(seen)) {
			return fmt.Errorf("record %d is another one", seen)
		}
		seen++
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	if seen != n {
		tb.Fatalf("walked over %d records, want %d", seen, n)
	}
	for i := range n {
		r, err := v.Get(tb.Context(), testID(i))
		if err != nil {
			tb.Fatal(err)
		}
		if r.Ordinal != uint64(i) || !bytes.Equal(r.Plain, testBody(i)) {
			tb.Fatalf("record %d is not found by its id", i)
		}
	}
	if _, err := v.Get(tb.Context(), testID(n)); ledger.CodeOf(err) != ledger.CodeNotFound {
		tb.Fatalf("a record that was never kept: %v", err)
	}
}

func wantDamage(tb testing.TB, err error) {
	tb.Helper()
	if _, ok := errors.AsType[*DamageError](err); !ok {
		tb.Fatalf("want damage, got %v", err)
	}
}

func segmentFiles(tb testing.TB, dir string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentExt))
	if err != nil {
		tb.Fatal(err)
	}
	slices.Sort(files)
	return files
}

func TestRecordsSurviveReopening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, small)
	check(t, v, 0)
	put(t, v, 0, 1)
	put(t, v, 1, 20)
	putMany(t, v, 20, 200)
	check(t, v, 200)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if files := segmentFiles(t, dir); len(files) < 4 {
		t.Fatalf("%d segments: the test means to fill several", len(files))
	}
	v = openVault(t, dir, small)
	if r := v.Recovered(); r.CutBytes != 0 || r.Reindexed != 0 || r.Records != 200 {
		t.Fatalf("a clean stop needs no recovery: %+v", r)
	}
	check(t, v, 200)
	putMany(t, v, 200, 260)
	check(t, v, 260)
}

func TestIndexFilesAreDisposable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, small)
	putMany(t, v, 0, 200)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.idx"))
	if len(files) < 3 {
		t.Fatalf("only %d index files", len(files))
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	flip(t, files[1], 60)
	v = openVault(t, dir, small)
	if r := v.Recovered(); r.Reindexed != 2 {
		t.Fatalf("two index files were unusable: %+v", r)
	}
	check(t, v, 200)
}

func TestRecordLargerThanASegment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, small)
	body := bytes.Repeat([]byte("x"), 3*minSegmentSize)
	for n := range 3 {
		d := v.NewDraft()
		d.Append(func(dst []byte) []byte { return append(dst, body...) })
		if err := d.Seal(testID(n), testEntry(n)); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Append([]*Draft{d}); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = openVault(t, dir, small)
	for n := range 3 {
		r, err := v.Get(t.Context(), testID(n))
		if err != nil || !bytes.Equal(r.Plain, body) {
			t.Fatalf("record %d: %v", n, err)
		}
	}
}

func TestIdsThatShareTheirBeginning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, small)
	like := func(n byte) ID { return ID{1, 2, 3, 4, 5, 6, 7, 8, n} }
	write := func(id ID) error {
		d := v.NewDraft()
		d.Append(func(dst []byte) []byte { return append(dst, id[:]...) })
		if err := d.Seal(id, testEntry(0)); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Append([]*Draft{d}); err != nil {
			return err
		}
		return v.Sync()
	}
	for n := range byte(3) {
		if err := write(like(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = openVault(t, dir, small)
	for n := range byte(3) {
		r, err := v.Get(t.Context(), like(n))
		if err != nil || ID(r.Plain) != like(n) {
			t.Fatalf("id %d: %v", n, err)
		}
	}
	if has, err := v.Has(like(9)); has || err != nil {
		t.Fatalf("an id that only begins like others: %v, %v", has, err)
	}
	if err := write(like(1)); err == nil {
		t.Fatal("an id was taken twice")
	}
	if _, err := v.Append([]*Draft{draftOf(t, v, 1)}); err == nil {
		t.Fatal("the vault went on after an error")
	}
}

func TestErasedRecordSaysSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, small)
	put(t, v, 0, 3)
	at, err := v.head(testID(1))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.Erase(testID(1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Erase(testID(7)); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Fatalf("one that is not there: %v", err)
	}
	put(t, v, 3, 4) // it goes on
	if _, err := v.Get(t.Context(), testID(1)); ledger.CodeOf(err) != ledger.CodeGone {
		t.Fatalf("want gone, got %v", err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = openVault(t, dir, small) // an erased record is no damage
	erased := 0
	if err := v.Check(t.Context(), func(r *Record) error {
		if r.Erased {
			erased++
			if r.Ordinal != 1 || r.Plain != nil || r.Entry != testEntry(1) {
				return errors.New("the wrong record is erased")
			}
		}
		return nil
	}); err != nil || erased != 1 {
		t.Fatalf("%d erased: %v", erased, err)
	}
	if (v.Size() != 4) || at.offset%align != 0 || (at.offset+headerSize)/512 != (at.offset+headerSize+slotSize-1)/512 {
		t.Fatal("a key slot must lie within one sector")
	}
}

func TestNothingIsReadableWithoutTheKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, small)
	put(t, v, 0, 50)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range segmentFiles(t, dir) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("record")) {
			t.Fatal("plain bytes stand in a segment")
		}
	}
	key := filepath.Join(dir, keyFile)
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key's mode: %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, small); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Fatalf("a key that others may read: %v", err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, small); err == nil {
		t.Fatal("opened without its key")
	}
	if err := makeKey(key); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir, small)
	wantDamage(t, err) // the segments are another vault's
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	readOnly := small
	readOnly.ReadOnly = true
	if _, err := Open(t.Context(), dir, readOnly); err == nil {
		t.Fatal("opened for reading what is not there")
	}
	v := openVault(t, dir, small)
	if _, err := Open(t.Context(), dir, small); err == nil {
		t.Fatal("opened twice")
	}
	putMany(t, v, 0, 150)
	r := openVault(t, dir, readOnly)
	check(t, r, 150)
	if _, err := r.Append(nil); err == nil {
		t.Fatal("wrote through a vault that is open for reading")
	}
	putMany(t, v, 150, 300)
	check(t, r, 150)
	check(t, v, 300)
}

// A reader beside the writer sees a whole prefix, whatever the writer does.
func TestReadingBesideTheWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, small)
	put(t, v, 0, 1)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ; n += 3 {
			select {
			case <-stop:
				return
			default:
				put(t, v, n, n+3)
			}
		}
	}()
	readOnly := small
	readOnly.ReadOnly = true
	for range 20 {
		r, err := Open(t.Context(), dir, readOnly)
		if err != nil {
			t.Error(err)
			break
		}
		n := 0
		if err := r.Check(t.Context(), func(*Record) error { n++; return nil }); err != nil || uint64(n) != r.Size() {
			t.Errorf("%d of %d: %v", n, r.Size(), err)
		}
		_ = r.Close()
	}
	close(stop)
	<-done
}

func TestEachBeginsAnywhereAndStops(t *testing.T) {
	t.Parallel()
	v := openVault(t, t.TempDir(), small)
	putMany(t, v, 0, 120)
	for _, from := range []uint64{0, 1, 60, 119, 120, 500} {
		want := from
		if err := v.Each(t.Context(), from, func(r *Record) error {
			if r.Ordinal != want {
				return fmt.Errorf("ordinal %d, want %d", r.Ordinal, want)
			}
			want++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if want != max(from, 120) {
			t.Fatalf("from %d the walk ended at %d", from, want)
		}
	}
	if err := v.Each(t.Context(), 0, func(*Record) error { return errStop }); !errors.Is(err, errStop) {
		t.Fatalf("the visitor's error was lost: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Each(ctx, 0, func(*Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled walk: %v", err)
	}
}

func flip(tb testing.TB, path string, offset int64) {
	tb.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, offset); err != nil {
		tb.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b, offset); err != nil {
		tb.Fatal(err)
	}
}

// TestWhatIsNotAskedForIsNotInTheWay: a walk that begins behind a damaged record, in the
// same segment, does not meet it.
func TestWhatIsNotAskedForIsNotInTheWay(t *testing.T) {
	t.Parallel()
	v := openVault(t, t.TempDir(), Options{})
	put(t, v, 0, 3)
	flip(t, segmentFiles(t, v.dir)[0], segmentHead+sealedOffset+3)
	wantDamage(t, v.Each(t.Context(), 0, func(*Record) error { return nil }))
	got := 0
	if err := v.Each(t.Context(), 1, func(*Record) error { got++; return nil }); err != nil || got != 2 {
		t.Errorf("%d records, %v", got, err)
	}
	wantDamage(t, v.Check(t.Context(), func(*Record) error { return nil }))
}

package vault

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// copyVault copies a vault's files, as a crash would leave them.
func copyVault(tb testing.TB, from string) string {
	tb.Helper()
	to := tb.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return to
}

// layout returns where each record of the only segment begins, and the end.
func layout(tb testing.TB, v *Vault) []int64 {
	tb.Helper()
	if len(v.segments) != 1 {
		tb.Fatal("the test means to use one segment")
	}
	var at []int64
	for _, e := range v.writer.entries {
		at = append(at, e.offset)
	}
	return append(at, v.writer.end)
}

var one = Options{SegmentSize: 256 << 10} // room for all the records of a test

// A power cut may leave any part of the group that was being written, in pieces
// of a page. Whatever it leaves, the records before the group are kept, at most
// some of the group's first are, and the vault goes on.
func TestTornGroupIsCut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, one)
	put(t, v, 0, 10)
	put(t, v, 10, 20)
	durable := layout(t, v)[20]
	put(t, v, 20, 40)
	at := layout(t, v)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	end := at[40]
	const page = 4096
	r := rand.New(rand.NewPCG(7, 7))
	for round := range 40 {
		torn := copyVault(t, dir)
		f, err := os.OpenFile(segmentFiles(t, torn)[0], os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		lost := 0
		for p := durable / page * page; p < end; p += page {
			if round < 20 && p > durable/page*page+int64(round)*page/2 || round >= 20 && r.IntN(3) == 0 {
				from, to := max(p, durable), min(p+page, end)
				if _, err := f.WriteAt(make([]byte, to-from), from); err != nil {
					t.Fatal(err)
				}
				lost++
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		v := openVault(t, torn, one)
		n := int(v.Size())
		if n < 20 || n > 40 || lost > 0 && n == 40 {
			t.Fatalf("round %d: %d records are left with %d pages lost", round, n, lost)
		}
		check(t, v, n)
		put(t, v, n, 45) // the ordinals that were lost are given again
		check(t, v, 45)
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		check(t, openVault(t, torn, one), 45)
	}
}

// A byte that changed in what was durable when later records were written is
// damage: refused, and nothing is touched, so that it can be repaired.
func TestDamageBeforeDurableRecordsIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, one)
	for n := range 20 {
		put(t, v, n, n+1)
	}
	at := layout(t, v)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 3))
	for record := range 19 {
		for _, offset := range []int64{0, 5, 15, 30, 50, 80, 125, headerSize + 3, sealedOffset, sealedOffset + int64(r.IntN(20))} {
			hurt := copyVault(t, dir)
			path := segmentFiles(t, hurt)[0]
			flip(t, path, at[record]+offset)
			before := read(t, path)
			_, err := Open(t.Context(), hurt, one)
			wantDamage(t, err)
			if string(before) != string(read(t, path)) {
				t.Fatal("the damaged segment was changed")
			}
		}
	}
}

// In the last group a changed byte cannot be told from a torn write by the
// segment alone; the log, which is larger then, tells it.
func TestDamageInTheLastGroupIsCutAndReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, one)
	put(t, v, 0, 5)
	put(t, v, 5, 8)
	at := layout(t, v)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, segmentFiles(t, dir)[0], at[6]+sealedOffset)
	v = openVault(t, dir, one)
	if r := v.Recovered(); r.CutAt != 6 || r.CutBytes == 0 || r.Records != 6 {
		t.Fatalf("the cut was not reported: %+v", r)
	}
	check(t, v, 6)
}

func TestDamageInAFullSegmentIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, small)
	putMany(t, v, 0, 200)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	files := segmentFiles(t, dir)

	t.Run("lost segment", func(t *testing.T) {
		hurt := copyVault(t, dir)
		if err := os.Remove(segmentFiles(t, hurt)[1]); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), hurt, small)
		wantDamage(t, err)
	})
	t.Run("without index", func(t *testing.T) {
		hurt := copyVault(t, dir)
		path := segmentFiles(t, hurt)[1]
		flip(t, path, segmentHead+sealedOffset+1)
		if err := os.Remove(indexPath(path)); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), hurt, small)
		wantDamage(t, err)
	})
	t.Run("with index", func(t *testing.T) {
		hurt := copyVault(t, dir)
		flip(t, segmentFiles(t, hurt)[1], segmentHead+sealedOffset+1)
		v := openVault(t, hurt, small) // the start does not read full segments
		wantDamage(t, v.Check(t.Context(), func(*Record) error { return nil }))
	})
	t.Run("cut short", func(t *testing.T) {
		hurt := copyVault(t, dir)
		path := segmentFiles(t, hurt)[0]
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, info.Size()-align); err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), hurt, small)
		wantDamage(t, err)
	})
	t.Run("another head", func(t *testing.T) {
		hurt := copyVault(t, dir)
		flip(t, segmentFiles(t, hurt)[0], 30)
		_, err := Open(t.Context(), hurt, small)
		wantDamage(t, err)
	})
	if len(files) < 3 {
		t.Fatal("the test means to fill several segments")
	}
}

// A crash between making the next segment and ending the last one leaves a full
// segment with reserved room behind its records and no index.
func TestCrashWhileRolling(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, small)
	put(t, v, 0, 20)
	s, f, err := v.createSegment(20)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path+".new", []byte("left over"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = openVault(t, dir, small)
	if r := v.Recovered(); r.Reindexed != 1 || r.Segments != 2 {
		t.Fatalf("recovered %+v", r)
	}
	check(t, v, 20)
	putMany(t, v, 20, 200)
	check(t, v, 200)
	if _, err := os.Stat(s.path + ".new"); !os.IsNotExist(err) {
		t.Fatal("what an interrupted write left was not removed")
	}
}

// A failed sync ends the vault: nothing may be written afterwards, for the
// kernel may have dropped the pages and marked them clean.
func TestNothingIsTakenAfterAFailedSync(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, small)
	put(t, v, 0, 3)
	appendOnly(t, v, 3, 5)
	if err := v.writer.file.Close(); err != nil { // the next sync fails
		t.Fatal(err)
	}
	if err := v.Sync(); err == nil {
		t.Fatal("a sync of a closed file succeeded")
	}
	if err := v.Sync(); err == nil {
		t.Fatal("the vault went on after a failed sync")
	}
	if _, err := v.Append([]*Draft{draftOf(t, v, 5)}); err == nil {
		t.Fatal("the vault took a record after a failed sync")
	}
	if v.Size() != 3 {
		t.Fatalf("%d records count as durable", v.Size())
	}
	if has, err := v.Has(testID(3)); has || err != nil {
		t.Fatalf("a record that was not synced is found: %v, %v", has, err)
	}
	_ = v.Close()
	check(t, openVault(t, dir, small), 5) // they had reached the file all the same
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// A full disk is no reason to stop: nothing was written, what is there stays
// readable, and writing goes on when there is room again.
func TestFullDiskLeavesTheVaultAsItWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := openVault(t, dir, one)
	put(t, v, 0, 5)
	v.opts.SegmentSize = v.writer.end // the segment is full
	v.allocate = func(*os.File, int64) error { return os.NewSyscallError("fallocate", syscall.ENOSPC) }
	if _, err := v.Append([]*Draft{draftOf(t, v, 5)}); !errors.Is(err, ErrFull) {
		t.Fatalf("want no room, got %v", err)
	}
	check(t, v, 5)
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) != 0 || len(segmentFiles(t, dir)) != 1 {
		t.Fatal("a segment was left behind")
	}
	v.allocate, v.opts.SegmentSize = allocate, minSegmentSize
	put(t, v, 5, 8)
	putMany(t, v, 8, 200)
	check(t, v, 200)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, openVault(t, dir, small), 200)
}

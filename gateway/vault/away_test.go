package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault/object"
	"github.com/secant-platform/secant/gateway/vault/object/objecttest"
)

// withObjects are the options of a vault of small segments that go to a server.
func withObjects(tb testing.TB, server *objecttest.Server) Options {
	tb.Helper()
	place, err := object.Open(server.URL(), object.Options{Credentials: objecttest.Credentials(tb), Patience: time.Second})
	if err != nil {
		tb.Fatal(err)
	}
	return Options{SegmentSize: minSegmentSize, Objects: place, Logger: slog.New(slog.DiscardHandler)}
}

// tendOnce does what is to do, and wants nothing to be in the way.
func tendOnce(tb testing.TB, v *Vault) {
	tb.Helper()
	ok, err := v.tend(tb.Context())
	if !ok || err != nil {
		tb.Fatalf("%v %v: %s", ok, err, v.Objects().Problem)
	}
}

func reopen(tb testing.TB, v *Vault, opts Options) *Vault {
	tb.Helper()
	if err := v.Close(); err != nil {
		tb.Fatal(err)
	}
	return openVault(tb, v.dir, opts)
}

func files(tb testing.TB, dir, pattern string) []string {
	tb.Helper()
	all, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

const many = 200 // records of these tests: several segments

// moved makes a vault of which all full segments are in objects.
func moved(tb testing.TB) (*Vault, *objecttest.Server, Options) {
	tb.Helper()
	server := objecttest.Serve(tb)
	opts := withObjects(tb, server)
	v := openVault(tb, tb.TempDir(), opts)
	putMany(tb, v, 0, many)
	tendOnce(tb, v)
	if o := v.Objects(); o.Moved < 3 || o.Local != 0 || o.Waiting != 0 {
		tb.Fatalf("%+v", o)
	}
	return v, server, opts
}

// TestFullSegmentsGoToTheBucketAndAreReadThere: the directory keeps what is written now
// and the heads; everything is found, walked and checked as before, also after a start.
func TestFullSegmentsGoToTheBucketAndAreReadThere(t *testing.T) {
	t.Parallel()
	v, server, opts := moved(t)
	if got := len(files(t, v.dir, "*.seg")); got != 1 {
		t.Errorf("%d segments are in the directory", got)
	}
	for _, pattern := range []string{"*.obj", "*.idx", "*.new"} {
		if left := files(t, v.dir, pattern); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if got, want := len(server.Names(t)), v.Objects().Moved; got != want {
		t.Errorf("%d objects for %d segments", got, want)
	}
	check(t, v, many)
	put(t, v, many, many+5)
	v = reopen(t, v, opts)
	check(t, v, many+5)
	opts.ReadOnly = true
	check(t, openVault(t, v.dir, opts), many+5)
	opts.Objects = nil
	if _, err := Open(t.Context(), v.dir, opts); err == nil || !strings.Contains(err.Error(), "none is configured") {
		t.Errorf("without the place for objects: %v", err)
	}
}

// TestTheNewestSegmentsStay: as many bytes as are to, and the oldest go first.
func TestTheNewestSegmentsStay(t *testing.T) {
	t.Parallel()
	server := objecttest.Serve(t)
	opts := withObjects(t, server)
	opts.Keep = 2*minSegmentSize + 100
	v := openVault(t, t.TempDir(), opts)
	putMany(t, v, 0, many)
	tendOnce(t, v)
	o := v.Objects()
	if o.Local > opts.Keep || o.Local < minSegmentSize || o.Waiting != 0 || len(server.Names(t)) != o.Moved+2 {
		t.Errorf("%+v, %d objects", o, len(server.Names(t)))
	}
	if v.segments[0].kept == nil || v.segments[len(v.segments)-2].kept != nil {
		t.Error("others than the newest stay")
	}
	// Noted once, it is not stored again.
	v = reopen(t, v, opts)
	stored := server.Calls(http.MethodPut)
	tendOnce(t, v)
	if server.Calls(http.MethodPut) != stored {
		t.Error("stored again")
	}
	check(t, v, many)

	// What is to go is read back once more, for it was long ago: it was altered.
	name := server.Names(t)[o.Moved]
	good := server.Get(t, name)
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	server.Set(t, name, bad)
	opts.Keep = 0
	v = reopen(t, v, opts)
	if ok, err := v.tend(t.Context()); ok || err != nil {
		t.Errorf("what was altered serves: %v", err)
	}
	tendOnce(t, v)
	if !bytes.Equal(server.Get(t, name), good) || v.Objects().Local != 0 {
		t.Error("it was not stored again")
	}
	check(t, v, many)
}

// TestNoWrappedKeyEverLeavesTheDirectory: the object has zeros where the slots are, so
// what is erased here cannot be read from any copy of it.
func TestNoWrappedKeyEverLeavesTheDirectory(t *testing.T) {
	t.Parallel()
	server := objecttest.Serve(t)
	opts := withObjects(t, server)
	v := openVault(t, t.TempDir(), opts)
	putMany(t, v, 0, many)
	var slots [][]byte
	for _, s := range v.segments {
		b, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		for at := segmentHead; ; {
			h, ok := parseHeader(b[min(at, len(b)):])
			if !ok {
				break
			}
			slots = append(slots, bytes.Clone(b[at+headerSize:at+sealedOffset]))
			at += int(padded(int64(h.Size)))
		}
	}
	if len(slots) != many {
		t.Fatalf("%d slots", len(slots))
	}
	// The removed file is looked at, too: it was zeroed before.
	old, err := os.Open(v.segments[0].path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	tendOnce(t, v)
	was := make([]byte, minSegmentSize)
	if _, err := old.ReadAt(was, 0); err != nil && len(was) == 0 {
		t.Fatal(err)
	}
	places := map[string][]byte{"the removed file": was}
	for _, name := range server.Names(t) {
		places[name] = server.Get(t, name)
	}
	for where, b := range places {
		for i, slot := range slots {
			if bytes.Contains(b, slot[:wrappedSize]) || bytes.Contains(b, slot[nonceSize:nonceSize+16]) {
				t.Fatalf("the wrapped key of record %d is in %s", i, where)
			}
		}
	}
}

// TestErasedIsErasedInTheBucketToo: erasing needs no bucket, holds after a start, and
// frees the object when nothing of it is left.
func TestErasedIsErasedInTheBucketToo(t *testing.T) {
	t.Parallel()
	v, server, opts := moved(t)
	first, second := int(v.segments[1].base), int(v.segments[2].base)
	kept := server.Names(t)
	server.Fail(objecttest.Reset)
	for n := range first + 1 {
		if err := v.Erase(testID(n)); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Get(t.Context(), testID(n)); ledger.CodeOf(err) != ledger.CodeGone {
			t.Fatalf("record %d: %v", n, err)
		}
	}
	if ok, err := v.tend(t.Context()); ok || err != nil {
		t.Fatalf("deleted from a bucket that is down: %v", err)
	}
	v = reopen(t, v, opts)
	server.Fail(nil)
	tendOnce(t, v)
	if got := server.Names(t); !slices.Equal(got, kept[1:]) {
		t.Errorf("left in the bucket: %v", got)
	}
	if o := v.Objects(); o.Erased != 1 {
		t.Errorf("%+v", o)
	}
	for range 2 {
		seen, erased := 0, 0
		if err := v.Check(t.Context(), func(r *Record) error {
			if r.Erased != (seen <= first) || !r.Erased && !bytes.Equal(r.Plain, testBody(seen)) || r.Entry != testEntry(seen) {
				return fmt.Errorf("record %d is another one: %v", seen, r.Erased)
			}
			seen++
			if r.Erased {
				erased++
			}
			return nil
		}); err != nil || seen != many || erased != first+1 {
			t.Fatalf("%d of %d erased: %v", erased, seen, err)
		}
		if has, err := v.Has(testID(3)); !has || err != nil {
			t.Errorf("what is erased is forgotten: %v", err)
		}
		v = reopen(t, v, opts)
		tendOnce(t, v)
	}
	for n := first; n < second; n++ {
		if err := v.Erase(testID(n)); err != nil {
			t.Fatal(err)
		}
	}
	tendOnce(t, v)
	if got := server.Names(t); !slices.Equal(got, kept[2:]) {
		t.Errorf("left in the bucket: %v", got)
	}
}

// TestErasedAsAWholeFreesTheDirectory: without any place for objects, and with one where
// the object was stored and not noted.
func TestErasedAsAWholeFreesTheDirectory(t *testing.T) {
	t.Parallel()
	v := openVault(t, t.TempDir(), small)
	putMany(t, v, 0, many)
	second := int(v.segments[1].base)
	for n := range second {
		if err := v.Erase(testID(n)); err != nil {
			t.Fatal(err)
		}
	}
	tendOnce(t, v)
	if o := v.Objects(); o.Erased != 1 || o.Moved != 0 {
		t.Errorf("%+v", o)
	}
	if _, err := os.Stat(v.segments[0].path); err == nil {
		t.Error("the file is still there")
	}
	v = reopen(t, v, small)
	seen := 0
	if err := v.Check(t.Context(), func(r *Record) error {
		if r.Erased != (seen < second) {
			return fmt.Errorf("record %d", seen)
		}
		seen++
		return nil
	}); err != nil || seen != many {
		t.Fatal(seen, err)
	}

	server := objecttest.Serve(t)
	opts := withObjects(t, server)
	w := openVault(t, t.TempDir(), opts)
	putMany(t, w, 0, many)
	w.step = func(step string) {
		if step == stepPut {
			panic(step)
		}
	}
	func() {
		defer func() {
			if r := recover(); r != stepPut {
				t.Errorf("ended with %v", r)
			}
		}()
		_, _ = w.tend(t.Context())
	}()
	if len(server.Names(t)) != 1 {
		t.Fatal("nothing was stored")
	}
	w = reopen(t, w, opts)
	for n := range int(w.segments[1].base) {
		if err := w.Erase(testID(n)); err != nil {
			t.Fatal(err)
		}
	}
	tendOnce(t, w)
	for _, name := range server.Names(t) {
		if strings.Contains(name, fmt.Sprintf("/%020d-", 0)) {
			t.Errorf("the object that was not noted is left: %s", name)
		}
	}
}

// TestACrashAtAnyStepLosesNothing: the directory as it is at each step is a vault that
// has everything, erases for good and goes its way to the end.
func TestACrashAtAnyStepLosesNothing(t *testing.T) {
	t.Parallel()
	server := objecttest.Serve(t)
	opts := withObjects(t, server)
	v := openVault(t, t.TempDir(), opts)
	putMany(t, v, 0, 100)
	left := map[string]string{}
	v.step = func(step string) {
		if left[step] == "" {
			left[step] = copyVault(t, v.dir)
		}
	}
	tendOnce(t, v)
	// Half a file that was to be kept, and half a note.
	half := copyVault(t, left[stepVerified])
	left["half"] = half
	for _, ext := range []string{".kept.new", ".obj.new"} {
		if err := os.WriteFile(strings.TrimSuffix(segmentFiles(t, half)[0], segmentExt)+ext, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	torn := copyVault(t, left[stepNoted])
	left["torn note"] = torn
	if err := os.WriteFile(files(t, torn, "*.obj")[0], []byte("SECANTO"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Slots half zeroed in a file that goes.
	wiping := copyVault(t, left[stepKept])
	left["wiping"] = wiping
	if err := overwrite(segmentFiles(t, wiping)[0], emptySlot[:], segmentHead+headerSize); err != nil {
		t.Fatal(err)
	}
	steps := []string{stepHashed, stepPut, stepVerified, stepNoted, stepKept, stepWiped, stepRemoved, "half", "torn note", "wiping"}
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			w := openVault(t, left[step], opts)
			check(t, w, 100)
			if err := w.Erase(testID(1)); err != nil {
				t.Fatal(err)
			}
			w = reopen(t, w, opts)
			tendOnce(t, w)
			if w.Objects().Local != 0 {
				t.Errorf("%+v", w.Objects())
			}
			w = reopen(t, w, opts)
			for n := range 100 {
				r, err := w.Get(t.Context(), testID(n))
				if n == 1 && ledger.CodeOf(err) != ledger.CodeGone || n != 1 && (err != nil || !bytes.Equal(r.Plain, testBody(n))) {
					t.Fatalf("record %d: %v", n, err)
				}
			}
			if err := w.Check(t.Context(), func(*Record) error { return nil }); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestABucketThatIsDownStopsNoWriting: more is taken, what is here is read, what is not
// is unavailable at once, and everything goes its way when the bucket is back.
func TestABucketThatIsDownStopsNoWriting(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a server that does not answer")
	}
	t.Parallel()
	v, server, _ := moved(t)
	for what, fault := range map[string]objecttest.Fault{"down": objecttest.Down, "reset": objecttest.Reset, "silent": server.Silent} {
		server.Fail(fault)
		from := int(v.Size())
		putMany(t, v, from, from+100)
		if ok, err := v.tend(t.Context()); ok || err != nil {
			t.Fatalf("%s: %v %v", what, ok, err)
		}
		if o := v.Objects(); o.Problem == "" || o.Waiting == 0 || o.Since.IsZero() || strings.Contains(o.Problem, objecttest.SecretKey) {
			t.Errorf("%s: %+v", what, o)
		}
		if _, err := v.Get(t.Context(), testID(from)); err != nil {
			t.Errorf("%s: what is here: %v", what, err)
		}
		if _, err := v.Get(t.Context(), testID(0)); ledger.CodeOf(err) != ledger.CodeUnavailable {
			t.Errorf("%s: what is not: %v", what, err)
		}
		begun := time.Now()
		for n := range 100 {
			if _, err := v.Get(t.Context(), testID(n%20)); ledger.CodeOf(err) != ledger.CodeUnavailable {
				t.Errorf("%s: %v", what, err)
			}
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%s: 100 readers wait for %s", what, took)
		}
		if err := v.Check(t.Context(), func(*Record) error { return nil }); ledger.CodeOf(err) != ledger.CodeUnavailable {
			t.Errorf("%s: a check says %v", what, err)
		}
		seen := 0
		if err := v.Entries(t.Context(), 3, func(entry [32]byte) error {
			if seen++; entry != testEntry(seen+2) {
				return fmt.Errorf("another entry, as number %d", seen)
			}
			return nil
		}); err != nil || seen != int(v.Size())-3 {
			t.Errorf("%s: %d entries: %v", what, seen, err)
		}
		if has, err := v.Has(testID(0)); !has || err != nil {
			t.Errorf("%s: whether there is such a record: %v", what, err)
		}
		server.Fail(nil)
		tendOnce(t, v)
		if o := v.Objects(); o.Problem != "" || o.Local != 0 {
			t.Errorf("%s: %+v", what, o)
		}
	}
	check(t, v, int(v.Size()))
	// Nothing is to be moved, and a reader finds that it is down: that is not forgotten.
	server.Fail(objecttest.Down)
	if _, err := v.Get(t.Context(), testID(0)); ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Error(err)
	}
	if ok, _ := v.tend(t.Context()); ok || v.Objects().Problem == "" {
		t.Error("it is said to be in order")
	}
}

// TestAnObjectThatIsNotWhatItWasIsNamed: altered anywhere, cut, longer, gone, or another's.
func TestAnObjectThatIsNotWhatItWasIsNamed(t *testing.T) {
	t.Parallel()
	v, server, opts := moved(t)
	name := server.Names(t)[0]
	good, other := server.Get(t, name), server.Get(t, server.Names(t)[1])
	at := v.segments[0].kept
	marks, err := at.marksOf()
	if err != nil {
		t.Fatal(err)
	}
	third := marks[3]
	change := func(at int64) []byte {
		b := bytes.Clone(good)
		b[at] ^= 0x40
		return b
	}
	swapped := bytes.Clone(good)
	copy(swapped[third.offset:], good[marks[4].offset:]) // a record in another's place
	for what, damage := range map[string]struct {
		object []byte
		reads  bool // whether the third record can still be read
		names  bool // whether a record is named
	}{
		"sealed bytes":       {change(third.offset + sealedOffset + 3), false, true},
		"a header":           {change(third.offset + 50), true, false},
		"a slot":             {change(third.offset + headerSize + 7), true, false},
		"the head":           {change(20), true, false},
		"cut":                {good[:third.offset+200], false, true},
		"cut by one byte":    {good[:len(good)-1], true, false},
		"longer":             {append(bytes.Clone(good), 0), true, false},
		"empty":              {[]byte{}, false, false},
		"gone":               {nil, false, false},
		"another object":     {other, false, true},
		"records in another": {swapped, false, true},
	} {
		server.Set(t, name, damage.object)
		err := v.Check(t.Context(), func(*Record) error { return nil })
		if _, named := errors.AsType[*DamageError](err); !named {
			t.Fatalf("%s: %v: %s", what, err, v.Objects().Problem)
		}
		d, _ := errors.AsType[*DamageError](err)
		if !strings.HasSuffix(d.Object, name) || !strings.Contains(err.Error(), d.Object) || !strings.Contains(d.Segment, fmt.Sprintf("%020d", 0)) {
			t.Errorf("%s: named as %v", what, err)
		}
		if damage.names && d.Request == "" || (what == "sealed bytes" || what == "cut") && d.Request != testID(3).String() {
			t.Errorf("%s: the request is not named: %v", what, err)
		}
		r, err := v.Get(t.Context(), testID(3))
		if damage.reads && (err != nil || !bytes.Equal(r.Plain, testBody(3))) {
			t.Errorf("%s: %v", what, err)
		}
		if _, named := errors.AsType[*DamageError](err); named == damage.reads {
			t.Fatalf("%s: reading a record says %v: %s", what, err, v.Objects().Problem)
		}
	}
	server.Set(t, name, good)
	check(t, v, many)

	// On the way, not in the bucket: asked for again, and right.
	spoilt := 0
	server.Fail(func(w http.ResponseWriter, r *http.Request) bool {
		if spoilt++; spoilt > 1 || r.Method != http.MethodGet {
			return false
		}
		var from, to int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(good)))
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(make([]byte, to-from+1))
		return true
	})
	if r, err := v.Get(t.Context(), testID(3)); err != nil || !bytes.Equal(r.Plain, testBody(3)) || spoilt < 2 {
		t.Errorf("spoilt on the way: %v", err)
	}
	server.Fail(nil)

	// What is kept here is looked at, too.
	k := v.segments[0].kept
	for what, offset := range map[string]int64{"note": 60, "table": noteSize + 5, "header": third.kept + 44, "slot": third.kept + headerSize + 3} {
		flip := func() {
			b := make([]byte, 1)
			f, err := os.OpenFile(k.path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.ReadAt(b, offset); err != nil {
				t.Fatal(err)
			}
			b[0] ^= 1
			if _, err := f.WriteAt(b, offset); err != nil {
				t.Fatal(err)
			}
		}
		flip()
		if what == "note" || what == "table" {
			opts.ReadOnly = true
			_, err := Open(t.Context(), v.dir, opts)
			wantDamage(t, err)
		} else {
			_, err := v.Get(t.Context(), testID(3))
			wantDamage(t, err)
		}
		wantDamage(t, v.Check(t.Context(), func(*Record) error { return nil }))
		flip()
	}
	check(t, v, many)
}

// TestReadersAndErasersMeetNoHalfMovedSegment: while segments move, everything is read
// and erased as if they did not.
func TestReadersAndErasersMeetNoHalfMovedSegment(t *testing.T) {
	t.Parallel()
	server := objecttest.Serve(t)
	opts := withObjects(t, server)
	v := openVault(t, t.TempDir(), opts)
	putMany(t, v, 0, many)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			if err := v.Check(ctx, func(r *Record) error {
				if !r.Erased && !bytes.Equal(r.Plain, testBody(int(r.Ordinal))) {
					return errors.New("other bytes")
				}
				if r.Erased && r.Ordinal%7 != 3 {
					return fmt.Errorf("record %d is erased", r.Ordinal)
				}
				return nil
			}); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	all.Go(func() {
		for n := 0; ctx.Err() == nil; n = (n + 1) % many {
			r, err := v.Get(ctx, testID(n))
			if ctx.Err() == nil && n%7 != 3 && (err != nil || !bytes.Equal(r.Plain, testBody(n))) {
				t.Errorf("record %d: %v", n, err)
			}
		}
	})
	all.Go(func() {
		for n := 3; n < many; n += 7 {
			if err := v.Erase(testID(n)); err != nil {
				t.Error(err)
			}
			if _, err := v.Get(ctx, testID(n)); ledger.CodeOf(err) != ledger.CodeGone {
				t.Errorf("record %d is not gone: %v", n, err)
			}
		}
	})
	for v.Objects().Local > 0 {
		tendOnce(t, v)
	}
	time.Sleep(50 * time.Millisecond)
	stop()
	all.Wait()
	for len(files(t, v.dir, "*.seg")) > 1 {
		tendOnce(t, v)
	}
	v = reopen(t, v, opts)
	for n := range many {
		if _, err := v.Get(t.Context(), testID(n)); (n%7 == 3) != (ledger.CodeOf(err) == ledger.CodeGone) || n%7 != 3 && err != nil {
			t.Errorf("record %d: %v", n, err)
		}
	}
}

// TestTendRunsUntilItIsTold and moves what becomes full meanwhile.
func TestTendRunsUntilItIsTold(t *testing.T) {
	t.Parallel()
	server := objecttest.Serve(t)
	v := openVault(t, t.TempDir(), withObjects(t, server))
	server.Fail(objecttest.Reset)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- v.Tend(ctx) }()
	for begun := time.Now(); v.Objects().Problem == ""; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("a bucket that is down is not told before there is something to move")
		}
	}
	server.Fail(nil)
	putMany(t, v, 0, 60)
	for begun := time.Now(); v.Objects().Moved == 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("%+v", v.Objects())
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// keptMark is where a record lies in its segment, and its head in what is kept.
type keptMark struct {
	mark
	kept int64
}

func (k *kept) marksOf() (all []keptMark, err error) {
	f, err := os.Open(k.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	offset := int64(segmentHead)
	for range k.count {
		position, head, err := k.headOf(f, offset)
		if err != nil {
			return nil, err
		}
		h, _ := parseHeader(head)
		all = append(all, keptMark{mark{h.ID, offset}, position})
		offset += padded(int64(h.Size))
	}
	return all, nil
}

// meanwhile is a place for objects in which something happens before an answer.
type meanwhile struct {
	object.Store
	before func()
}

func (m *meanwhile) ReadAt(ctx context.Context, name string, b []byte, offset int64) (int64, error) {
	m.before()
	return m.Store.ReadAt(ctx, name, b, offset) //nolint:wrapcheck // the other one's
}

// TestErasedWhileItIsFetchedIsNoDamage: all of a segment is erased, and its object
// deleted, between the look at a record's head and the answer about its bytes. Whether a
// record is erased is known without the object.
func TestErasedWhileItIsFetchedIsNoDamage(t *testing.T) {
	t.Parallel()
	v, _, _ := moved(t)
	for _, n := range []int{0, many - 1} { // moved, and here
		if erased, err := v.Erased(testID(n)); erased || err != nil {
			t.Errorf("%t %v", erased, err)
		}
	}
	erase := sync.OnceFunc(func() {
		for n := range int(v.segments[1].base) {
			if err := v.Erase(testID(n)); err != nil {
				t.Error(err)
			}
		}
		tendOnce(t, v)
	})
	v.opts.Objects = &meanwhile{v.opts.Objects, erase}
	if _, err := v.Get(t.Context(), testID(0)); ledger.CodeOf(err) != ledger.CodeGone {
		t.Errorf("%v", err)
	}
	if err := v.Erase(testID(many - 1)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, many - 1} {
		if erased, err := v.Erased(testID(n)); !erased || err != nil {
			t.Errorf("%t %v", erased, err)
		}
	}
	if _, err := v.Erased(testID(many)); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("%v", err)
	}
}

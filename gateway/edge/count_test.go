package edge

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// pump is another device of the box.
var pump = proof.Hash{5}

// takeOf has a box take messages of a device.
func takeOf(t *testing.T, b *Box, unit proof.Hash, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := b.Take(t.Context(), unit, "", "application/json", "", []byte(text), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryDeviceIsCountedForItself: numbers have no gap, over messages that come twice,
// an outage and new starts, also when all was handed over before; in another directory
// another count begins.
func TestEveryDeviceIsCountedForItself(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), newKey(t)
	u := newUpstream(t, key)
	settled := func(b *Box) {
		t.Helper()
		stop := run(t, b)
		await(t, "all to be handed over", func() bool { n, _ := b.Waiting(); return n == 0 })
		stop()
	}
	b := newBox(t, dir, key, u, 0)
	takeOf(t, b, monitor, "m1", "m2", "m1")
	takeOf(t, b, pump, "p1")
	settled(b)
	b = newBox(t, dir, key, u, 0)
	takeOf(t, b, monitor, "m2", "m3") // the answer to the first did not arrive
	b = newBox(t, dir, key, u, 0)
	takeOf(t, b, pump, "p2")
	takeOf(t, b, monitor, "m4")
	settled(b)

	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.counts) != 2 || u.wrong != 0 {
		t.Errorf("%v, %d with a wrong signature", u.counts, u.wrong)
	}
	for by, numbers := range u.counts {
		want := []uint64{1, 2, 3, 4}
		if strings.HasPrefix(by, "5") {
			want = want[:2]
		}
		slices.Sort(numbers)
		if diff := cmp.Diff(want, numbers); diff != "" {
			t.Errorf("%s: %s", by, diff)
		}
	}
	first := slices.Collect(maps.Keys(u.counts))[0]
	epoch := strings.SplitN(first, "/", 2)[1]
	later, err := New(Options{Node: "http://127.0.0.1:1", Spool: t.TempDir(), Key: key, Now: func() time.Time { return time.Now().Add(time.Hour) }})
	if err != nil || strconv.FormatUint(later.spool.epoch, 10) <= epoch {
		t.Errorf("in another directory it counts %d, before %s: %v", later.spool.epoch, epoch, err)
	}
}

// TestAMessageThatWasNotTakenHasNoNumber: what could not be written, or for which there
// was no room, leaves no gap for the node to wait for.
func TestAMessageThatWasNotTakenHasNoNumber(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), newKey(t)
	u := newUpstream(t, key)
	b := newBox(t, dir, key, u, 4000)
	takeOf(t, b, monitor, "1")
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	if err := b.Take(t.Context(), monitor, "", "application/json", "", []byte("2"), []byte("2")); err == nil {
		t.Fatal("a message was taken that cannot be kept")
	}
	if err := os.Rename(dir+"-gone", dir); err != nil {
		t.Fatal(err)
	}
	if err := b.Take(t.Context(), monitor, "", "application/json", "", []byte("3"), make([]byte, 5000)); ledger.CodeOf(err) != ledger.CodeBusy {
		t.Fatal(err)
	}
	takeOf(t, b, monitor, "4")
	if got := b.spool.ready.items[1].number; got != 2 {
		t.Errorf("the next one has number %d", got)
	}
	if n, size := b.Waiting(); n != 2 || size <= 0 || size > 4000 {
		t.Errorf("%d wait, %d bytes", n, size)
	}

	v := unit{next: 1}
	for range 5 {
		v.take()
	}
	v.giveBack(2)
	v.giveBack(4)
	if got := []uint64{v.take(), v.take(), v.take()}; !slices.Equal(got, []uint64{2, 4, 6}) {
		t.Errorf("%v", got)
	}
	v.giveBack(5)
	v.giveBack(6)
	if v.next != 5 || len(v.free) != 0 {
		t.Errorf("%+v", v)
	}
}

// TestOneDeviceDoesNotFillTheBox: a device that floods the box while the node is away
// leaves the others their parts.
func TestOneDeviceDoesNotFillTheBox(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	u := newUpstream(t, key)
	b, err := New(Options{
		Unit: proof.Hash{1}, Key: key, Node: u.URL, HTTP: u.Client(), Spool: t.TempDir(), Limit: 40_000,
		Devices: map[Name]proof.Hash{{"icu", "m"}: monitor, {"icu", "p"}: pump},
	})
	if err != nil {
		t.Fatal(err)
	}
	var full error
	for i := 0; full == nil && i < 1000; i++ {
		full = b.Take(t.Context(), monitor, "", "application/json", "", fmt.Append(nil, i), make([]byte, 300))
	}
	if _, size := b.Waiting(); ledger.CodeOf(full) != ledger.CodeBusy || size > 30_000 || size < 28_000 {
		t.Fatalf("%v with %d bytes", full, size)
	}
	took := 0
	for ; took < 1000; took++ {
		if full = b.Take(t.Context(), pump, "", "application/json", "", fmt.Append(nil, took), make([]byte, 300)); full != nil {
			break
		}
	}
	if _, size := b.Waiting(); ledger.CodeOf(full) != ledger.CodeBusy || took < 8 || size > 40_000 {
		t.Errorf("the other device: %d taken, %v, %d bytes in all", took, full, size)
	}
}

// TestWhatIsPutAsideIsBounded: the oldest goes, is counted, and no device's count goes
// with it.
func TestWhatIsPutAsideIsBounded(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), newKey(t)
	u := newUpstream(t, key)
	u.answers(func(string, string) int { return http.StatusUnprocessableEntity })
	open := func(most int, bytes int64) *Box {
		t.Helper()
		b, err := New(Options{
			Unit: proof.Hash{1}, Key: key, Node: u.URL, HTTP: u.Client(), Spool: dir, Asides: most, Aside: bytes,
			Devices: map[Name]proof.Hash{{"icu", "m"}: monitor},
		})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	asides := func() []string {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, "*"+refused))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	b := open(3, 1<<20)
	stop := run(t, b)
	for i := range 10 {
		takeOf(t, b, monitor, fmt.Sprint("bad ", i))
	}
	await(t, "all to be put aside", func() bool { n, _ := b.Waiting(); return n == 0 })
	stop()
	if files := asides(); len(files) != 3 || b.Dropped() != 7 {
		t.Errorf("%d files, %d dropped", len(files), b.Dropped())
	}
	b = open(1000, 1) // less than any
	if files := asides(); len(files) != 0 || b.Dropped() != 3 {
		t.Errorf("%d files, %d dropped", len(files), b.Dropped())
	}
	b = open(1000, 1)
	takeOf(t, b, monitor, "next")
	if got := b.spool.ready.items[0].number; got != 11 {
		t.Errorf("the count went on with %d", got)
	}
}

// TestWhatIsKnownIsBounded: of what was handed over, the last ones are known, and each
// device's count.
func TestWhatIsKnownIsBounded(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), newKey(t)
	bound := bounds{bytes: 1 << 20, devices: 2, asides: 10, aside: 1 << 20, known: 4}
	open := func() *spool {
		t.Helper()
		s, err := openSpool(dir, key, bound, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	put := func(s *spool, of proof.Hash, text string) *item {
		t.Helper()
		if err := s.put(s.name(of, []byte(text)), of, func(q proof.Sequence) *message { return &message{Unit: of, Sequence: q} }); err != nil {
			t.Fatal(err)
		}
		i, _ := s.take(time.Now())
		return i
	}
	s := open()
	if err := s.done(put(s, pump, "only")); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		if err := s.done(put(s, monitor, strconv.Itoa(n))); err != nil {
			t.Fatal(err)
		}
	}
	if put(s, monitor, "19") != nil {
		t.Error("a message that was handed over is taken again")
	}
	for range 2 {
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 5 || len(s.known) != 4 {
			t.Errorf("%d files, %d known: %v", len(files), len(s.known), err)
		}
		s = open()
	}
	if i := put(s, pump, "next"); i == nil || i.number != 2 {
		t.Errorf("%+v", i)
	}
	if i := put(s, monitor, "next"); i == nil || i.number != 21 {
		t.Errorf("%+v", i)
	}
}

// TestWhatAnEarlierVersionKeptIsHandedOver: files without a count are sent as they were
// signed.
func TestWhatAnEarlierVersionKeptIsHandedOver(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), newKey(t)
	u := newUpstream(t, key)
	b := newBox(t, dir, key, u, 0)
	name := b.spool.name(monitor, []byte("old"))
	seed := b.spool.seed(name)
	root := proof.Root(proof.LeafHashes(nil, &seed, [][]byte{[]byte("old")}))
	sealed, err := b.spool.seal(&message{
		Unit: monitor, MediaType: "application/hl7-v2", Seed: seed[:], Body: []byte("old"),
		Signature: b.sign(proof.EdgeSigningMessage(b.opts.Unit, monitor, 1, root)),
	}, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%020d-%s.msg", 7, name)), sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	b = newBox(t, dir, key, u, 0)
	takeOf(t, b, monitor, "new")
	defer run(t, b)()
	await(t, "both to be handed over", func() bool { n, _ := b.Waiting(); return n == 0 })
	if got := u.has(); !slices.Contains(got, "old") || !slices.Contains(got, "new") || u.wrong != 0 {
		t.Errorf("%q, %d with a wrong signature", got, u.wrong)
	}
}

func TestNamesOfFiles(t *testing.T) {
	t.Parallel()
	e := entry{place: 3, unit: monitor, epoch: 7, number: 7, name: proof.Hash{9}}
	for _, want := range []entry{e, {place: 3, name: proof.Hash{9}}} {
		if got, err := parseEntry(want.file(waiting), waiting); err != nil || got != want {
			t.Errorf("%+v %v", got, err)
		}
	}
	good := e.file("")
	for _, bad := range []string{"", "-", "1", strings.Replace(good, "-7-", "-07-", 1), strings.Replace(good, "-7-", "-x-", 1), good + "-", good[1:]} {
		if got, err := parseEntry(bad+waiting, waiting); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

// TestWhatWaitsIsInOrder: what is put back, or off, comes in its turn.
func TestWhatWaitsIsInOrder(t *testing.T) {
	t.Parallel()
	h := heap{less: byPlace}
	for n := range uint64(1000) {
		h.push(&item{entry: entry{place: n * 7919 % 1000}})
	}
	for n := range uint64(1000) {
		if i := h.pop(); i == nil || i.place != n {
			t.Fatalf("%d: %+v", n, i)
		}
	}
	if h.pop() != nil || h.first() != nil {
		t.Error("there is one more")
	}
	key := newKey(t)
	s, err := openSpool(t.TempDir(), key, bounds{bytes: 1 << 20, known: 1}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	first, second := &item{entry: entry{place: 1}}, &item{entry: entry{place: 2}}
	s.ready.push(second)
	s.later(first, now)
	if i, _ := s.take(now); i != second {
		t.Errorf("%+v", i)
	}
	if i, wait := s.take(now); i != nil || wait != firstPause {
		t.Errorf("%+v %s", i, wait)
	}
	s.rest(second, now)
	if i, wait := s.take(now); i != nil || wait != firstPause {
		t.Errorf("%+v %s", i, wait)
	}
	if i, _ := s.take(now.Add(firstPause)); i != first {
		t.Errorf("%+v", i)
	}
	if _, err := s.read(first); err == nil || errors.Is(err, errDisk) {
		t.Errorf("%v", err)
	}
}

// BenchmarkStep measures one message's way through a spool in which many wait, but for
// the disk.
func BenchmarkStep(b *testing.B) {
	for _, waiting := range []int{1_000, 1_000_000} {
		b.Run(strconv.Itoa(waiting), func(b *testing.B) {
			s := &spool{ready: heap{less: byPlace}, delayed: heap{less: byTime}}
			for n := range waiting {
				s.ready.push(&item{entry: entry{place: uint64(n)}})
			}
			now := time.Now()
			for b.Loop() {
				i, _ := s.take(now)
				i.place += uint64(waiting)
				s.ready.push(i)
			}
		})
	}
}

package edge

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// upstream is a node as a box sees it: it judges signatures, and answers what it is
// told to.
type upstream struct {
	*httptest.Server
	key ed25519.PublicKey

	mu     sync.Mutex
	status func(unit, body string) int
	taken  []string
	wrong  int
	counts map[string][]uint64 // numbers that were taken, by device and epoch
}

func newUpstream(t *testing.T, key ed25519.PrivateKey) *upstream {
	t.Helper()
	u := &upstream{counts: map[string][]uint64{}, key: key.Public().(ed25519.PublicKey), status: func(string, string) int { return http.StatusAccepted }}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s := proof.Statement{VouchedBy: proof.VouchedByEdge, Count: 1}
		var seed proof.Seed
		b, _ := base64.RawURLEncoding.DecodeString(r.Header.Get(auth.HeaderSeed))
		copy(seed[:], b)
		s.Root = proof.Root(proof.LeafHashes(nil, &seed, [][]byte{body}))
		_ = s.Unit.UnmarshalText([]byte(r.Header.Get(auth.HeaderDevice)))
		_ = s.Edge.UnmarshalText([]byte(r.Header.Get(auth.HeaderEdge)))
		_ = s.Signature.UnmarshalText([]byte(r.Header.Get(auth.HeaderSignature)))
		s.Sequence, _ = proof.ParseSequence(r.Header.Get(auth.HeaderSequence), r.Header.Get(auth.HeaderMade))
		u.mu.Lock()
		defer u.mu.Unlock()
		if !s.VerifySignature(u.key) {
			u.wrong++
		}
		status := u.status(r.Header.Get(auth.HeaderDevice), string(body))
		if status == http.StatusAccepted {
			u.taken = append(u.taken, string(body))
			by := fmt.Sprintf("%x/%d", s.Unit[0], s.Sequence.Epoch)
			u.counts[by] = append(u.counts[by], s.Sequence.Number)
		}
		w.WriteHeader(status)
		if status == http.StatusAccepted {
			_ = json.NewEncoder(w).Encode(map[string]any{"unit": s.Unit, "count": 1, "root": s.Root, "vouchedBy": proof.VouchedByEdge})
		}
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) answers(status func(unit, body string) int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status = status
}

func (u *upstream) has() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.taken)
}

var monitor = proof.Hash{4}

func newBox(t *testing.T, dir string, key ed25519.PrivateKey, u *upstream, limit int64) *Box {
	t.Helper()
	b, err := New(Options{
		Unit: proof.Hash{1}, Key: key, Node: u.URL, HTTP: u.Client(), Spool: dir, Limit: limit,
		Devices: map[Name]proof.Hash{{"icu", "0022"}: monitor},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func run(t *testing.T, b *Box) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return func() { cancel(); <-done }
}

func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !reached(); {
		if time.Now().After(end) {
			t.Fatalf("still waiting for %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func take(t *testing.T, b *Box, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := b.Take(t.Context(), monitor, "", "application/hl7-v2", "", []byte(text), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnOutageLosesNothing: what is taken while the node does not answer is handed over
// once, in order, also by a box that was started anew; nothing of it can be read on
// the disk.
func TestAnOutageLosesNothing(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), newKey(t)
	u := newUpstream(t, key)
	u.answers(func(string, string) int { return http.StatusServiceUnavailable })
	b := newBox(t, dir, key, u, 0)
	stop := run(t, b)
	want := []string{}
	for i := range 20 {
		want = append(want, fmt.Sprintf("MSH|patient %d", i))
	}
	take(t, b, want...)
	take(t, b, want[3]) // its device did not see the answer
	if n, _ := b.Waiting(); n != 20 {
		t.Errorf("%d wait", n)
	}
	stop()
	files, err := filepath.Glob(filepath.Join(dir, "*"+waiting))
	if err != nil || len(files) != 20 {
		t.Errorf("%d files: %v", len(files), err)
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err != nil || bytes.Contains(text, []byte("patient")) {
			t.Fatalf("%s can be read: %v", f, err)
		}
	}

	u.answers(func(string, string) int { return http.StatusAccepted })
	b = newBox(t, dir, key, u, 0)
	stop = run(t, b)
	defer stop()
	await(t, "all to be handed over", func() bool { n, _ := b.Waiting(); return n == 0 })
	got := u.has()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || u.wrong != 0 {
		t.Errorf("%q, %d with a wrong signature", got, u.wrong)
	}
}

// TestOneRefusalStopsNoOther: a message that the node never takes is put aside, one of a
// device that it does not know waits, and others pass.
func TestOneRefusalStopsNoOther(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), newKey(t)
	u := newUpstream(t, key)
	var mu sync.Mutex
	known := false
	u.answers(func(_, body string) int {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case body == "bad":
			return http.StatusUnprocessableEntity
		case body == "stranger" && !known:
			return http.StatusForbidden
		}
		return http.StatusAccepted
	})
	b := newBox(t, dir, key, u, 0)
	defer run(t, b)()
	take(t, b, "bad", "stranger", "good")
	await(t, "the good one", func() bool { return slices.Contains(u.has(), "good") })
	await(t, "the bad one to be put aside", func() bool { n, _ := b.Waiting(); return n == 1 })
	if aside, err := filepath.Glob(filepath.Join(dir, "*"+refused)); err != nil || len(aside) != 1 {
		t.Errorf("%q %v", aside, err)
	}
	mu.Lock()
	known = true
	mu.Unlock()
	await(t, "the stranger that is known now", func() bool { return slices.Contains(u.has(), "stranger") })
}

func TestAFullSpoolTakesNoMore(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	u := newUpstream(t, key)
	b := newBox(t, t.TempDir(), key, u, 2000)
	take(t, b, "a", "b")
	err := b.Take(t.Context(), monitor, "", "application/hl7-v2", "", []byte("c"), bytes.Repeat([]byte("x"), 2000))
	if ledger.CodeOf(err) != ledger.CodeBusy {
		t.Errorf("%v", err)
	}
	take(t, b, "a") // is there already
	defer run(t, b)()
	await(t, "room", func() bool { n, size := b.Waiting(); return n == 0 && size == 0 })
	take(t, b, "c")
}

func TestAnAlteredMessageIsPutAside(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), newKey(t)
	u := newUpstream(t, key)
	b := newBox(t, dir, key, u, 0)
	take(t, b, "first", "second")
	files, err := filepath.Glob(filepath.Join(dir, "*"+waiting))
	if err != nil || len(files) != 2 {
		t.Fatalf("%q %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	text[20] ^= 1
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	// A message under another's name is no other message.
	if err := os.WriteFile(filepath.Join(dir, strings.TrimSuffix(filepath.Base(files[1]), waiting)+waiting+partial), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b = newBox(t, dir, key, u, 0)
	defer run(t, b)()
	await(t, "both to be settled", func() bool { n, _ := b.Waiting(); return n == 0 })
	if got := u.has(); !slices.Equal(got, []string{"second"}) {
		t.Errorf("%q", got)
	}
	if _, err := New(Options{Node: u.URL, Spool: dir, Key: newKey(t)}); err != nil {
		t.Errorf("with another key: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "1-x"+waiting), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Node: u.URL, Spool: dir, Key: key}); err == nil {
		t.Error("a file that is none of its own is passed over")
	}
}

// TestAMessageThatCannotBeReadNowWaits: a disk or a table of files that fails for a moment
// costs no message that was acknowledged.
func TestAMessageThatCannotBeReadNowWaits(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), newKey(t)
	u := newUpstream(t, key)
	b := newBox(t, dir, key, u, 0)
	take(t, b, "kept")
	files, err := filepath.Glob(filepath.Join(dir, "*"+waiting))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q %v", files, err)
	}
	aside := filepath.Join(t.TempDir(), "aside")
	if err := errors.Join(os.Rename(files[0], aside), os.Mkdir(files[0], 0o700)); err != nil { // reads fail, and it is there
		t.Fatal(err)
	}
	i, _ := b.spool.take(time.Now())
	b.send(t.Context(), i)
	if n, _ := b.Waiting(); n != 1 {
		t.Fatalf("%d wait", n)
	}
	if err := errors.Join(os.Remove(files[0]), os.Rename(aside, files[0])); err != nil {
		t.Fatal(err)
	}
	defer run(t, b)()
	await(t, "it to be handed over", func() bool { n, _ := b.Waiting(); return n == 0 })
	if got := u.has(); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("%q", got)
	}
}

func TestManyConnectionsTakeOneMessageOnce(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	u := newUpstream(t, key)
	b := newBox(t, t.TempDir(), key, u, 0)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { take(t, b, "the same") })
	}
	all.Wait()
	if n, size := b.Waiting(); n != 1 || size <= 0 {
		t.Errorf("%d wait, %d bytes", n, size)
	}
	defer run(t, b)()
	await(t, "it to be handed over", func() bool { n, size := b.Waiting(); return n == 0 && size == 0 })
}

// BenchmarkTake measures messages made durable at the box.
func BenchmarkTake(b *testing.B) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	box, err := New(Options{Node: "http://127.0.0.1:1", Unit: proof.Hash{1}, Key: key, Spool: b.TempDir(), Limit: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	text := bytes.Repeat([]byte("OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC|1.1.1.1|72\r"), 20)
	n := 0
	for b.Loop() {
		n++
		if err := box.Take(b.Context(), monitor, "", "application/hl7-v2", "", fmt.Append(nil, n), text); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}

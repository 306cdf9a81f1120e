package collect

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// crashDir turns this test program into a node that follows a file in a folder until it is
// killed; its store is in crashPlace.
const (
	crashDir   = "SECANT_COLLECT_CRASH_DIR"
	crashPlace = "SECANT_COLLECT_CRASH_STORE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// tellingStore writes a byte when it begins to keep a batch, and one when it is kept.
type tellingStore struct{ *store.Store }

func (s tellingStore) TakeIn(ctx context.Context, b *fact.Batch) (fact.BatchOutcome, error) {
	_, _ = os.Stdout.WriteString("(")
	out, err := s.Store.TakeIn(ctx, b)
	_, _ = os.Stdout.WriteString(")")
	return out, err //nolint:wrapcheck // the store's own
}

func crashChild(dir string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, os.Getenv(crashPlace), store.Options{Organisation: "north"})
	if err != nil {
		return err
	}
	format, _ := adapt.Lookup("eve")
	c, err := New(tellingStore{s}, Options{
		Collection: "own", Keep: 1_000_000, Age: time.Hour, Wake: func() {},
		Sources: []Source{{Name: "test", Format: format, Way: File(filepath.Join(dir, "eve.json")), Every: time.Millisecond}},
	})
	if err != nil {
		return err
	}
	return c.Run(ctx)
}

// A process that is killed while it keeps what it read loses nothing and keeps nothing
// twice: what was kept without its place comes again and is known.
func TestKilledWhileItKeeps(t *testing.T) {
	t.Parallel()
	lines, rounds := 9_500, 5
	if testing.Short() {
		lines, rounds = 3_500, 2
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir, place := t.TempDir(), storetest.Place(t)
	var text strings.Builder
	for n := range lines {
		text.WriteString(line(n) + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "eve.json"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for range rounds {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashDir+"="+dir, crashPlace+"="+place)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		guard := time.AfterFunc(time.Minute, func() { _ = child.Process.Kill() })
		_, _ = io.ReadFull(out, make([]byte, 1+random.IntN(3)))
		time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
		_ = child.Process.Kill()
		guard.Stop()
		if err := child.Wait(); err == nil || child.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the node was not killed: %v", err)
		}
	}
	w := &world{tb: t, place: place}
	w.open()
	defer w.store.Close()
	before := len(w.titles())
	w.must(File(filepath.Join(dir, "eve.json")), eve(t))
	wantLines(t, w, lines)
	s := w.state()
	if s.New != int64(lines) {
		t.Errorf("%d were new, want %d", s.New, lines)
	}
	t.Logf("%d of %d were kept by processes that were killed; %d came again", before, lines, s.Known)
}

package worker_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/analytics/log/logtest"
	"github.com/secant-platform/secant/analytics/worker"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

func openLog(t *testing.T, dir string) *log.Log {
	t.Helper()
	return openLogOf(t, north, dir)
}

func openLogOf(t *testing.T, org, dir string) *log.Log {
	t.Helper()
	logtest.Remove(t, dir)
	l, err := log.Open(context.Background(), dir, log.Options{
		Origin: log.OriginOf("test", org), CheckpointInterval: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func copyLog(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(to, "key"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func closeLog(t *testing.T, l *log.Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// add adds n entries that differ by label and returns the log's size.
func add(t *testing.T, l *log.Log, label string, n int) uint64 {
	t.Helper()
	var last uint64
	for i := range n {
		index, err := l.Add(t.Context(), sha256.Sum256(fmt.Appendf(nil, "%s %d", label, i)))()
		if err != nil {
			t.Fatal(err)
		}
		last = index
	}
	if _, err := l.Await(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	return last + 1
}

// anchoredUpTo waits until the newest anchor covers size entries.
func anchoredUpTo(t *testing.T, n *node, l *log.Log, size uint64) {
	t.Helper()
	for {
		row, found, err := n.store.LastAnchor(t.Context(), ledger.StreamID(l.Verifier()))
		if err != nil {
			t.Fatal(err)
		}
		if found && row.Record.Size >= size {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestTheLogIsAnchoredAndGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	dir, logDir := storetest.Place(t), filepath.Join(t.TempDir(), "log")
	for round := range 3 {
		l := openLog(t, logDir)
		conn := net.connect(north)
		conn.submits = []fault{lostAfter, lostBefore, lostPending, none, lostAfter}
		n := start(t, conn, dir, worker.Options{Log: l})
		<-n.Verified()
		for range 3 {
			size := add(t, l, strconv.Itoa(round), 5)
			anchoredUpTo(t, n, l, size)
		}
		if s, err := n.Status(t.Context()); err != nil || !s.Verified || s.Anchor == nil {
			t.Errorf("status %+v, %v; want a verified log with an anchor", s, err)
		}
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
		closeLog(t, l)
	}
	// The channel's own check, at the end, holds that each anchor follows the one before.
}

func TestALaggingEndorserDelaysAnAnchorOnly(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	l := openLog(t, filepath.Join(t.TempDir(), "log"))
	defer closeLog(t, l)
	conn := net.connect(north)
	n := start(t, conn, storetest.Place(t), worker.Options{Log: l})
	defer n.stop()
	anchoredUpTo(t, n, l, add(t, l, "a", 1))
	conn.mu.Lock()
	for range 3 {
		conn.refuse = append(conn.refuse, ledger.Problemf(ledger.CodeBusy, "this peer does not know the previous anchor yet"))
	}
	conn.mu.Unlock()
	anchoredUpTo(t, n, l, add(t, l, "b", 1))
}

// runWithLog runs a worker until it ends by itself.
func runWithLog(t *testing.T, net *channel, dir string, l *log.Log) error {
	t.Helper()
	s, err := store.Open(t.Context(), dir, store.Options{Organisation: north})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := worker.New(net.connect(north), s, worker.Options{Organisation: north, Log: l})
	if err != nil {
		t.Fatal(err)
	}
	return w.Run(t.Context())
}

// anchored makes a log with an anchor and returns the store's place and the log's
// directory, and a copy of the log as it was before its newest entries.
func anchored(t *testing.T, net *channel) (dir, logDir, backup string) {
	t.Helper()
	dir, logDir, backup = storetest.Place(t), filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "backup")
	l := openLog(t, logDir)
	add(t, l, "early", 3)
	closeLog(t, l)
	copyLog(t, backup, logDir)
	l = openLog(t, logDir)
	n := start(t, net.connect(north), dir, worker.Options{Log: l})
	anchoredUpTo(t, n, l, add(t, l, "late", 3))
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	return dir, logDir, backup
}

func TestALogThatDoesNotContinueItsLastAnchorStopsTheNode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		then func(t *testing.T, l *log.Log) // with the restored log, before the worker runs
		want string
	}{
		{"restored from an old backup", func(*testing.T, *log.Log) {}, "restored from an old backup"},
		{"forked", func(t *testing.T, l *log.Log) { t.Helper(); add(t, l, "other", 9) }, "not those that were anchored"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			net := newChannel(t)
			dir, _, backup := anchored(t, net)
			l := openLog(t, backup)
			defer closeLog(t, l)
			c.then(t, l)
			// With its own read model, and with an empty one: the whole node was
			// restored, and only the ledger knows.
			for name, d := range map[string]string{"store kept": dir, "store lost": storetest.Place(t)} {
				if err := runWithLog(t, net, d, l); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: got %v, want an error that says %q", name, err, c.want)
				}
			}
		})
	}
}

// A second copy of the log, at work while the first one runs, is found out as
// soon as the first one wants to anchor.
func TestASecondCopyOfTheLogStopsTheNode(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	dir, logDir, _ := anchored(t, net)
	twin := filepath.Join(t.TempDir(), "twin")
	copyLog(t, twin, logDir)
	l := openLog(t, logDir)
	defer closeLog(t, l)
	s, err := store.Open(t.Context(), dir, store.Options{Organisation: north})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := worker.New(net.connect(north), s, worker.Options{Organisation: north, Log: l})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var ended error
	wg.Go(func() { ended = w.Run(t.Context()) })
	<-w.Verified()

	l2 := openLog(t, twin)
	defer closeLog(t, l2)
	n2 := start(t, net.connect(north), storetest.Place(t), worker.Options{Log: l2})
	defer n2.stop()
	anchoredUpTo(t, n2, l2, add(t, l2, "twin", 2))
	add(t, l, "first", 5)
	wg.Wait()
	if ended == nil || !strings.Contains(ended.Error(), "were anchored") {
		t.Errorf("got %v, want an error that says that the log does not continue its last anchor", ended)
	}
}

func TestALostLogStopsTheNode(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	dir, _, _ := anchored(t, net)
	l := openLog(t, filepath.Join(t.TempDir(), "new"))
	defer closeLog(t, l)
	if err := runWithLog(t, net, dir, l); err == nil || !strings.Contains(err.Error(), "another integrity log") {
		t.Errorf("got %v, want an error that names the other log", err)
	}
}

// TestASuccessorTakesALostLogsPlace: a node with a new log says what to do, goes
// on with it once the members agreed, and a node with the old one is told.
func TestASuccessorTakesALostLogsPlace(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	dir, old, _ := anchored(t, net)
	l := openLog(t, filepath.Join(t.TempDir(), "new"))
	defer closeLog(t, l)
	next := ledger.StreamID(l.Verifier())
	err := runWithLog(t, net, dir, l)
	var live ledger.Stream
	if err := net.Ledger.Evaluate(net.Ledger.Client(south, ""), ledger.AnchorGetLive, ledger.GetLive{Owner: north}, &live); err != nil {
		t.Fatal(err)
	}
	last := lastSequence(t, net, live.ID)
	for _, told := range []string{live.ID, next, "lastSequence " + strconv.FormatUint(last, 10), l.Verifier()} {
		if err == nil || !strings.Contains(err.Error(), told) {
			t.Errorf("the node does not say %s: %v", told, err)
		}
	}
	proposal, voters, err := net.Ledger.Approve(ledger.Propose{Kind: ledger.ProposeSucceedStream, Reason: "a lost disk", Subject: ledger.ProposalSubject{
		Stream: live.ID, Successor: next, LastSequence: last,
	}})
	if err != nil {
		t.Fatal(err)
	}
	req := ledger.SucceedStream{Proposal: proposal, Verifier: l.Verifier(), Voters: voters}
	if err := net.Ledger.Submit(net.Ledger.Client(north, ledger.RoleAnchorer), ledger.AnchorSucceed, req, nil); err != nil {
		t.Fatal(err)
	}
	n := start(t, net.connect(north), dir, worker.Options{Log: l})
	anchoredUpTo(t, n, l, add(t, l, "new", 3))
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	found := openLog(t, old)
	defer closeLog(t, found)
	if err := runWithLog(t, net, dir, found); err == nil || !strings.Contains(err.Error(), proposal) || !strings.Contains(err.Error(), next) {
		t.Errorf("got %v, want an error that says that the log was given up", err)
	}
}

func lastSequence(t *testing.T, net *channel, stream string) uint64 {
	t.Helper()
	for n := uint64(0); ; n++ {
		err := net.Ledger.Evaluate(net.Ledger.Client(south, ""), ledger.AnchorGet, ledger.GetAnchor{Stream: stream, Sequence: n}, nil)
		switch {
		case ledger.CodeOf(err) == ledger.CodeNotFound && n > 0:
			return n - 1
		case err != nil:
			t.Fatal(err)
		}
	}
}

func TestSomebodyElsesStreamStopsTheNode(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	l := openLogOf(t, south, filepath.Join(t.TempDir(), "log"))
	defer closeLog(t, l)
	owner := net.Ledger.Client(south, ledger.RoleAnchorer)
	if err := net.Ledger.Submit(owner, ledger.AnchorOpen, ledger.OpenStream{Verifier: l.Verifier()}, nil); err != nil {
		t.Fatal(err)
	}
	if err := runWithLog(t, net, storetest.Place(t), l); err == nil || !strings.Contains(err.Error(), "belongs to "+south) {
		t.Errorf("got %v, want an error that names the owner", err)
	}
}

// failingLog fails once in a while, as a disk does.
type failingLog struct {
	*log.Log
	mu   sync.Mutex
	left int
}

func (f *failingLog) Consistency(ctx context.Context, from, to uint64) ([][]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left >= 0 {
		return nil, errors.New("the disk did not answer")
	}
	return f.Log.Consistency(ctx, from, to)
}

func TestAPassingFaultOfTheLogIsRetried(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	l := openLog(t, filepath.Join(t.TempDir(), "log"))
	defer closeLog(t, l)
	n := start(t, net.connect(north), storetest.Place(t), worker.Options{Log: &failingLog{Log: l, left: 2}})
	defer n.stop()
	anchoredUpTo(t, n, l, add(t, l, "a", 1))
	anchoredUpTo(t, n, l, add(t, l, "b", 1))
}

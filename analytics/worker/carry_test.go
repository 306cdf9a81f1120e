package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/worker"
	"github.com/secant-platform/secant/chaincode/client/clienttest"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// node is a running worker with its store.
type node struct {
	*worker.Worker
	store *store.Store
	dir   string
	stop  func() error // ends the worker and closes the store; harmless when repeated
}

func start(t *testing.T, c *conn, dir string, o worker.Options) *node {
	t.Helper()
	s, err := store.Open(context.Background(), dir, store.Options{Organisation: c.org})
	if err != nil {
		t.Fatal(err)
	}
	o.Organisation = c.org
	w, err := worker.New(c, s, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var err2 error
	var wg sync.WaitGroup
	wg.Go(func() { err2 = w.Run(ctx) })
	n := &node{Worker: w, store: s, dir: dir}
	n.stop = sync.OnceValue(func() error {
		cancel()
		wg.Wait()
		return errors.Join(err2, s.Check(context.Background()), s.Close())
	})
	t.Cleanup(func() {
		if err := n.stop(); err != nil {
			t.Errorf("the worker ended with %v", err)
		}
	})
	return n
}

func model(di string) ledger.RegisterModel {
	return ledger.RegisterModel{DI: di, Name: "Pump", ModelNumber: "P1", RiskClass: "IIb"}
}

func TestDoReturnsWhenTheReadModelShowsIt(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	n := start(t, net.connect(medtech), storetest.Place(t), worker.Options{})
	op, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a"))
	if err != nil {
		t.Fatal(err)
	}
	row, err := n.store.Model(t.Context(), "a")
	if err != nil {
		t.Fatalf("the read model does not show what Do returned for: %v", err)
	}
	if row.Origin.Tx != op.Tx || row.Origin.Block != op.Block || op.State != fact.StateDone || len(op.Result) == 0 {
		t.Errorf("operation %+v, row of %+v", op, row.Origin)
	}
	stored, err := n.store.Operation(t.Context(), op.ID)
	if err != nil || stored.State != fact.StateDone || stored.Tx != op.Tx || string(stored.Result) != string(op.Result) {
		t.Errorf("stored operation %+v, %v", stored, err)
	}
}

func TestRefusalsComeBackAtOnce(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	n := start(t, net.connect(medtech), storetest.Place(t), worker.Options{})
	do := func(name string, req any) error {
		_, err := n.Do(t.Context(), ledger.RoleRegistrar, name, req)
		return err
	}
	if err := do(ledger.DeviceRegisterModel, model("a")); err != nil {
		t.Fatal(err)
	}
	revision := ledger.RegisterOrganisation{
		Name: "M", Kind: ledger.KindManufacturer, Endpoint: "http://m", TokenKey: ledger.Digest("k", nil), Revision: 7,
	}
	for _, c := range []struct {
		name string
		err  error
		want ledger.Code
	}{
		{"exists", do(ledger.DeviceRegisterModel, model("a")), ledger.CodeAlreadyExists},
		{"not valid", do(ledger.DeviceRegisterModel, ledger.RegisterModel{DI: "b"}), ledger.CodeInvalid},
		{"a conflict that the contract states", do(ledger.IdentityRegister, revision), ledger.CodeConflict},
		{"not found", do(ledger.DevicePublishRelease, ledger.PublishRelease{
			DI: "zz", Version: "1", SBOMDigest: ledger.Digest("x", nil), SBOMFormat: ledger.FormatCycloneDX,
		}), ledger.CodeNotFound},
	} {
		var p *ledger.Problem
		if !errors.As(c.err, &p) || p.Code != c.want {
			t.Errorf("%s: got %v, want %s", c.name, c.err, c.want)
		}
	}
	if open, err := n.store.Unfinished(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("%d refused commands are unfinished, %v", len(open), err)
	}
}

func TestACommandTakesEffectOnceWhateverHappens(t *testing.T) {
	t.Parallel()
	busy := ledger.Problemf(ledger.CodeBusy, "a peer lags")
	gone := ledger.Problemf(ledger.CodeUnavailable, "no peer")
	for _, c := range []struct {
		name     string
		submits  []fault
		refuse   []error
		attempts int // transactions endorsed
	}{
		{"nothing", nil, nil, 1},
		{"never sent", []fault{unsent, unsent}, nil, 1},
		{"lost before the orderers", []fault{lostBefore, lostBefore}, nil, 1},
		{"committed but not told", []fault{lostAfter}, nil, 1},
		{"ordered late", []fault{lostPending, lostBefore, lostBefore}, nil, 1},
		{"a conflict", []fault{conflicted, conflicted}, nil, 3},
		{"a conflict, then lost", []fault{conflicted, lostBefore, lostAfter}, nil, 2},
		{"endorsers lag", nil, []error{busy, busy}, 1},
		{"no peer, then lost", []fault{lostAfter}, []error{gone, busy}, 1},
		{"errors that nobody knows", nil, []error{errors.New("odd"), errors.New("odd")}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			net := newChannel(t)
			before := net.models()
			conn := net.connect(medtech)
			conn.submits, conn.refuse = c.submits, c.refuse
			n := start(t, conn, storetest.Place(t), worker.Options{})
			op, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a"))
			if err != nil {
				t.Fatal(err)
			}
			if op.Attempts != c.attempts {
				t.Errorf("%d transactions were endorsed, want %d", op.Attempts, c.attempts)
			}
			if got := net.models() - before; got != 1 {
				t.Errorf("%d transactions took effect, want 1", got)
			}
		})
	}
}

// A transaction that was given up as stale may still come in: the one that
// replaced it then fails because of it, and the command is done all the same.
func TestAStaleTransactionMayStillDoIt(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	conn := net.connect(medtech)
	conn.submits = []fault{lostPending}
	n := start(t, conn, storetest.Place(t), worker.Options{Fresh: time.Nanosecond})
	net.Halt()
	time.AfterFunc(600*time.Millisecond, func() { net.Resume() })
	conn.SetCommitTimeout(100 * time.Millisecond)
	if _, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a")); err != nil {
		t.Fatal(err)
	}
	if got := net.models(); got != 2 { // one is the seed's
		t.Errorf("%d transactions took effect, want 1", got-1)
	}
}

// A transaction whose success nobody could tell is replaced when it is stale;
// the new one is refused because of that success, which is then found out.
func TestARefusalByItsOwnSuccessIsSuccess(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	conn := net.connect(medtech)
	conn.submits = []fault{lostAfter}
	var prepared, asked atomic.Int32
	conn.Inject(func(step clienttest.Step, _ string) clienttest.Fault {
		switch {
		case step == clienttest.StepPrepare:
			prepared.Add(1)
		case step == clienttest.StepOutcome && prepared.Load() < 2, // nobody can tell
			step == clienttest.StepFollow && asked.Load() == 0: // and the read model lags
			return clienttest.Fault{Err: ledger.Problemf(ledger.CodeUnavailable, "no answer")}
		case step == clienttest.StepOutcome:
			asked.Add(1)
		}
		return clienttest.Fault{}
	})
	n := start(t, conn, storetest.Place(t), worker.Options{Fresh: time.Nanosecond})
	op, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a"))
	if err != nil {
		t.Fatal(err)
	}
	if op.Attempts != 1 || prepared.Load() != 2 || net.models() != 2 {
		t.Errorf("%d endorsed of %d tries, %d models; want 1 of 2, and 2 with the seed's", op.Attempts, prepared.Load(), net.models())
	}
}

func TestCrashAtEachStepLosesNothingAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for _, step := range []string{worker.StepStored, worker.StepEndorsed, worker.StepSubmitted, worker.StepCommitted, worker.StepProjected} {
		for _, f := range []fault{none, lostBefore, lostAfter, lostPending} {
			t.Run(fmt.Sprintf("%s/%d", step, f), func(t *testing.T) {
				t.Parallel()
				crash(t, step, f)
			})
		}
	}
}

// crash lets ten commands run until one reaches a step, ends the worker there,
// and starts another over the same store.
func crash(t *testing.T, step string, f fault) {
	t.Helper()
	net := newChannel(t)
	dir := storetest.Place(t)
	conn := net.connect(medtech)
	conn.submits = []fault{f}
	reached := make(chan struct{})
	first := true
	var mu sync.Mutex
	var n *node
	ready := make(chan struct{})
	n = start(t, conn, dir, worker.Options{Step: func(name string) {
		mu.Lock()
		dies := name == step && first
		first = first && !dies
		mu.Unlock()
		if dies {
			close(reached)
			<-ready // until the context is ended: nothing after this step happens
		}
	}})
	ids := make(chan string, 10)
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for i := range 10 {
		callers.Go(func() {
			op, err := n.Do(ctx, ledger.RoleRegistrar, ledger.DeviceRegisterModel, model(fmt.Sprintf("m%d", i)))
			var pending *fact.Pending
			switch {
			case err == nil:
				ids <- op.ID
			case errors.As(err, &pending):
				ids <- pending.Operation
			default: // the node died before it had stored the command
				ids <- ""
			}
		})
	}
	<-reached
	time.AfterFunc(20*time.Millisecond, func() { close(ready) })
	cancel()
	if err := n.stop(); err != nil {
		t.Errorf("the first worker ended with %v", err)
	}
	callers.Wait()
	close(ids)

	n = start(t, conn, dir, worker.Options{})
	want := 0
	for id := range ids {
		if id == "" {
			continue
		}
		want++
		for {
			op, err := n.store.Operation(t.Context(), id)
			if err != nil {
				t.Fatalf("an accepted command is gone: %v", err)
			}
			if op.State == fact.StateDone {
				break
			}
			if op.State == fact.StateFailed {
				t.Fatalf("an accepted command failed: %v", op.Problem)
			}
			time.Sleep(time.Millisecond)
		}
	}
	if got := net.models() - 1; got != want { // one is the seed's
		t.Errorf("%d transactions took effect for %d accepted commands", got, want)
	}
}

package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/worker"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

func TestManyCommandsAtOnce(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	conn := net.connect(medtech)
	for range 40 {
		conn.submits = append(conn.submits, none, conflicted, lostAfter, none, lostBefore)
	}
	n := start(t, conn, storetest.Place(t), worker.Options{})
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			if _, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model(fmt.Sprintf("m%d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := net.models() - 1; got != 300 {
		t.Errorf("%d transactions took effect, want 300", got)
	}
	s, err := n.Status(t.Context())
	if err != nil || s.Open != 0 || !s.Oldest.IsZero() || s.Next != s.Height {
		t.Errorf("status %+v, %v; want nothing open and no lag", s, err)
	}
}

func TestCommandsStartInOrderOfArrival(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	dir := storetest.Place(t)
	s, err := store.Open(t.Context(), dir, store.Options{Organisation: medtech})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 50 {
		req, err := json.Marshal(model(fmt.Sprintf("m%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, string(req))
		if _, _, err := s.Enqueue(t.Context(), "", ledger.RoleRegistrar, ledger.DeviceRegisterModel, req); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	conn := net.connect(medtech)
	n := start(t, conn, dir, worker.Options{Concurrency: 1})
	for {
		open, err := n.store.Unfinished(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(open) == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	conn.mu.Lock()
	defer conn.mu.Unlock()
	if !slices.Equal(conn.started, want) {
		t.Errorf("started in the order %v", conn.started)
	}
}

func TestCommandsOfOneRecordRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	n := start(t, net.connect(medtech), storetest.Place(t), worker.Options{})
	ids := map[int]string{}
	for revision := 2; revision <= 6; revision++ { // all under way at once
		op, err := n.Start(t.Context(), "", ledger.RoleRegistrar, ledger.IdentityRegister, ledger.RegisterOrganisation{
			Name: "M", Kind: ledger.KindManufacturer, Endpoint: "http://m", TokenKey: ledger.Digest("k", nil), Revision: revision,
		})
		if err != nil {
			t.Fatal(err)
		}
		ids[revision] = op.ID
	}
	for revision, id := range ids {
		for {
			op, err := n.store.Operation(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if op.State.Finished() {
				if op.State != fact.StateDone {
					t.Errorf("revision %d failed: %v", revision, op.Problem)
				}
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func TestTheSameCommandIsCarriedOnce(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	n := start(t, net.connect(medtech), storetest.Place(t), worker.Options{})
	net.Halt()
	var wg sync.WaitGroup
	ids := make([]string, 20)
	for i := range ids {
		wg.Go(func() {
			op, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a"))
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = op.ID
		})
	}
	time.Sleep(50 * time.Millisecond)
	net.Resume()
	wg.Wait()
	if ids = slices.Compact(ids); len(ids) != 1 {
		t.Errorf("%d operations for one command under way", len(ids))
	}
}

func TestACallersKeyServesOnce(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	n := start(t, net.connect(medtech), storetest.Place(t), worker.Options{})
	do := func(key string, req any) (*fact.Operation, error) {
		return n.DoOnce(t.Context(), key, ledger.RoleRegistrar, ledger.DeviceRegisterModel, req)
	}
	first, err := do("k1", model("a"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := do("k1", model("a"))
	if err != nil || again.ID != first.ID || string(again.Result) != string(first.Result) {
		t.Errorf("the same key again: %+v, %v; want the first operation", again, err)
	}
	if _, err := do("k1", model("b")); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Errorf("the same key for another command: got %v, want conflict", err)
	}
	if _, err := do("k2", model("a")); ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		t.Errorf("another key for the same command: got %v, want already_exists", err)
	}
	if _, err := do("k2", model("a")); ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		t.Errorf("the key of a failed command: got %v, want its problem again", err)
	}
}

func TestWaitingEndsAndTheCommandGoesOn(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	n := start(t, net.connect(medtech), storetest.Place(t), worker.Options{Wait: time.Second})
	net.Halt()
	_, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a"))
	var pending *fact.Pending
	if !errors.As(err, &pending) {
		t.Fatalf("got %v, want a pending operation", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := n.Do(ctx, ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("b")); !errors.As(err, &pending) {
		t.Fatalf("a caller who leaves: got %v, want a pending operation", err)
	}
	net.Resume()
	for {
		op, err := n.store.Operation(t.Context(), pending.Operation)
		if err != nil {
			t.Fatal(err)
		}
		if op.State == fact.StateDone {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	conn := net.connect(medtech)
	conn.SetCommitTimeout(20 * time.Millisecond)
	n := start(t, conn, storetest.Place(t), worker.Options{Patience: 300 * time.Millisecond})
	net.Halt()
	_, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a"))
	if ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Fatalf("got %v, want unavailable", err)
	}
	// It was sent, so it comes in when the orderers are back, and the operation
	// tells the truth then.
	net.Resume()
	for net.models() < 2 {
		time.Sleep(time.Millisecond)
	}
	waitProjected(t, n, net)
	events, err := n.store.Events(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(events, func(e fact.Event) bool { return e.Kind == fact.EventOperationFailed })
	if i < 0 {
		t.Fatal("no event tells that the command failed")
	}
	op, err := n.store.Operation(t.Context(), events[i].Key[1])
	if err != nil || op.State != fact.StateDone || op.Problem != nil {
		t.Errorf("operation %+v, %v; want done after all", op, err)
	}
}

func waitProjected(t *testing.T, n *node, net *channel) {
	t.Helper()
	for {
		next, err := n.store.NextBlock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if next == net.Ledger.Height() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestTooManyCommandsAreRefusedBusy(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	n := start(t, net.connect(medtech), storetest.Place(t), worker.Options{Backlog: 3, Concurrency: 1, Wait: time.Millisecond})
	net.Halt()
	var codes []ledger.Code
	for i := range 5 {
		_, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model(fmt.Sprintf("m%d", i)))
		var pending *fact.Pending
		if errors.As(err, &pending) {
			codes = append(codes, "pending")
		} else {
			codes = append(codes, ledger.CodeOf(err))
		}
	}
	if want := []ledger.Code{"pending", "pending", "pending", ledger.CodeBusy, ledger.CodeBusy}; !slices.Equal(codes, want) {
		t.Errorf("got %v, want %v", codes, want)
	}
	net.Resume()
	for net.models()-1 < 3 {
		time.Sleep(time.Millisecond)
	}
	waitProjected(t, n, net)
	if _, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("later")); ledger.CodeOf(err) == ledger.CodeBusy {
		t.Error("places are not given back")
	}
}

func TestAnotherLedgerStopsTheWorker(t *testing.T) {
	t.Parallel()
	dir := storetest.Place(t)
	first := newChannel(t)
	n := start(t, first.connect(medtech), dir, worker.Options{})
	if _, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a")); err != nil {
		t.Fatal(err)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	second := newChannel(t)
	for _, di := range []string{"x", "y"} {
		if err := second.Ledger.Submit(second.Ledger.Client(medtech, ledger.RoleRegistrar), ledger.DeviceRegisterModel, model(di), nil); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(t.Context(), dir, store.Options{Organisation: medtech})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := worker.New(second.connect(medtech), s, worker.Options{Organisation: medtech})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context()); !errors.Is(err, store.ErrOtherLedger) {
		t.Errorf("got %v, want ErrOtherLedger", err)
	}
	if _, err := w.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("b")); err == nil {
		t.Error("a worker that has ended took a command")
	}
}

func TestStartDoesNotWait(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	n := start(t, net.connect(medtech), storetest.Place(t), worker.Options{})
	net.Halt()
	op, err := n.Start(t.Context(), "", ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a"))
	if err != nil || op.State != fact.StateStored {
		t.Fatalf("operation %+v, %v; want one that is stored", op, err)
	}
	again, err := n.Start(t.Context(), "", ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a"))
	if err != nil || again.ID != op.ID {
		t.Errorf("the same command again: %+v, %v; want the operation under way", again, err)
	}
	net.Resume()
	done, err := n.Do(t.Context(), ledger.RoleRegistrar, ledger.DeviceRegisterModel, model("a"))
	if ledger.CodeOf(err) == ledger.CodeAlreadyExists {
		return // it was done before this call
	}
	if err != nil || done.ID != op.ID {
		t.Errorf("waiting for it: %+v, %v", done, err)
	}
}

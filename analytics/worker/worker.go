package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Worker owns a node's loops.
type Worker struct {
	ledger  Ledger
	store   Store
	options Options
	log     *slog.Logger
	metrics *metrics
	hub     *Hub
	http    *fetcher

	desk     *desk         // set before ready is closed
	ready    chan struct{} // closed when unfinished commands are on the desk again
	stopped  chan struct{} // closed when Run has ended
	running  atomic.Bool
	verified chan struct{} // closed when the log was found to continue its last anchor
	next     atomic.Uint64 // number of the next block
	anchored atomic.Pointer[ledger.Anchor]
}

// New makes a worker. It starts nothing; Run does.
func New(l Ledger, s Store, options Options) (*Worker, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(options.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering the worker's metrics: %w", err)
	}
	return &Worker{
		ledger: l, store: s, options: options, log: options.Logger, metrics: m, hub: newHub(), http: newFetcher(&options),
		ready: make(chan struct{}), stopped: make(chan struct{}), verified: make(chan struct{}),
	}, nil
}

// Hub wakes those who wait for something new in the store.
func (w *Worker) Hub() *Hub { return w.hub }

// Verified is closed once the integrity log was found to continue its last
// anchor on the ledger; without a log, when Run begins. Adding to a log before
// that may add to a copy that was restored from a backup.
func (w *Worker) Verified() <-chan struct{} { return w.verified }

// Run runs the loops until ctx ends, and then returns nil: what is unfinished is
// durable and goes on with the next Run of a new worker. It returns an error
// when going on would do harm: the store fails, the ledger is another one, or
// the integrity log does not continue what was anchored. It runs once.
func (w *Worker) Run(ctx context.Context) error {
	if w.running.Swap(true) {
		return errors.New("the worker runs already")
	}
	defer close(w.stopped)
	unfinished, err := w.store.Unfinished(ctx)
	if err != nil {
		return ignoreEnd(ctx, fmt.Errorf("taking up unfinished commands: %w", err))
	}
	next, err := w.store.NextBlock(ctx)
	if err != nil {
		return ignoreEnd(ctx, fmt.Errorf("following the ledger: %w", err))
	}
	w.next.Store(next)
	w.desk = newDesk(w.options.Backlog, len(unfinished))
	w.metrics.open.Set(float64(len(unfinished)))
	for i := range unfinished {
		w.desk.reserve()
		w.desk.put(&unfinished[i])
	}
	g, loops := errgroup.WithContext(ctx)
	g.Go(func() error { return w.follow(loops, next) })
	for range w.options.Concurrency {
		g.Go(func() error { return w.carryAll(loops) })
	}
	if w.options.Log != nil {
		g.Go(func() error { return w.anchor(loops) })
	} else {
		close(w.verified)
	}
	if w.options.Token != nil {
		g.Go(func() error { return w.fetch(loops) })
	}
	if w.options.Assess != nil {
		g.Go(func() error { return w.assess(loops) })
	}
	if w.options.Label != nil {
		g.Go(func() error { return w.label(loops) })
	}
	if w.options.Train != nil {
		g.Go(func() error { return w.train(loops) })
	}
	if w.options.Advise != nil {
		g.Go(func() error { return w.advise(loops) })
	}
	if w.options.Correlate != nil {
		g.Go(func() error { return w.correlate(loops) })
	}
	if w.options.Review != nil {
		g.Go(func() error { return w.review(loops) })
	}
	close(w.ready)
	if err := g.Wait(); err != nil && (ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
		return err
	}
	return nil
}

// Do carries a command to the ledger. It stores the command first, so that it
// is not lost whatever happens then, and waits until this node's read model
// shows what it did. The errors are
//
//   - a *ledger.Problem: the command is refused, or failed for good;
//   - *fact.Pending: it goes on, and its operation will tell (Options.Wait is
//     over, ctx ended, or the node is shutting down).
//
// A command that asks the same as one that is under way shares its outcome.
func (w *Worker) Do(ctx context.Context, role ledger.Role, name string, request any) (*fact.Operation, error) {
	return w.DoOnce(ctx, "", role, name, request)
}

// DoOnce is Do for a caller who may ask again: under the same key the same
// command is carried once, and later calls get its outcome as long as it is
// kept. Another command under that key is a conflict.
func (w *Worker) DoOnce(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	op, t, err := w.accept(ctx, key, role, name, request)
	switch {
	case err != nil:
		return nil, err
	case t == nil:
		return w.join(ctx, *op)
	}
	return w.await(ctx, t)
}

// Start stores a command and returns its operation without waiting for an
// outcome; an empty key is none. A command that was stored before, under this
// key or under way, is returned as far as it has come; its failure is in the
// operation.
func (w *Worker) Start(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	op, _, err := w.accept(ctx, key, role, name, request)
	return op, err
}

// accept makes a command durable and puts it on the desk. It returns no task
// for a command that was stored before.
func (w *Worker) accept(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, *task, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a command: %w", err)
	}
	if limit := ledger.MaxRequestOf(name); len(body) > limit {
		return nil, nil, ledger.Problemf(ledger.CodeTooLarge, "the command is larger than %d bytes", limit)
	}
	select {
	case <-w.stopped:
		return nil, nil, errStopped
	default:
	}
	select {
	case <-w.ready:
	case <-w.stopped:
		return nil, nil, errStopped
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("waiting for the node to start: %w", ctx.Err())
	}
	if !w.desk.reserve() {
		return nil, nil, ledger.Problemf(ledger.CodeBusy, "%d commands are waiting for the ledger", w.options.Backlog)
	}
	op, joined, err := w.store.Enqueue(ctx, key, role, name, body)
	if err != nil || joined {
		w.desk.release()
		return &op, nil, err
	}
	w.metrics.open.Inc()
	w.options.Step(StepStored) // before anyone may take it up
	return &op, w.desk.put(&op), nil
}

// errStopped answers commands that come when the node is shutting down.
var errStopped = &ledger.Problem{Code: ledger.CodeUnavailable, Detail: "the node is shutting down"}

// join waits for a command that another caller brought.
func (w *Worker) join(ctx context.Context, op fact.Operation) (*fact.Operation, error) {
	// Between storing a command and putting it on the desk its first caller may
	// be interrupted for a moment.
	const moment = 5 * time.Millisecond
	for end := time.Now().Add(w.options.Wait); ; {
		if t, ok := w.desk.find(op.Seq); ok {
			return w.await(ctx, t)
		}
		var err error
		if op, err = w.store.Operation(ctx, op.ID); err != nil {
			return nil, err
		}
		switch {
		case op.State == fact.StateDone:
			return &op, nil
		case op.State == fact.StateFailed:
			return nil, op.Problem
		case !time.Now().Before(end) || !sleep(ctx, moment):
			return nil, &fact.Pending{Operation: op.ID}
		}
	}
}

func (w *Worker) await(ctx context.Context, t *task) (*fact.Operation, error) {
	timer := time.NewTimer(w.options.Wait)
	defer timer.Stop()
	select {
	case <-t.done:
	default:
		select {
		case <-t.done:
		case <-timer.C:
			return nil, &fact.Pending{Operation: t.id}
		case <-ctx.Done():
			return nil, &fact.Pending{Operation: t.id}
		case <-w.stopped:
			return nil, &fact.Pending{Operation: t.id}
		}
	}
	if t.failure != nil {
		return nil, t.failure
	}
	op := t.final
	return &op, nil
}

// step tells a step of a task, the first time that it is reached.
func (w *Worker) step(t *task, name string) {
	if w.desk.step(t, name) {
		w.options.Step(name)
	}
}

// guard turns a panic of do into a log entry and reports that there was one.
func (w *Worker) guard(ctx context.Context, what string, do func()) (panicked bool) {
	defer func() {
		if p := recover(); p != nil {
			panicked = true
			w.metrics.recovered.Inc()
			w.log.ErrorContext(ctx, "panic recovered", slog.String("in", what), slog.Any("panic", p),
				slog.String("stack", string(debug.Stack())))
		}
	}()
	do()
	return false
}

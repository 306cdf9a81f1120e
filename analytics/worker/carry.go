package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Waits between tries of one thing: full jitter below a bound that doubles.
const (
	firstWait = 50 * time.Millisecond
	longWait  = 5 * time.Second
)

// faults is how often an error that is no Problem is met before a command fails
// by it.
const faults = 5

// carryAll carries commands in their order of arrival, one at a time, until ctx
// ends.
func (w *Worker) carryAll(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case t := <-w.desk.ready:
			var err error
			if w.guard(ctx, t.name, func() { err = w.carry(ctx, t) }) {
				err = w.fail(ctx, t, ledger.Problemf(ledger.CodeInternal, "the node failed at this command"))
			}
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("carrying a command: %w", err)
			}
		}
	}
}

// undecided is the reason to try again: why the last try did not decide it.
type undecided struct{ cause error }

func (u *undecided) Error() string { return u.cause.Error() }
func (u *undecided) Unwrap() error { return u.cause }

// carry takes a command to its end: until a block has decided it, or it is
// refused, or patience is over. It returns an error when the store fails.
func (w *Worker) carry(ctx context.Context, t *task) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !w.desk.begin(t, cancel) {
		return nil
	}
	w.resume(ctx, t)
	met := 0
	for try := 0; ctx.Err() == nil; try++ {
		err := w.attempt(ctx, t)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if broken, ok := errors.AsType[*storeError](err); ok {
			return broken
		}
		reason, again := errors.AsType[*undecided](err)
		if again {
			err = reason.cause
		}
		problem, ok := errors.AsType[*ledger.Problem](err)
		if !ok {
			met++
			again = met < faults
			w.log.WarnContext(ctx, "command met a fault", logTask(t), slog.Any("error", err))
			problem = ledger.Problemf(ledger.CodeInternal, "the ledger could not carry out this command")
		}
		if again && time.Since(t.stored) >= w.options.Patience {
			again = false
			if len(t.open) > 0 {
				problem = ledger.Problemf(ledger.CodeUnavailable, "the ledger did not confirm in time; the command may still take effect")
			}
		}
		if !again {
			return w.fail(ctx, t, problem)
		}
		w.metrics.retries.WithLabelValues(string(problem.Code)).Inc()
		sleep(ctx, pause(try))
	}
	return nil
}

// resume takes up the transaction that was under way when the node stopped.
func (w *Worker) resume(ctx context.Context, t *task) {
	if t.envelope == nil {
		return
	}
	envelope := t.envelope
	t.envelope = nil
	p, err := w.ledger.Restore(t.role, envelope)
	if err != nil {
		w.log.WarnContext(ctx, "stored transaction could not be restored", logTask(t), slog.Any("error", err))
		return // its id is among the open ones
	}
	t.current = p
	// It may be in: ask before sending it again.
	o, err := w.ledger.Outcome(ctx, p.TxID)
	switch {
	case err != nil || !o.Known: // send it again; twice does no harm
	case o.Valid:
		_ = w.projected(ctx, t) // never errs
	default:
		t.current = nil
		t.closed(p.TxID)
	}
}

// attempt tries once. It returns nil when a block has decided the command, or
// ctx ended; *undecided when it is worth trying again; and otherwise why the
// command is refused.
func (w *Worker) attempt(ctx context.Context, t *task) error {
	if t.current != nil && time.Since(t.since) > w.options.Fresh {
		t.current = nil // sent now, it would show as held back; it stays among the open ones
	}
	if t.current == nil {
		if err := w.endorse(ctx, t); err != nil {
			return w.settle(ctx, t, err)
		}
	}
	return w.send(ctx, t)
}

// endorse gets a new transaction endorsed and makes its id durable.
func (w *Worker) endorse(ctx context.Context, t *task) error {
	p, err := w.prepare(ctx, t)
	if err != nil {
		// A conflict that endorsers report is the contract's answer to what the
		// command expects, and stays one.
		if code := ledger.CodeOf(err); code == ledger.CodeBusy || code == ledger.CodeUnavailable || code == ledger.CodeInternal {
			return &undecided{err}
		}
		return err
	}
	err = w.store.SetEndorsed(ctx, t.seq, fact.Endorsed{Tx: p.TxID, Result: p.Payload, Envelope: p.Bytes})
	if err != nil {
		return &storeError{err}
	}
	w.desk.sent(t, p)
	t.current, t.since = p, time.Now()
	t.open = append(t.open, p.TxID)
	w.step(t, StepEndorsed)
	return nil
}

// prepare has a command endorsed, with what its endorsers must see beside it.
func (w *Worker) prepare(ctx context.Context, t *task) (*client.Prepared, error) {
	if w.options.Beside == nil {
		return w.ledger.Prepare(ctx, t.role, t.name, t.request)
	}
	beside, err := w.options.Beside(ctx, t.name, t.request)
	if err != nil {
		return nil, err
	}
	return w.ledger.Prepare(ctx, t.role, t.name, t.request, beside)
}

// settle judges a refusal. A command of which a transaction may be in may have
// been refused because of its own success, so the ledger is asked first, and
// for a while again. Should that transaction come in after all, the block that
// holds it corrects the failure.
func (w *Worker) settle(ctx context.Context, t *task, refusal error) error {
	if _, again := errors.AsType[*undecided](refusal); again {
		return refusal
	}
	if _, broken := errors.AsType[*storeError](refusal); broken {
		return refusal
	}
	for _, tx := range slices.Clone(t.open) {
		o, err := w.ledger.Outcome(ctx, tx)
		switch {
		case err != nil:
			return &undecided{err}
		case o.Known && o.Valid:
			return w.projected(ctx, t)
		case o.Known:
			t.closed(tx)
		}
	}
	if len(t.open) > 0 && time.Since(t.since) <= w.options.Fresh {
		return &undecided{refusal} // the own peer may lag behind those that refused
	}
	return refusal
}

// send sends the current transaction, again if need be, and waits for its block.
func (w *Worker) send(ctx context.Context, t *task) error {
	tx := t.current.TxID
	t.current.Sent = func() { w.step(t, StepSubmitted) }
	_, err := t.current.Submit(ctx)
	if err == nil {
		w.step(t, StepSubmitted)
		return w.projected(ctx, t)
	}
	_, rejected := errors.AsType[*client.Rejected](err)
	_, unknown := errors.AsType[*client.UnknownOutcome](err)
	if !rejected && !unknown {
		return &undecided{err} // nothing was sent this time
	}
	// Even a rejection is looked up: that of a duplicate says nothing about the
	// one that it duplicates.
	o, lookErr := w.ledger.Outcome(ctx, tx)
	switch {
	case lookErr != nil || !o.Known:
		return &undecided{err}
	case o.Valid:
		return w.projected(ctx, t)
	}
	return w.rejected(ctx, t, &client.Rejected{Tx: tx, Block: o.Block, Code: o.Code})
}

// rejected deals with a transaction that stands in a block without effect.
func (w *Worker) rejected(ctx context.Context, t *task, r *client.Rejected) error {
	t.current = nil
	t.closed(r.Tx)
	if err := w.store.SetStored(ctx, t.seq); err != nil {
		return &storeError{err}
	}
	if ledger.CodeOf(r) == ledger.CodeConflict {
		return &undecided{r}
	}
	// Endorsers disagreed or an organisation broke the rules: see the log.
	w.log.ErrorContext(ctx, "transaction was rejected", logTask(t), slog.Any("error", r))
	return w.settle(ctx, t, r)
}

// projected waits until the read model shows what the command did: the block
// ends the task. There is no bound, because there is no doubt. It returns nil.
func (w *Worker) projected(ctx context.Context, t *task) error {
	select {
	case <-t.done:
	case <-ctx.Done():
	}
	return nil
}

// fail ends a command that will have no effect.
func (w *Worker) fail(ctx context.Context, t *task, p *ledger.Problem) error {
	changed, err := w.store.SetFailed(ctx, t.seq, p)
	if err != nil {
		return err
	}
	if !changed {
		return w.projected(ctx, t) // a block decided it at this very moment
	}
	ended := w.desk.finish(t.seq, func(t *task) {
		t.final.State, t.final.Problem, t.failure = fact.StateFailed, p, p
	})
	if ended != nil {
		w.ended(t, "failed")
		w.log.InfoContext(ctx, "command failed", logTask(t), slog.String("code", string(p.Code)))
	}
	w.hub.Wake()
	return nil
}

// closed notes that a transaction has no effect and never will.
func (t *task) closed(tx string) {
	t.open = slices.DeleteFunc(t.open, func(open string) bool { return open == tx })
}

// storeError is a failure of the node's own store: going on would lose what
// was promised.
type storeError struct{ err error }

func (s *storeError) Error() string { return s.err.Error() }
func (s *storeError) Unwrap() error { return s.err }

// pause draws a wait between nothing and a bound that doubles with each try, so
// that many who failed together do not come back together.
func pause(try int) time.Duration {
	bound := longWait
	if try < 16 && firstWait<<try < longWait {
		bound = firstWait << try
	}
	return rand.N(bound) + time.Millisecond //nolint:gosec // spreads retries, protects nothing
}

// sleep waits; it reports false when the context ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

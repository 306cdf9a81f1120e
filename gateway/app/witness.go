package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/exchange"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// witness tells who shared a report that this organisation saw what it warns of: by itself
// what own alerts showed, and what programs say by MISP's interface. What leaves is how
// often, the first and the last time.
type witness struct {
	organisation string
	period       time.Duration // between two tellings of one report; 0: nothing is told by itself
	store        *store.Store
	commands     commands
	exchange     *exchange.Exchange
	derive       func(parts ...[]byte) [32]byte
	subscribe    func() (wake <-chan struct{}, cancel func())
	logger       *slog.Logger
	now          func() time.Time
}

const (
	// tellBatch bounds the reports that are told of at one look.
	tellBatch = 100
	// tellAgain is when telling is tried again after it failed.
	tellAgain = 10 * time.Second
)

// Run tells what is due until ctx ends. It can wait: that it fails ends nothing.
func (w *witness) Run(ctx context.Context) error {
	if w.period == 0 {
		return nil
	}
	wake, cancel := w.subscribe()
	defer cancel()
	for ctx.Err() == nil {
		next, err := w.tell(ctx)
		if err != nil && ctx.Err() == nil {
			w.logger.WarnContext(ctx, "sighting was not told", slog.Any(telemetry.KeyError, err), slog.Duration("again_in", tellAgain))
			_ = sleep(ctx, tellAgain) // ctx says whether it ended
			continue
		}
		wait(ctx, wake, next)
	}
	return nil
}

// wait waits for a wake-up, or for a time when it is not zero.
func wait(ctx context.Context, wake <-chan struct{}, at time.Time) {
	var due <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(max(time.Until(at), time.Millisecond))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-wake:
	case <-due:
	case <-ctx.Done():
	}
}

// tell tells what is due now. next is when more will be, zero: nothing waits.
func (w *witness) tell(ctx context.Context) (next time.Time, err error) {
	for ctx.Err() == nil {
		var due []string
		if due, next, err = w.store.TellingDue(ctx, w.period, tellBatch); err != nil || len(due) == 0 {
			return next, err
		}
		var failed error
		for _, report := range due {
			if err := w.tellOf(ctx, report); err != nil { // which holds up no other report
				failed = err
			}
		}
		if failed != nil {
			return next, failed
		}
	}
	return next, ctx.Err()
}

// tellOf tells of one report. What its sharer can never be told, because the report was
// withdrawn or is not here any more, is left.
func (w *witness) tellOf(ctx context.Context, report string) error {
	g, err := w.store.BeginTelling(ctx, report)
	if err != nil || g.Count == 0 {
		return err
	}
	err = w.Sight(ctx, fmt.Sprintf("alerts %s %d", g.Report, g.UpTo), g.Report, g.Count, g.First, g.Last)
	if _, final := errors.AsType[*ended](err); !final && passes(err) {
		return err
	}
	if err != nil {
		w.logger.InfoContext(ctx, "sighting is told to nobody", slog.String("report", report), slog.Any(telemetry.KeyError, err))
	}
	return w.store.EndTelling(ctx, &g)
}

// Sight tells who shared a report that this organisation saw what it warns of, once by a
// name; of a sealed report all who hold it learn, of another every member does. An own
// report is told to nobody. Problems: not_found, gone.
func (w *witness) Sight(ctx context.Context, name, report string, count int, first, last time.Time) error {
	share, err := w.other(ctx, report)
	if err != nil || share == nil {
		return err
	}
	// The clock of a tool that raises alerts may be ahead, and nothing is seen before it
	// happens.
	if now := w.now().UTC().Truncate(time.Millisecond); last.After(now) {
		last = now
	}
	if first.After(last) {
		first = last
	}
	if ledger.Sealed(share.Marking) {
		// Those who hold the report must not read in the name how much is seen here.
		id := w.derive([]byte("secant/witness/v1"), []byte(name))
		return w.exchange.SightOnce(ctx, hex.EncodeToString(id[:16]), report, count, first, last)
	}
	key := sha256.Sum256([]byte(strings.Join([]string{"secant/witness/v1", report, name}, "\x00")))
	req := ledger.SightThreat{Digest: report, Sharer: share.Sharer, Count: count, First: first, Last: last}
	_, err = w.commands.Do(ctx, hex.EncodeToString(key[:]), ledger.RoleSharer, ledger.ThreatSight, req)
	if err = underWay(err); passes(err) {
		// A command that ended is never tried again, whatever it ended by.
		op, again := w.commands.Start(ctx, hex.EncodeToString(key[:]), ledger.RoleSharer, ledger.ThreatSight, req)
		if again == nil && op.State == fact.StateFailed {
			return &ended{err}
		}
	}
	return err
}

// ended is why a command failed for good: it is told to nobody, since it may still take
// effect.
type ended struct{ cause error }

func (e *ended) Error() string { return e.cause.Error() }
func (e *ended) Unwrap() error { return e.cause }

// passes reports whether trying again may help against an error.
func passes(err error) bool {
	switch ledger.CodeOf(err) {
	case ledger.CodeBusy, ledger.CodeUnavailable, ledger.CodeInternal:
		return true
	}
	return false
}

// underWay is the error of a command, nil for one that is stored and goes on by itself.
func underWay(err error) error {
	if _, pending := errors.AsType[*fact.Pending](err); pending {
		return nil
	}
	return err
}

// other finds the first other member that shared a report and stands by it; nil: this
// organisation did, alone or by a relay. Problems: not_found; gone when nobody stands by it.
func (w *witness) other(ctx context.Context, report string) (*fact.Share, error) {
	r, err := w.store.Report(ctx, report)
	if err != nil {
		return nil, err
	}
	// Who had a report relayed would tell whose it is by being the first to see it.
	own, err := w.store.HadRelayed(ctx, report)
	if err != nil || own {
		return nil, err
	}
	for i := range r.Sharers {
		s := &r.Sharers[i]
		if own = own || s.Sharer == w.organisation; s.Sharer != w.organisation && s.Feedback.Withdrawn == "" {
			return s, nil
		}
	}
	if own {
		return nil, nil //nolint:nilnil // nobody, and no error
	}
	return nil, ledger.Problemf(ledger.CodeGone, "the report was withdrawn")
}

// next says what is told of a report next; nil: nothing is.
func (w *witness) next(ctx context.Context, report string) (*fact.NextSighting, error) {
	if w.period == 0 {
		return nil, nil //nolint:nilnil // nothing, and no error
	}
	share, err := w.other(ctx, report)
	if code := ledger.CodeOf(err); share == nil && err == nil || code == ledger.CodeNotFound || code == ledger.CodeGone {
		return nil, nil //nolint:nilnil // as above
	} else if err != nil {
		return nil, err
	}
	n, err := w.store.NextTelling(ctx, report, w.period)
	if err != nil || n.Count == 0 {
		return nil, err
	}
	return &n, nil
}

// Withdraw withdraws a report that this organisation shared: as outdated, which says
// nothing against it, since MISP knows no reasons. Problems: denied for that of another.
func (w *witness) Withdraw(ctx context.Context, report string) error {
	r, err := w.store.Report(ctx, report)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(r.Sharers, func(s fact.Share) bool { return s.Sharer == w.organisation && s.Feedback.Withdrawn == "" }) {
		return ledger.Problemf(ledger.CodeDenied, "another member shared this report: say what you think of it instead")
	}
	_, err = w.commands.Do(ctx, "", ledger.RoleSharer, ledger.ThreatWithdraw, ledger.WithdrawThreat{Digest: report, Reason: ledger.WithdrawnOutdated})
	return underWay(err)
}

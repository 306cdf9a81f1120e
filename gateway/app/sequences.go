package app

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/sequence"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// Bounds of what is told of senders' numbers.
const (
	gapPatience  = 10 * time.Second // for what is on its way beside others to come
	saidOnce     = time.Minute      // between two events of one kind about one count
	notNews      = time.Hour        // readings that were received before are listed anew, and not told of
	maxCompared  = 8                // pairs of requests whose records are compared, of one batch
	unzoned      = 15 * time.Hour   // how far a time without a zone may be off for that alone
	eventSubject = "sequence"
)

// senders follows what senders say of their own counts and clocks, in the order of the
// integrity log. Nothing is refused for it.
type senders struct {
	store  *store.Store
	clock  time.Duration // how far a sender's clock may be off before its readings are marked
	logger *slog.Logger
	now    func() time.Time

	seen *prometheus.CounterVec
	off  *prometheus.CounterVec
}

func (n *node) newSenders() *senders {
	s := &senders{
		store: n.store, clock: n.cfg.Limits.Clock.Std(), logger: n.logger, now: time.Now,
		seen: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_sequence_total",
			Help: "What senders' numbers said: gap, closed, late, restarted, back, duplicate, or conflict (two readings under one number).",
		}, []string{"outcome"}),
		off: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secant_readings_clock_total",
			Help: "Requests of readings whose sender's clock was further from the node's than its bound, or which had waited for as long: ahead or behind.",
		}, []string{"direction"}),
	}
	n.reg.MustRegister(s.seen, s.off)
	return s
}

// judge marks a reading whose sender's clock is too far off. sent is when the record
// itself says that it was sent.
func (s *senders) judge(r *fact.Reading, sent time.Time) {
	bound := s.clock
	if r.Sequence != nil && r.Sequence.Made != nil {
		sent = *r.Sequence.Made
	} else {
		bound = max(bound, unzoned)
	}
	if sent.IsZero() {
		return
	}
	late := r.Received.Sub(sent) // saturates
	if late.Abs() <= bound {
		return
	}
	// Not by way of the duration, which ends at 292 years.
	r.Clock = &fact.Clock{DeviationSeconds: r.Received.Unix() - sent.Unix()}
	direction := "behind"
	if late < 0 {
		direction = "ahead"
	}
	s.off.WithLabelValues(direction).Inc()
}

// round is what becomes of a batch of readings.
type round struct {
	*senders
	pipeline *ingest.Pipeline
	now      time.Time
	compared int
	counts   map[[2]string]*store.Counted
	listed   map[string]*fact.Reading // of the batch, by number
	tell     []fact.Notice
}

func (s *senders) begin(p *ingest.Pipeline) *round {
	return &round{senders: s, pipeline: p, now: s.now(), counts: map[[2]string]*store.Counted{}, listed: map[string]*fact.Reading{}}
}

// follow takes note of the numbers of a batch.
func (r *round) follow(ctx context.Context, batch []fact.Reading) error {
	for i := range batch {
		one := &batch[i]
		if one.Sequence == nil || one.Sequence.Number == 0 {
			continue
		}
		c, err := r.count(ctx, one.Unit, one.Signer())
		if err != nil {
			return err
		}
		if err := r.note(ctx, c, one); err != nil {
			return err
		}
	}
	for _, c := range r.counts {
		r.due(c)
	}
	return nil
}

// overdue tells of gaps that have stood without anything more coming.
func (r *round) overdue(ctx context.Context) error {
	list, err := r.store.DueSequences(ctx, r.now)
	for i := range list {
		c := &store.Counted{Sequenced: list[i]}
		r.counts[[2]string{c.Unit, c.Signer}] = c
		r.due(c)
	}
	return err
}

// all lists the counts that changed.
func (r *round) all() []store.Counted {
	list := make([]store.Counted, 0, len(r.counts))
	for _, c := range r.counts {
		c.Sequenced.Missing = c.Count.Missing()
		list = append(list, *c)
	}
	return list
}

func (r *round) count(ctx context.Context, unit, signer string) (*store.Counted, error) {
	key := [2]string{unit, signer}
	if c := r.counts[key]; c != nil {
		return c, nil
	}
	kept, err := r.store.Sequence(ctx, unit, signer)
	if err != nil {
		return nil, err
	}
	c := &store.Counted{Sequenced: kept}
	r.counts[key] = c
	return c, nil
}

func (r *round) note(ctx context.Context, c *store.Counted, one *fact.Reading) error {
	q := one.Sequence
	told := c.Told()
	place := one.Unit + one.Signer() + "/" + strconv.FormatUint(q.Epoch, 10) + "/" + strconv.FormatUint(q.Number, 10)
	switch outcome := c.Take(q.Epoch, q.Number, one.Received); outcome {
	case sequence.Next, sequence.Opened: // a gap is told when it has stood
	case sequence.Late:
		r.seen.WithLabelValues("late").Inc()
		left := c.Told()
		for gap := range told {
			if !left[gap] {
				r.say(c, one.Received, fact.EventSequenceClosed, "closed", gap[0], number(gap[1]))
			}
		}
	case sequence.Restarted:
		r.say(c, one.Received, fact.EventSequenceRestarted, "restarted", q.Epoch, number(q.Number))
	case sequence.Back:
		r.say(c, one.Received, fact.EventSequenceBack, "back", q.Epoch, number(q.Number), one.ID)
	case sequence.Again:
		if err := r.again(ctx, c, one, place); err != nil {
			return err
		}
	}
	if r.listed[place] == nil {
		r.listed[place] = one
	}
	return nil
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// again finds out what came under a number that had come before.
func (r *round) again(ctx context.Context, c *store.Counted, one *fact.Reading, place string) error {
	q := one.Sequence
	var first, root string
	if before := r.listed[place]; before != nil {
		first, root = before.ID, before.Root
	} else {
		var err error
		var found bool
		if first, root, found, err = r.store.ReadingNumbered(ctx, one.Unit, one.Signer(), q.Epoch, q.Number); err != nil {
			return err
		}
		if found {
			r.listed[place] = &fact.Reading{ID: first, Root: root}
		}
	}
	same := root == one.Root
	if first != "" && !same {
		var err error
		if same, err = r.same(ctx, first, one.ID); err != nil {
			return err
		}
	}
	unlisted := first == "" && c.Unlisted(q.Epoch)
	same = same || first == "" // it was erased since
	c.Repeated(q.Epoch, same, unlisted)
	switch {
	case unlisted:
		r.seen.WithLabelValues("late").Inc()
	case same:
		r.seen.WithLabelValues("duplicate").Inc()
	default:
		c.Newest = append(c.Newest, fact.Conflict{Epoch: q.Epoch, Number: q.Number, First: first, Second: one.ID, Received: one.Received})
		c.Newest = c.Newest[max(0, len(c.Newest)-fact.MaxConflicts):]
		if r.say(c, one.Received, fact.EventSequenceConflict, "conflict", q.Epoch, number(q.Number), first, one.ID) {
			r.logger.LogAttrs(ctx, slog.LevelError, "two readings under one number",
				slog.String(telemetry.KeyReceipt, first), slog.String(telemetry.KeyReceipt+"2", one.ID))
		}
	}
	return nil
}

// same compares what two requests hold. What there is no time to compare counts as other
// readings, and what was erased meanwhile as the same.
func (r *round) same(ctx context.Context, a, b string) (bool, error) {
	if r.compared++; r.compared > maxCompared {
		return false, nil
	}
	one, err := proof.ParseRequestID(a)
	if err != nil {
		return false, err
	}
	other, err := proof.ParseRequestID(b)
	if err != nil {
		return false, err
	}
	same, err := r.pipeline.Same(ctx, one, other)
	switch code := ledger.CodeOf(err); code {
	case ledger.CodeGone, ledger.CodeNotFound:
		return true, nil
	case "":
		return same, nil
	}
	return false, fmt.Errorf("comparing readings under one number: %w", err)
}

// due tells of gaps that have stood.
func (r *round) due(c *store.Counted) {
	if wait := c.Said[fact.EventSequenceGap].Add(saidOnce); wait.After(r.now) && c.Untold() {
		c.Due = wait
		return
	}
	gaps, next := c.Count.Due(r.now, gapPatience)
	c.Due = next
	for _, g := range gaps {
		delete(c.Said, fact.EventSequenceGap) // the gaps of all counts at once
		r.say(c, r.now, fact.EventSequenceGap, "gap", g.Epoch, number(g.First), number(g.Last), number(g.Missing))
	}
}

// say has an event told, unless one of its kind about the same count was told a moment
// ago or it is no news, and reports whether it is. It is counted in any case.
func (r *round) say(c *store.Counted, at time.Time, kind, outcome string, epoch uint64, key ...string) bool {
	r.seen.WithLabelValues(outcome).Inc()
	if r.now.Sub(at) > notNews || r.now.Sub(c.Said[kind]) < saidOnce {
		return false
	}
	if c.Said == nil {
		c.Said = map[string]time.Time{}
	}
	c.Said[kind] = r.now
	subjects := []string{c.Unit}
	if c.Signer != "" && c.Signer != c.Unit {
		subjects = append(subjects, c.Signer)
	}
	r.tell = append(r.tell, fact.Notice{
		Kind: kind, Subjects: subjects,
		Key: append([]string{eventSubject, c.Unit, c.Signer, number(epoch)}, key...),
	})
	return true
}

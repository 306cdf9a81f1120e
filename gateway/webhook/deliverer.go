package webhook

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/fetch"
)

// Store keeps webhooks and what waits for them.
type Store interface {
	AddWebhook(ctx context.Context, w *fact.Webhook) error
	Webhook(ctx context.Context, id string) (fact.Webhook, error)
	Webhooks(ctx context.Context) ([]fact.Webhook, error)
	ChangeWebhook(ctx context.Context, id string, change func(*fact.Webhook) ([]fact.Queued, error)) (fact.Webhook, error)
	DeleteWebhook(ctx context.Context, id string) error

	Queued() <-chan struct{}
	TakeQueued() []string
	WebhookPosition(ctx context.Context) (after string, there bool, err error)
	QueueMessages(ctx context.Context, from, to string, messages []fact.Queued) error
	NextMessage(ctx context.Context, webhook string) (*fact.WebhookMessage, error)
	MessageTaken(ctx context.Context, webhook string, seq int64, sent uint64, whole bool, now time.Time) error
	MessagePassed(ctx context.Context, webhook string, seq int64, sent uint64, whole bool) error
	MessageFailed(ctx context.Context, webhook string, p *fact.WebhookProgress) error

	Events(ctx context.Context, after string, limit int) ([]fact.Event, error)
	Unit(ctx context.Context, id string) (fact.Row[ledger.Unit], error)
	Anchor(ctx context.Context, stream string, sequence uint64) (fact.Row[ledger.Anchor], error)
}

// Sender sends. It is the only way out.
type Sender interface {
	Check(address string) error
	Send(ctx context.Context, method, address string, header http.Header, body []byte) (fetch.Sent, error)
	Close()
}

// Deps is what the deliverer needs of the rest of the node.
type Deps struct {
	Organisation string             // MSP id
	Key          ed25519.PrivateKey // the node's, which signs besides the secrets
	Seal         [32]byte           // under which addresses and secrets are stored
	Store        Store
	Sender       Sender
	// Subscribe tells when there may be more events.
	Subscribe func() (wake <-chan struct{}, cancel func())
	// Readings lists the requests in the log from an index on to before another, and
	// says from where to go on. Problems: unavailable while the node starts.
	Readings func(ctx context.Context, from, until uint64, limit int) (list []fact.Reading, next uint64, err error)
	// Proof makes the proof bundle of a request's record.
	Proof func(ctx context.Context, request string, index int) ([]byte, error)
	// Resource returns a version of a FHIR resource as it is served. Problems: gone.
	Resource func(ctx context.Context, typ, id string, version int64) ([]byte, error)
	Logger   *slog.Logger
	Pace     Pace
	Metrics  prometheus.Registerer
}

// Pace is how a receiver that fails is tried again. The zero value is for use.
type Pace struct {
	First   time.Duration // before the second try; it doubles with each. Default 1 s
	Longest time.Duration // between two tries. Default 10 min
	GiveUp  time.Duration // of failing in a row, after which the webhook is disabled. Default 72 h
	Tries   int           // that must have failed as well, in case the node was off. Default 20
	Now     func() time.Time
	Jitter  func() float64 // from 0 to below 1
}

func (p *Pace) complete() {
	for at, d := range map[*time.Duration]time.Duration{&p.First: time.Second, &p.Longest: 10 * time.Minute, &p.GiveUp: 72 * time.Hour} {
		if *at == 0 {
			*at = d
		}
	}
	if p.Tries == 0 {
		p.Tries = 20
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Jitter == nil {
		p.Jitter = rand.Float64
	}
}

// delay is the time before the next try after so many failures: half of it is left to
// chance, so that receivers of many nodes are not tried by all at once.
func (p *Pace) delay(failures int) time.Duration {
	d := p.Longest
	if shift := failures - 1; shift < 32 && p.First<<shift < d && p.First<<shift > 0 {
		d = p.First << shift
	}
	return d/2 + time.Duration(p.Jitter()*float64(d/2))
}

// Deliverer keeps webhooks and serves them.
type Deliverer struct {
	Deps
	seal     *seal
	outcomes *prometheus.CounterVec
	changed  chan struct{} // holds one call to look which webhooks there are

	mu     sync.Mutex
	served map[string]chan struct{} // by webhook: wakes who serves it
}

// New makes a deliverer.
func New(d Deps) (*Deliverer, error) {
	if d.Store == nil || d.Sender == nil || d.Subscribe == nil || d.Readings == nil || d.Proof == nil || d.Resource == nil || d.Logger == nil || d.Metrics == nil {
		return nil, errors.New("the deliverer of webhooks lacks a part")
	}
	d.Pace.complete()
	s, err := newSeal(d.Seal)
	if err != nil {
		return nil, err
	}
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "secant_webhook_messages_total", Help: "Messages that were sent to subscribers, by what came of it.",
	}, []string{"outcome"})
	if err := d.Metrics.Register(outcomes); err != nil {
		return nil, fmt.Errorf("counting messages: %w", err)
	}
	return &Deliverer{Deps: d, seal: s, outcomes: outcomes, changed: make(chan struct{}, 1), served: map[string]chan struct{}{}}, nil
}

// Run serves the webhooks until ctx ends. Each is served by itself, so that none waits
// for the receiver of another.
func (d *Deliverer) Run(ctx context.Context) error {
	defer d.Sender.Close()
	wake, cancel := d.Subscribe()
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		d.look()
		for {
			if err := d.collect(ctx); err != nil {
				return ended(ctx, err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-wake:
			case <-d.Store.Queued():
				for _, id := range d.Store.TakeQueued() {
					d.wake(id)
				}
			case <-d.changed:
				all, err := d.Store.Webhooks(ctx)
				if err != nil {
					return ended(ctx, err)
				}
				for i := range all {
					if own, first := d.begin(&all[i]); first {
						g.Go(func() error { return d.serve(ctx, all[i].ID, own) })
					}
				}
				d.wakeAll()
			}
		}
	})
	return g.Wait()
}

// ended is no error when the work was told to end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // told to end
	}
	return err
}

// look has Run look which webhooks there are.
func (d *Deliverer) look() {
	select {
	case d.changed <- struct{}{}:
	default: // told already
	}
}

// begin notes that a webhook at work is served from now on; false: it is already, or
// is not at work.
func (d *Deliverer) begin(w *fact.Webhook) (wake <-chan struct{}, first bool) {
	if !atWork(w) {
		return nil, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.served[w.ID] != nil {
		return nil, false
	}
	own := make(chan struct{}, 1)
	d.served[w.ID] = own
	return own, true
}

func atWork(w *fact.Webhook) bool {
	return w.State == fact.WebhookRequested || w.State == fact.WebhookActive
}

func (d *Deliverer) wakeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.served {
		wakeOne(c)
	}
}

func (d *Deliverer) wake(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.served[id]; c != nil {
		wakeOne(c)
	}
}

func wakeOne(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // told already, and not yet looked
	}
}

// serve delivers what waits for a webhook, in order, as long as it is at work.
func (d *Deliverer) serve(ctx context.Context, id string, wake <-chan struct{}) error {
	defer d.look() // it may be at work again since it was read
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.served, id)
	}()
	for ctx.Err() == nil {
		w, err := d.current(ctx, id)
		if err != nil {
			return ended(ctx, err)
		}
		if w == nil {
			return nil
		}
		wait, err := d.step(ctx, w)
		if err != nil {
			return ended(ctx, err)
		}
		if wait == 0 {
			continue
		}
		if left := w.End.Sub(d.Pace.Now()); !w.End.IsZero() {
			wait = min(wait, max(left, time.Millisecond))
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-t.C:
		}
		t.Stop()
	}
	return nil
}

// current is the webhook as it is now: active, or off when its time is over. Nil: it is
// not at work.
func (d *Deliverer) current(ctx context.Context, id string) (*fact.Webhook, error) {
	w, err := d.Store.Webhook(ctx, id)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, nil //nolint:nilnil // gone, and no error
	}
	if err != nil {
		return nil, err
	}
	over := !w.End.IsZero() && !d.Pace.Now().Before(w.End)
	if w.State == fact.WebhookRequested || over && atWork(&w) {
		w, err = d.Store.ChangeWebhook(ctx, id, func(w *fact.Webhook) ([]fact.Queued, error) {
			switch {
			case !w.End.IsZero() && !d.Pace.Now().Before(w.End) && atWork(w):
				w.State = fact.WebhookOff
			case w.State == fact.WebhookRequested:
				w.State = fact.WebhookActive
			}
			return nil, nil
		})
		if ledger.CodeOf(err) == ledger.CodeNotFound {
			return nil, nil //nolint:nilnil // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
	}
	if !atWork(&w) {
		return nil, nil //nolint:nilnil // as above
	}
	return &w, nil
}

// idle is how long is waited for the call that there is more. It comes; this is for the
// end of a webhook whose clock was set.
const idle = time.Hour

// soon is when a part of the node is asked again that is not there yet.
const soon = time.Second

// step delivers one message, or says how long to wait.
func (d *Deliverer) step(ctx context.Context, w *fact.Webhook) (wait time.Duration, err error) {
	if left := w.Next.Sub(d.Pace.Now()); !w.Next.IsZero() && left > 0 {
		return left, nil
	}
	m, err := d.Store.NextMessage(ctx, w.ID)
	if err != nil {
		return 0, err
	}
	if m == nil {
		return idle, nil
	}
	to, err := d.seal.open(w)
	if err != nil {
		return 0, d.failed(ctx, w, fetch.Sent{}, err)
	}
	p, err := d.pack(ctx, w, to, m)
	switch code := ledger.CodeOf(err); {
	case ctx.Err() != nil:
		return 0, nil //nolint:nilerr // told to end
	case code == ledger.CodeBusy || code == ledger.CodeUnavailable:
		return soon, nil
	case err != nil: // one message that cannot be made must not end the node
		d.Logger.ErrorContext(ctx, "message to a webhook could not be made", slog.String("webhook", w.ID), slog.Any("error", err))
		return 0, d.failed(ctx, w, fetch.Sent{}, err)
	case p.nothing:
		d.outcomes.WithLabelValues("passed").Inc()
		return 0, d.Store.MessagePassed(ctx, w.ID, m.Seq, p.sent, p.whole)
	}
	got, err := d.send(ctx, to, p)
	if ctx.Err() != nil {
		return 0, nil //nolint:nilerr // told to end: whether it was taken is found out by sending again
	}
	if err == nil && got.Status/100 == http.StatusOK/100 {
		d.outcomes.WithLabelValues("taken").Inc()
		return 0, d.Store.MessageTaken(ctx, w.ID, m.Seq, p.sent, p.whole, d.Pace.Now())
	}
	return 0, d.failed(ctx, w, got, err)
}

// failed notes a failure, and disables a webhook that fails for too long.
func (d *Deliverer) failed(ctx context.Context, w *fact.Webhook, got fetch.Sent, err error) error {
	d.outcomes.WithLabelValues("failed").Inc()
	now, p := d.Pace.Now(), w.WebhookProgress
	p.Failures++
	p.Fault = faultOf(got, err)
	if p.Failing.IsZero() {
		p.Failing = now
	}
	p.Next = now.Add(max(d.Pace.delay(p.Failures), got.After))
	reason := ""
	switch {
	case got.Status == http.StatusGone:
		reason = "the receiver says that it is gone"
	case now.Sub(p.Failing) >= d.Pace.GiveUp && p.Failures >= d.Pace.Tries:
		reason = fmt.Sprintf("the receiver has taken nothing for %s: %s", d.Pace.GiveUp, p.Fault)
	default:
		return d.Store.MessageFailed(ctx, w.ID, &p)
	}
	d.outcomes.WithLabelValues("disabled").Inc()
	d.Logger.WarnContext(ctx, "webhook disabled", slog.String("webhook", w.ID))
	_, err = d.Store.ChangeWebhook(ctx, w.ID, func(w *fact.Webhook) ([]fact.Queued, error) {
		if !atWork(w) {
			return nil, nil // somebody ended it meanwhile
		}
		w.State, w.Reason = fact.WebhookDisabled, reason
		w.Failures, w.Failing, w.Next, w.Fault = p.Failures, p.Failing, time.Time{}, p.Fault
		return nil, nil
	})
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil // deleted meanwhile
	}
	return err
}

// faultOf says what went wrong without a word of the receiver's.
func faultOf(got fetch.Sent, err error) string {
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		return p.Detail
	}
	if err != nil {
		return "it could not be sent"
	}
	return fmt.Sprintf("the receiver answers with status %d", got.Status)
}

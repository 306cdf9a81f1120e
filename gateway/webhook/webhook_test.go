package webhook_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/gateway/webhook"
	"github.com/secant-platform/secant/identity/fetch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a deliverer on a real store, whose events the test makes.
type world struct {
	t       testing.TB
	store   *store.Store
	roots   *x509.CertPool
	timeout time.Duration
	ahead   atomic.Int64 // of the clock, in nanoseconds
	wake    chan struct{}
	*webhook.Deliverer
	stop func()
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{t: tb, roots: x509.NewCertPool(), timeout: 5 * time.Second, wake: make(chan struct{}, 1)}
	var err error
	if w.store, err = store.Open(tb.Context(), storetest.Place(tb), store.Options{Organisation: "hospital-north", KeepEvents: 100}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = w.store.Close() })
	w.stop = func() {}
	tb.Cleanup(func() { w.stop() })
	return w
}

// start runs a deliverer, as a node that starts does.
func (w *world) start() {
	w.t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Deliverer, err = webhook.New(webhook.Deps{
		Organisation: "hospital-north", Key: key, Seal: [32]byte{1}, Store: w.store,
		Sender: fetch.New(fetch.Options{
			Roots: w.roots, Reachable: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Time: w.timeout, AtOnce: 100, Idle: time.Second,
		}),
		Subscribe: func() (<-chan struct{}, func()) { return w.wake, func() {} },
		Readings:  func(_ context.Context, from, _ uint64, _ int) ([]fact.Reading, uint64, error) { return nil, from, nil },
		Proof:     func(context.Context, string, int) ([]byte, error) { return nil, nil },
		Resource:  func(context.Context, string, string, int64) ([]byte, error) { return nil, nil },
		Logger:    slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Pace: webhook.Pace{
			First: 5 * time.Millisecond, Longest: 20 * time.Millisecond, GiveUp: time.Hour, Tries: 3,
			Now:    func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
			Jitter: func() float64 { return 0.5 },
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
}

// happen makes events of this node.
func (w *world) happen(from, until int) {
	w.t.Helper()
	for i := from; i < until; i++ {
		if err := w.store.AddEvent(w.t.Context(), fact.EventReportReceived, []string{"thr", strconv.Itoa(i)}, nil); err != nil {
			w.t.Fatal(err)
		}
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *world) await(what string, reached func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !reached(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("still waiting for %s", what)
		}
	}
}

func (w *world) subscribe(url string) string {
	w.t.Helper()
	v, _, err := w.SubscribeEvents(w.t.Context(), url, fact.WebhookDoc{Kinds: []string{fact.EventReportReceived, fact.EventWebhookDisabled}})
	if err != nil {
		w.t.Fatal(err)
	}
	return v.ID
}

func (w *world) show(id string) fact.WebhookView {
	w.t.Helper()
	v, err := w.Show(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// sink is a receiver that remembers what it took.
type sink struct {
	*httptest.Server
	mu   sync.Mutex
	keys []string // what the events were about
	ids  []string
	// Answer says which status is answered with; 0: 200.
	answer func(n int) int
	asked  int
}

func (w *world) sink(answer func(n int) int) *sink {
	w.t.Helper()
	s := &sink{answer: answer}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var m struct {
			Type string
			Data fact.Event
		}
		if err := json.Unmarshal(body, &m); err != nil {
			w.t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		if status := s.answer(s.asked); status != 0 {
			rw.Header().Set("Retry-After", "0")
			rw.WriteHeader(status)
			return
		}
		key := m.Data.Key[1]
		if m.Type != fact.EventReportReceived {
			key = m.Type
		}
		s.keys = append(s.keys, key)
		s.ids = append(s.ids, r.Header.Get("webhook-id"))
	}))
	w.t.Cleanup(s.Close)
	w.roots.AddCert(s.Certificate())
	return s
}

func (s *sink) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys)
}

func (s *sink) tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func always(status int) func(int) int { return func(int) int { return status } }

func numbers(from, until int) []string {
	var all []string
	for i := from; i < until; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

// TestNothingIsLostAndOrderHolds although every second try fails and the deliverer is
// started anew again and again.
func TestNothingIsLostAndOrderHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.sink(func(n int) int { return []int{0, http.StatusBadGateway}[n%2] })
	w.start()
	id := w.subscribe(s.URL)
	for round := range 5 {
		w.happen(round*20, round*20+20)
		w.await("some to be taken", func() bool { return len(s.took()) > round*20 })
		w.stop()
		w.start()
	}
	w.await("all", func() bool { return len(s.took()) >= 100 && w.show(id).Waiting == 0 })
	got := s.took()
	// One whose answer was not seen comes again, right after itself.
	if diff := cmp.Diff(numbers(0, 100), slices.Compact(slices.Clone(got))); diff != "" {
		t.Error(diff)
	}
	byID := map[string]string{}
	for i, id := range s.ids {
		if before, there := byID[id]; there && before != got[i] {
			t.Errorf("two messages have the id %s", id)
		}
		byID[id] = got[i]
	}
	if len(byID) != 100 {
		t.Errorf("%d ids", len(byID))
	}
}

// TestASlowReceiverDelaysNoOther: one that hangs takes its time, and another's messages
// come meanwhile.
func TestASlowReceiverDelaysNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.timeout = time.Second
	let := make(chan struct{})
	hang := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-let:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(hang.Close)
	t.Cleanup(func() { close(let) })
	w.roots.AddCert(hang.Certificate())
	s := w.sink(always(0))
	w.start()
	slow := w.subscribe(hang.URL)
	w.subscribe(s.URL)
	begun := time.Now()
	w.happen(0, 100)
	w.await("the other's", func() bool { return len(s.took()) == 100 })
	if took := time.Since(begun); took > w.timeout {
		t.Logf("the other's took %s", took) // on a machine that is busy
	}
	w.await("the slow one's failure", func() bool { return w.show(slow).Failures > 0 })
	if v := w.show(slow); v.Fault != "the server does not answer in time" || v.Waiting != 100 {
		t.Errorf("%+v", v)
	}
}

// TestWhoeverFailsForLongIsDisabled, which is an event for the others, and comes to work
// again where it ended, with word of what it missed.
func TestWhoeverFailsForLongIsDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var good atomic.Bool
	s := w.sink(func(int) int {
		if good.Load() {
			return 0
		}
		return http.StatusInternalServerError
	})
	other := w.sink(always(0))
	w.start()
	id := w.subscribe(s.URL)
	w.subscribe(other.URL)
	w.happen(0, 3)
	w.await("many tries", func() bool { return w.show(id).Failures > 5 })
	if v := w.show(id); v.State != fact.WebhookActive {
		t.Errorf("given up too early: %+v", v)
	}
	w.ahead.Store(int64(2 * time.Hour))
	w.await("it to be disabled", func() bool { return w.show(id).State == fact.WebhookDisabled })
	if v := w.show(id); !strings.Contains(v.Reason, "1h0m0s") || !strings.Contains(v.Reason, "status 500") {
		t.Errorf("%q", v.Reason)
	}
	tries := s.tries()
	w.happen(3, 6) // nobody keeps them for it
	w.await("the others to be told", func() bool { return slices.Contains(other.took(), fact.EventWebhookDisabled) && len(other.took()) == 7 })
	if s.tries() != tries {
		t.Error("it is tried although it is disabled")
	}
	good.Store(true)
	if test, err := w.Test(t.Context(), id); err != nil || !test.Taken || test.Status != http.StatusOK {
		t.Errorf("%+v %v", test, err)
	}
	if _, err := w.Enable(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.happen(6, 8)
	w.await("it to be at work", func() bool { return len(s.took()) == 7 })
	if diff := cmp.Diff([]string{fact.EventWebhookTest, "0", "1", "2", fact.EventEventsMissed, "6", "7"}, s.took()); diff != "" {
		t.Error(diff)
	}
}

// TestAReceiverThatIsGoneIsLeft at once, and one that asks for time gets it.
func TestAReceiverThatIsGoneIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone := w.sink(always(http.StatusGone))
	later := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "3000")
		rw.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(later.Close)
	w.roots.AddCert(later.Certificate())
	w.start()
	first, second := w.subscribe(gone.URL), w.subscribe(later.URL)
	w.happen(0, 1)
	w.await("it to be disabled", func() bool { return w.show(first).State == fact.WebhookDisabled })
	if gone.tries() != 1 {
		t.Errorf("%d tries", gone.tries())
	}
	w.await("the other's failure", func() bool { return w.show(second).Failures == 1 })
	if wait := time.Until(w.show(second).Next); wait < 49*time.Minute || wait > 51*time.Minute {
		t.Errorf("it is tried again after %s", wait)
	}
}

// TestWhatIsNoLongerKeptIsSaidToBeMissed: more happened while nobody looked than the
// store keeps.
func TestWhatIsNoLongerKeptIsSaidToBeMissed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.sink(always(0))
	w.start()
	id := w.subscribe(s.URL)
	w.happen(0, 1)
	// Stopped before that is noted, it would come again.
	w.await("the first", func() bool { return len(s.took()) == 1 && w.show(id).Waiting == 0 })
	w.stop()
	w.happen(1, 120)
	w.start()
	w.await("the rest", func() bool { return len(s.took()) == 102 })
	if diff := cmp.Diff(slices.Concat([]string{"0", fact.EventEventsMissed}, numbers(20, 120)), s.took()); diff != "" {
		t.Error(diff)
	}
}

// TestThereIsAnEndToWhatWaits: a webhook with more waiting than there may be is
// disabled, and as many webhooks as there may be are enough.
func TestThereIsAnEndToWhatWaits(t *testing.T) {
	if testing.Short() {
		t.Skip("queues ten thousand messages")
	}
	t.Parallel()
	w := newWorld(t)
	s := w.sink(always(http.StatusServiceUnavailable))
	w.start()
	id := w.subscribe(s.URL)
	w.stop()
	after, _, err := w.store.WebhookPosition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	many := slices.Repeat([]fact.Queued{{Webhook: id, Kind: fact.EventReportReceived, Doc: json.RawMessage(`{"key":["thr","0"]}`)}}, store.MaxWaiting+5)
	if err := w.store.QueueMessages(t.Context(), after, after, many); err != nil {
		t.Fatal(err)
	}
	if v := w.show(id); v.State != fact.WebhookDisabled || v.Waiting != store.MaxWaiting || v.Reason == "" {
		t.Errorf("%s %d %q", v.State, v.Waiting, v.Reason)
	}
	if e, err := w.store.Events(t.Context(), "", 10); err != nil || len(e) != 1 || e[0].Kind != fact.EventWebhookDisabled {
		t.Errorf("%v %v", e, err)
	}
	for i := 1; ; i++ {
		_, _, err := w.SubscribeEvents(t.Context(), s.URL, fact.WebhookDoc{Kinds: []string{fact.EventReportReceived}})
		if err != nil {
			if ledger.CodeOf(err) != ledger.CodeConflict || i != store.MaxWebhooks {
				t.Errorf("the %dth: %v", i+1, err)
			}
			break
		}
	}
	if err := w.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if m, err := w.store.NextMessage(t.Context(), id); m != nil || err != nil {
		t.Errorf("what waited stays: %v %v", m, err)
	}
}

// TestASealIsOneNodesAndOneWebhooks: where a webhook leads cannot be read in the store,
// nor put in the place of another's.
func TestASealIsOneNodesAndOneWebhooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.sink(always(0))
	w.start()
	id, second := w.subscribe(s.URL+"/marked"), w.subscribe(s.URL)
	kept, err := w.store.Webhook(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(kept.Sealed), "marked") {
		t.Error("the address is stored in clear")
	}
	w.stop() // who serves it may have read it before and be about to look for messages
	if _, err := w.store.ChangeWebhook(t.Context(), second, func(f *fact.Webhook) ([]fact.Queued, error) {
		f.Sealed = kept.Sealed // somebody exchanges them in the store
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.happen(0, 1)
	w.await("the failure", func() bool { return w.show(second).Failures > 0 })
	w.await("the first", func() bool { return len(s.took()) == 1 })
	if v := w.show(second); v.Origin != "" {
		t.Errorf("%+v", v)
	}
	// One FHIR subscription whose seal does not open hides no other, and can be deleted.
	for range 2 {
		sub, _, err := w.SubscribeResources(t.Context(), &fhir.Subscription{Endpoint: s.URL}, &fhir.Query{Type: "Observation"}, "me", "integrator")
		if err != nil {
			t.Fatal(err)
		}
		second = sub.ID
	}
	if _, err := w.store.ChangeWebhook(t.Context(), second, func(f *fact.Webhook) ([]fact.Queued, error) {
		f.Sealed = kept.Sealed
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	if all, err := w.Subscriptions(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	if sub, err := w.Subscription(t.Context(), second); err != nil || sub.Endpoint != "" {
		t.Errorf("%+v, %v", sub, err)
	}
}

// TestASubscriptionEnds when its time is over, and does not begin again.
func TestASubscriptionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.sink(always(0))
	w.start()
	q := &fhir.Query{Type: "Observation"}
	kept, _, err := w.SubscribeResources(t.Context(), &fhir.Subscription{Endpoint: s.URL, Criteria: "Observation", Reason: "r", End: time.Now().Add(time.Hour)}, q, "me", "integrator")
	if err != nil {
		t.Fatal(err)
	}
	w.await("it to be active", func() bool { return w.show(kept.ID).State == fact.WebhookActive })
	w.ahead.Store(int64(2 * time.Hour))
	if _, err := w.store.PutResources(t.Context(), []fhir.Write{{Version: fhir.Version{Type: "Observation", ID: "1", Request: "r1"}}}); err != nil {
		t.Fatal(err)
	}
	w.await("its end", func() bool { return w.show(kept.ID).State == fact.WebhookOff })
	if _, err := w.Enable(t.Context(), kept.ID); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Error(err)
	}
	if s.tries() > 0 {
		t.Error("it was told after its end")
	}
}

// TestWhatWaitsIsNotForOtherCriteria: what was to be told of one type of resources is not
// sent to where somebody has another type told, who may not see it.
func TestWhatWaitsIsNotForOtherCriteria(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	var said []string
	var mu sync.Mutex
	receiver := func(status int) string {
		s := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if status == http.StatusOK {
				said = append(said, r.URL.Path)
			}
			rw.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		w.roots.AddCert(s.Certificate())
		return s.URL
	}
	down, up := receiver(http.StatusInternalServerError), receiver(http.StatusOK)
	put := func(typ string) {
		t.Helper()
		if _, err := w.store.PutResources(t.Context(), []fhir.Write{{Version: fhir.Version{Type: typ, ID: "1", Request: "of " + typ}}}); err != nil {
			t.Fatal(err)
		}
	}
	kept, _, err := w.SubscribeResources(t.Context(), &fhir.Subscription{Endpoint: down, Payload: fhir.PayloadJSON}, &fhir.Query{Type: "Patient"}, "me", "integrator")
	if err != nil {
		t.Fatal(err)
	}
	put("Patient")
	w.await("a failure", func() bool { return w.show(kept.ID).Failures > 0 })
	if _, err := w.ReplaceSubscription(t.Context(), &fhir.Subscription{ID: kept.ID, Endpoint: up, Payload: fhir.PayloadJSON}, &fhir.Query{Type: "Observation"}, 0); err != nil {
		t.Fatal(err)
	}
	put("Observation")
	w.await("all to be told", func() bool { return w.show(kept.ID).Waiting == 0 })
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"/Observation/1"}, said); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkDeliver is messages to one receiver, one after the other, each durable
// before and gone after.
func BenchmarkDeliver(b *testing.B) {
	w := newWorld(b)
	s := w.sink(always(0))
	w.start()
	id := w.subscribe(s.URL)
	w.stop()
	after, _, err := w.store.WebhookPosition(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	doc := json.RawMessage(`{"kind":"report.received","key":["thr","0"],"subjects":[]}`)
	queue := func(n int) {
		if err := w.store.QueueMessages(b.Context(), after, after, slices.Repeat([]fact.Queued{{Webhook: id, Kind: fact.EventReportReceived, Doc: doc}}, n)); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for left := b.N; left > 0; left -= store.MaxWaiting {
		n := min(left, store.MaxWaiting)
		queue(n)
		w.start()
		w.await("them to be taken", func() bool { return w.show(id).Waiting == 0 })
		w.stop()
	}
}

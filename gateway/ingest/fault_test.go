package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault"
)

// memoryLog keeps entries in memory and misbehaves when told to. The real log
// stands in all other tests.
type memoryLog struct {
	mu      sync.Mutex
	entries [][32]byte
	fail    func(index uint64) (uint64, error) // nil: all is well
	hold    chan struct{}                      // futures wait until it is closed
}

func (l *memoryLog) Add(ctx context.Context, entry [32]byte) func() (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	index, fail, hold := uint64(len(l.entries)), l.fail, l.hold
	l.entries = append(l.entries, entry)
	return func() (uint64, error) {
		if hold != nil {
			select {
			case <-hold:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		if fail != nil {
			return fail(index)
		}
		return index, nil
	}
}

func (l *memoryLog) Size(context.Context) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.entries)), nil
}

func (l *memoryLog) Entries(_ context.Context, from, to uint64) ([][32]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[from:to], nil
}

// work runs a pipeline over a vault and a log; stop ends it and gives Run's error.
func work(t *testing.T, v *vault.Vault, l Log, opts Options) (p *Pipeline, stop func() error) {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = quiet()
	}
	p, err := Open(t.Context(), v, l, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p, run(t, p)
}

func run(t *testing.T, p *Pipeline) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	awaitRunning(t, p)
	return stop
}

func testVault(t *testing.T, dir string) *vault.Vault {
	t.Helper()
	v, err := vault.Open(t.Context(), dir, vault.Options{SegmentSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func unsigned(body string) Request {
	return Request{Organisation: north, MediaType: MediaJSON, Body: strings.NewReader(body)}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 30_000 {
		if done() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

// Whatever the log does wrong, no receipt is given that does not hold, and
// nothing is taken afterwards.
func TestAnythingWrongInTheLogStopsThePipeline(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(uint64) (uint64, error){
		"an error":      func(uint64) (uint64, error) { return 0, errors.New("disk on fire") },
		"another index": func(i uint64) (uint64, error) { return i + 1, nil },
	} {
		dir := t.TempDir()
		v := testVault(t, dir)
		l := &memoryLog{}
		p, stop := work(t, v, l, Options{})
		if _, err := p.Submit(t.Context(), unsigned("1")); err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		l.fail = fail
		l.mu.Unlock()
		_, err := p.Submit(t.Context(), unsigned("2"))
		if p := wantCode(t, err, ledger.CodeUnavailable); p != errUnknown {
			t.Errorf("%s: the outcome is unknown, the answer was %v", name, err)
		}
		if err := stop(); err == nil {
			t.Errorf("%s: Run ended as if nothing were wrong", name)
		}
		_, err = p.Submit(t.Context(), unsigned("3"))
		wantCode(t, err, ledger.CodeUnavailable)
		if v.Size() != 2 {
			t.Errorf("%s: %d requests in the vault", name, v.Size())
		}
		if _, err := p.Receipt(t.Context(), proof.RequestID{}); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("%s: reading stopped as well: %v", name, err)
		}
	}
}

func TestFailedSyncStopsThePipeline(t *testing.T) {
	t.Parallel()
	v := testVault(t, t.TempDir())
	p, stop := work(t, v, &memoryLog{}, Options{})
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := p.Submit(t.Context(), unsigned("1"))
	wantCode(t, err, ledger.CodeUnavailable)
	if err := stop(); err == nil {
		t.Fatal("Run ended as if nothing were wrong")
	}
}

// A full disk refuses readings and stops nothing.
func TestFullDiskRefuses(t *testing.T) {
	t.Parallel()
	v := testVault(t, t.TempDir())
	p, err := Open(t.Context(), v, &memoryLog{}, Options{Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	var full atomic.Bool
	p.keep = func(group []*vault.Draft) (uint64, error) {
		if full.Load() {
			return 0, fmt.Errorf("%w: quota", vault.ErrFull)
		}
		return v.Append(group)
	}
	stop := run(t, p)
	d := newDevice(t)
	r, records := d.lines(3)
	send := func() error {
		r.Body = bytes.NewReader(bytes.Join(records, []byte("\n")))
		_, err := p.Submit(t.Context(), r)
		return err
	}
	full.Store(true)
	for range 3 {
		wantCode(t, send(), ledger.CodeUnavailable)
	}
	full.Store(false)
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil || v.Size() != 1 {
		t.Fatalf("%d requests: %v", v.Size(), err)
	}
}

func TestLogAndVaultMustBelongTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := testVault(t, dir)
	l := &memoryLog{}
	p, stop := work(t, v, l, Options{})
	for range 3 {
		if _, err := p.Submit(t.Context(), unsigned("1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	larger := &memoryLog{entries: append(l.entries[:3:3], [32]byte{})}
	if _, err := Open(t.Context(), v, larger, Options{}); err == nil || !strings.Contains(err.Error(), "lost") {
		t.Fatalf("a log with more entries than requests: %v", err)
	}
	if _, err := Check(t.Context(), v, larger, nil, nil); err == nil {
		t.Fatal("the checker passed a log with more entries than requests")
	}
	swapped := &memoryLog{entries: [][32]byte{l.entries[1], l.entries[0], l.entries[2]}}
	if _, err := Check(t.Context(), v, swapped, nil, nil); err == nil {
		t.Fatal("the checker passed a log in another order")
	}
	wrong := &memoryLog{entries: l.entries[:1:1], fail: func(i uint64) (uint64, error) { return i + 5, nil }}
	if _, err := Open(t.Context(), v, wrong, Options{}); err == nil {
		t.Fatal("requests were added again at another place")
	}

	// A log that lost its end, or is new, gets the same entries again.
	for keep := range 4 {
		shorter := &memoryLog{entries: l.entries[:keep:keep]}
		if _, err := Open(t.Context(), v, shorter, Options{Logger: quiet()}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(l.entries, shorter.entries); diff != "" {
			t.Fatal(diff)
		}
	}
	report, err := Check(t.Context(), v, l, nil, nil)
	if err != nil || report != (Report{Requests: 3, Logged: 3, Records: 3}) {
		t.Fatalf("%+v, %v", report, err)
	}
}

// What was taken before the end is answered; what comes after is not taken.
func TestStoppingFinishesWhatWasTaken(t *testing.T) {
	t.Parallel()
	v := testVault(t, t.TempDir())
	l := &memoryLog{hold: make(chan struct{})}
	p, stop := work(t, v, l, Options{})
	answers := make(chan error, 10)
	for range cap(answers) {
		go func() {
			_, err := p.Submit(t.Context(), unsigned("1"))
			answers <- err
		}()
	}
	await(t, "the requests to be durable", func() bool { return v.Size() == 10 })
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	await(t, "the end to begin", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.state == stopping
	})
	_, err := p.Submit(t.Context(), unsigned("2"))
	wantCode(t, err, ledger.CodeUnavailable)
	close(l.hold)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(t.Context()); err == nil {
		t.Fatal("ran twice")
	}
}

func TestStoppingDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	v := testVault(t, t.TempDir())
	p, stop := work(t, v, &memoryLog{hold: make(chan struct{})}, Options{Drain: 20 * time.Millisecond})
	answer := make(chan error, 1)
	go func() {
		_, err := p.Submit(t.Context(), unsigned("1"))
		answer <- err
	}()
	await(t, "the request to be durable", func() bool { return v.Size() == 1 })
	if err := stop(); err == nil {
		t.Fatal("Run ended as if all had been answered")
	}
	wantCode(t, <-answer, ledger.CodeUnavailable)
}

func TestStoppingIdle(t *testing.T) {
	t.Parallel()
	_, stop := work(t, testVault(t, t.TempDir()), &memoryLog{}, Options{})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func TestOverloadIsBusyAndLeavesNothing(t *testing.T) {
	t.Parallel()
	v := testVault(t, t.TempDir())
	l := &memoryLog{hold: make(chan struct{})}
	p, _ := work(t, v, l, Options{Active: 2, Held: 1 << 20, Limits: Limits{Wire: 256 << 10, Body: 1 << 20, Record: 256 << 10}})
	answers := make(chan error, 2)
	for range cap(answers) {
		go func() {
			_, err := p.Submit(t.Context(), unsigned("1"))
			answers <- err
		}()
	}
	await(t, "the requests to be durable", func() bool { return v.Size() == 2 })
	_, err := p.Submit(t.Context(), unsigned("2"))
	wantCode(t, err, ledger.CodeBusy)
	close(l.hold)
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}

	p.held.used.Add(1 << 20) // as if others held it
	_, err = p.Submit(t.Context(), unsigned("3"))
	wantCode(t, err, ledger.CodeBusy)
	p.held.used.Add(-1 << 20)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w1, w2 := <-p.workers, <-p.workers // nobody gets into the CPU stages
	_, err = p.Submit(ctx, unsigned("4"))
	wantCode(t, err, ledger.CodeBusy)
	p.workers <- w1
	p.workers <- w2
	if _, err := p.Submit(t.Context(), unsigned("5")); err != nil {
		t.Fatal(err)
	}
	if v.Size() != 3 || p.active.Load() != 0 || p.coming.Load() != 0 || p.held.used.Load() != 0 || len(p.inflight) != 0 {
		t.Fatal("a refused request left something behind")
	}
}

// A sender that goes away before the answer has readings that are taken all the
// same; asking again finds them.
func TestSenderThatGoesAwayFindsItsReadings(t *testing.T) {
	t.Parallel()
	v := testVault(t, t.TempDir())
	l := &memoryLog{hold: make(chan struct{})}
	p, _ := work(t, v, l, Options{})
	d := newDevice(t)
	r, records := d.lines(5)
	body := bytes.Join(records, []byte("\n"))
	r.Body = bytes.NewReader(body)
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	go func() {
		_, err := p.Submit(ctx, r)
		answer <- err
	}()
	await(t, "the request to be durable", func() bool { return v.Size() == 1 })
	cancel()
	wantCode(t, <-answer, ledger.CodeUnavailable)
	said := proof.Statement{Unit: r.Unit, VouchedBy: proof.VouchedByDevice, Root: proof.Root(proof.LeafHashes(nil, &r.Seed, records)), Count: 5}
	_, err := p.Receipt(t.Context(), proof.RequestID(signedID(v, &said, &r.Seed)))
	wantCode(t, err, ledger.CodeNotFound) // not in the log yet: nobody's to see
	close(l.hold)
	r.Body = bytes.NewReader(body)
	receipt, err := p.Submit(t.Context(), r)
	if err != nil || receipt.LogIndex != 0 || v.Size() != 1 {
		t.Fatalf("%+v, %v", receipt, err)
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	v := testVault(t, t.TempDir())
	p, _ := work(t, v, &memoryLog{}, Options{})
	for _, body := range []io.Reader{
		io.MultiReader(strings.NewReader("[1,2"), iotest.ErrReader(errors.New("connection reset by secret-peer"))),
		iotest.ErrReader(io.ErrUnexpectedEOF),
	} {
		_, err := p.Submit(t.Context(), Request{Organisation: north, MediaType: MediaJSON, Body: body})
		wantCode(t, err, ledger.CodeInvalid)
		if strings.Contains(err.Error(), "secret") {
			t.Fatal(err)
		}
	}
	for _, body := range []io.Reader{
		iotest.OneByteReader(strings.NewReader(`{"a":1}`)),
		iotest.DataErrReader(strings.NewReader(`{"a":2}`)),
	} {
		if _, err := p.Submit(t.Context(), Request{Organisation: north, MediaType: MediaJSON, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBodyUpToItsBound(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 10, firstRead - 1, firstRead, firstRead + 1, 9 * firstRead} {
		for _, n := range []int{0, 1, limit - 1, limit, limit + 1, limit + firstRead} {
			held := budget{limit: 1 << 30}
			buf, taken, err := readBody(strings.NewReader(strings.Repeat("x", n)), limit, &held)
			if (err != nil) != (n > limit) || err == nil && len(*buf) != n || taken != held.used.Load() || int64(len(*buf)) > taken {
				t.Errorf("limit %d, body %d: %d bytes, %d taken, %v", limit, n, len(*buf), taken, err)
			}
		}
	}
}

func TestMetricsCountWhatHappened(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	p, _ := work(t, testVault(t, t.TempDir()), &memoryLog{}, Options{Metrics: reg})
	d := newDevice(t)
	r, records := d.lines(7)
	for range 2 {
		r.Body = bytes.NewReader(bytes.Join(records, []byte("\n")))
		if _, err := p.Submit(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	_, err := p.Submit(t.Context(), unsigned("nonsense"))
	wantCode(t, err, ledger.CodeInvalid)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			if labels := m.GetLabel(); len(labels) > 0 {
				name += " " + labels[0].GetValue()
			}
			switch {
			case m.GetCounter() != nil:
				got[name] = m.GetCounter().GetValue()
			case m.GetHistogram() != nil:
				got[name] = float64(m.GetHistogram().GetSampleCount())
			default:
				got[name] = m.GetGauge().GetValue()
			}
		}
	}
	want := map[string]float64{
		"secant_ingest_readings_total":          7,
		"secant_ingest_requests_total accepted": 1,
		"secant_ingest_requests_total repeated": 1,
		"secant_ingest_requests_total invalid":  1,
		"secant_ingest_received_bytes_total":    float64(2*len(bytes.Join(records, []byte("\n"))) + len("nonsense")),
		"secant_ingest_group_requests":          1,
		"secant_ingest_sync_seconds":            1,
		"secant_ingest_answer_seconds":          2,
		"secant_ingest_active_requests":         0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{Limits: Limits{Records: proof.MaxRecords + 1}},
		{Limits: Limits{Body: 100}},
		{Limits: Limits{Record: -1}},
		{Limits: Limits{Depth: -1}},
		{Workers: -1},
		{Active: -1},
		{Held: 1},
		{Linger: time.Second},
	} {
		if _, err := o.validate(); err == nil {
			t.Errorf("taken: %+v", o)
		}
	}
}

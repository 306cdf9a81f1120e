package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault"
)

// Log is what the pipeline needs of the integrity log.
type Log interface {
	// Add takes an entry. Entries get their indices in the order of the calls.
	// What it returns waits until the entry is durable and gives its index.
	Add(ctx context.Context, entry [32]byte) func() (uint64, error)
	// Size is the number of durable entries.
	Size(ctx context.Context) (uint64, error)
}

// Pipeline takes readings. Open makes one, Run works it, and its other methods
// may be called from any goroutine.
type Pipeline struct {
	vault   *vault.Vault
	log     Log
	opts    Options
	metrics *metrics
	keep    func([]*vault.Draft) (uint64, error) // vault.Append; tests fill the disk here

	workers chan *worker // the CPU stages; whoever holds one is in them
	opener  *opener
	held    budget
	active  atomic.Int64 // requests between arrival and answer
	coming  atomic.Int64 // of these, those that have not reached the committer

	queue  chan *call   // unbuffered: what is sent is taken
	groups chan []*call // made durable, on their way into the log

	mu       sync.Mutex
	inflight map[vault.ID]*call // claimed and not finished
	state    state
	drained  chan struct{} // closed when state is stopping and nothing is in flight

	dead    chan struct{} // closed when nothing more will be answered
	failure error         // under mu: why, unless the pipeline was told to stop
}

type state int

const (
	idle state = iota // Run has not begun
	running
	stopping // Run's context has ended; nothing more is taken
	stopped
)

// Open makes a pipeline over a vault and a log that belong together. Requests
// that are durable and not in the log, because a crash came between the two, are
// added to it first; a log with more entries than the vault has requests is
// refused: then the vault lost something that was acknowledged.
func Open(ctx context.Context, v *vault.Vault, l Log, opts Options) (*Pipeline, error) {
	opts, err := opts.validate()
	if err != nil {
		return nil, fmt.Errorf("opening the pipeline: %w", err)
	}
	p := &Pipeline{
		vault: v, log: l, opts: opts, keep: v.Append,
		workers:  make(chan *worker, opts.Workers),
		held:     budget{limit: opts.Held},
		queue:    make(chan *call),
		groups:   make(chan []*call, 64),
		inflight: make(map[vault.ID]*call),
		drained:  make(chan struct{}),
		dead:     make(chan struct{}),
	}
	if p.metrics, err = newMetrics(opts.Metrics, &p.active); err != nil {
		return nil, fmt.Errorf("opening the pipeline: %w", err)
	}
	for range opts.Workers {
		w, err := newWorker(opts.Limits)
		if err != nil {
			return nil, fmt.Errorf("opening the pipeline: %w", err)
		}
		p.workers <- w
	}
	if p.opener, err = newOpener(v, opts.Cache); err != nil {
		return nil, fmt.Errorf("opening the pipeline: %w", err)
	}
	if err := p.resume(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// resumeBatch is how many entries are added to the log before they are awaited.
const resumeBatch = 1024

// resume brings the log up to the vault.
func (p *Pipeline) resume(ctx context.Context) error {
	size, err := p.log.Size(ctx)
	if err != nil {
		return fmt.Errorf("comparing log and vault: %w", err)
	}
	have := p.vault.Size()
	if size > have {
		return fmt.Errorf("the log has %d entries and the vault only %d requests: requests were lost; restore the vault", size, have)
	}
	if r := p.vault.Recovered(); r.CutBytes > 0 || r.Reindexed > 0 || size < have {
		p.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "requests recovered after a crash",
			slog.Uint64("requests", have), slog.Uint64("added_to_log", have-size),
			slog.Int64("unfinished_bytes_cut", r.CutBytes), slog.Int("segments_indexed", r.Reindexed))
	}
	var waiting []func() (uint64, error)
	next := size
	await := func() error {
		for _, future := range waiting {
			index, err := future()
			if err != nil {
				return fmt.Errorf("adding requests to the log again: %w", err)
			}
			if index != next {
				return mismatch(next, index)
			}
			next++
		}
		waiting = waiting[:0]
		return nil
	}
	if err := p.vault.Entries(ctx, size, func(entry [32]byte) error {
		waiting = append(waiting, p.log.Add(ctx, entry))
		if len(waiting) == resumeBatch {
			return await()
		}
		return nil
	}); err != nil {
		return err
	}
	return await()
}

// mismatch is the error for a request whose place in the vault is not its place
// in the log. It is fatal.
func mismatch(ordinal, index uint64) error {
	return fmt.Errorf("request %d of the vault has index %d in the log", ordinal, index)
}

var (
	errBusy     = &ledger.Problem{Code: ledger.CodeBusy, Detail: "too many requests are under way; try again"}
	errStopping = &ledger.Problem{Code: ledger.CodeUnavailable, Detail: "the node takes no readings at the moment"}
	errFull     = &ledger.Problem{Code: ledger.CodeUnavailable, Detail: "the node has no room for more readings; nothing was taken"}
	errUnknown  = &ledger.Problem{Code: ledger.CodeUnavailable, Detail: "the readings may or may not have been taken; send the same request again"}
)

// fail ends the pipeline for good.
func (p *Pipeline) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure == nil {
		p.failure = err
	}
	p.end()
}

// end lets everybody go who waits for an answer; mu is held.
func (p *Pipeline) end() {
	if p.state != stopped {
		p.state = stopped
		close(p.dead)
	}
}

// Run commits what Submit hands it, until ctx ends. Then it takes nothing more,
// finishes what it has taken within Options.Drain, and returns nil. It returns
// an error as soon as vault and log can no longer be trusted to agree; the
// process must stop then, and the next start finds out what is durable.
func (p *Pipeline) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.state != idle {
		p.mu.Unlock()
		return errors.New("running the pipeline: it has run before")
	}
	p.state = running
	p.mu.Unlock()

	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var finishing, watching sync.WaitGroup
	finishing.Go(func() { p.finishAll() })
	watching.Go(func() { p.watch(ctx, work, cancel) })
	p.commitAll(ctx, work)
	close(p.groups)
	finishing.Wait()
	cancel()
	watching.Wait()

	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	return p.failure
}

// watch ends the work when it goes on for too long after ctx has ended.
func (p *Pipeline) watch(ctx, work context.Context, cancel context.CancelFunc) {
	select {
	case <-ctx.Done():
	case <-work.Done():
		return
	}
	late := time.NewTimer(p.opts.Drain)
	defer late.Stop()
	select {
	case <-late.C:
		cancel()
	case <-work.Done():
	}
}

package log

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"k8s.io/klog/v2"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// EntrySize is the size of an entry in bytes: a salted commitment.
const EntrySize = 32

// Options are what may differ between logs.
type Options struct {
	// Origin is the log's name, the first line of its checkpoints and the name
	// of its key: see OriginOf. It is required, and never changes for a log.
	Origin string
	// CheckpointInterval is the least time between two checkpoints; by default
	// one second, at least a tenth. After a pause the first one may take two.
	CheckpointInterval time.Duration
	// Pending bounds the entries that were added and are not yet durable; Add
	// waits when it is reached. By default 8,192.
	Pending int
}

const (
	defaultCheckpointInterval = time.Second
	leastCheckpointInterval   = 100 * time.Millisecond
	defaultPending            = 8192

	// maxBatch is how many entries are made durable together.
	maxBatch = 2048
	// batchAge is how long Tessera gathers a batch; see feed.
	batchAge = 2 * time.Millisecond
)

func (o *Options) validate() error {
	if o.CheckpointInterval == 0 {
		o.CheckpointInterval = defaultCheckpointInterval
	}
	if o.Pending == 0 {
		o.Pending = defaultPending
	}
	switch {
	case o.Origin == "":
		return errors.New("a log needs an origin")
	case o.CheckpointInterval < leastCheckpointInterval:
		return fmt.Errorf("the checkpoint interval must be at least %s", leastCheckpointInterval)
	case o.Pending < 1:
		return errors.New("the bound on pending entries must be positive")
	}
	return nil
}

// RouteMessages sends what the storage engine itself has to say to logger
// instead of standard error. It holds for the whole process, so that the program
// calls it, once, before it opens a log.
func RouteMessages(logger *slog.Logger) { klog.SetSlogLogger(logger) }

// OriginOf returns the origin of an organisation's log on a network.
func OriginOf(network, organisation string) string {
	return "secant/" + network + "/" + organisation
}

// Log is an open log. One process has a log open at a time. Its methods may be
// called from any goroutine.
type Log struct {
	dir      string
	opts     Options
	verifier string // the log's public key as a signed-note verifier key
	unlock   func() error

	appender *tessera.Appender
	shutdown func(context.Context) error // waits for the checkpoint over all entries
	reader   tessera.LogReader
	tiles    *tileCache
	stop     context.CancelFunc // ends Tessera's goroutines

	queue   chan *pending // fed by Add, emptied by feed
	adding  sync.RWMutex  // held to read while sending on queue, to write while closing it
	closed  bool          // under adding
	next    uint64        // index of the next entry; only feed uses it
	fed     chan struct{} // closed when feed has ended
	failure atomic.Pointer[error]
}

// Open opens the log in dir, and makes it, with a new key, when dir does not
// exist or is empty. It fails when another process has the log open, when the
// key is missing or is of another origin, and when the tree does not continue
// what was last published. The context bounds the opening only; an open log
// lives until Close.
//
// A caller who knows the log's last anchor calls Require before it adds.
func Open(ctx context.Context, dir string, opts Options) (*Log, error) {
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { //nolint:gosec // the caller names the directory
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	l, err := openLocked(ctx, dir, opts)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	l.unlock = unlock
	return l, nil
}

func openLocked(ctx context.Context, dir string, opts Options) (*Log, error) {
	tree := filepath.Join(dir, "tree")
	_, err := os.Stat(tree) //nolint:gosec // the caller names the directory
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	signer, verifier, err := openKey(filepath.Join(dir, "key"), opts.Origin, err != nil)
	if err != nil {
		return nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: tree})
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(opts.CheckpointInterval).
		WithCheckpointRepublishInterval(0).
		WithBatching(maxBatch+1, batchAge))
	if err != nil {
		stop()
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	l := &Log{
		dir: dir, opts: opts, verifier: verifier,
		appender: appender, shutdown: shutdown, reader: reader, tiles: newTileCache(reader), stop: stop,
		queue: make(chan *pending, opts.Pending), fed: make(chan struct{}),
	}
	if l.next, err = reader.IntegratedSize(ctx); err != nil {
		stop()
		return nil, fmt.Errorf("reading the log's size: %w", err)
	}
	if err := l.requirePublished(ctx); err != nil {
		stop()
		return nil, err
	}
	go l.feed(ctx)
	return l, nil
}

// Verifier returns the log's public key as a signed-note verifier key.
func (l *Log) Verifier() string { return l.verifier }

// Origin returns the log's name.
func (l *Log) Origin() string { return l.opts.Origin }

// Size returns the number of entries that are durable, published or not.
func (l *Log) Size(ctx context.Context) (uint64, error) {
	size, err := l.reader.IntegratedSize(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the log's size: %w", err)
	}
	return size, nil
}

// Close stops taking entries, waits until every entry taken is durable and
// under a published checkpoint, and gives the log free. When ctx ends first, the
// error says so; what was acknowledged is durable all the same.
func (l *Log) Close(ctx context.Context) error {
	l.adding.Lock()
	again := l.closed
	if !again {
		l.closed = true
		close(l.queue)
	}
	l.adding.Unlock()
	if again {
		return nil
	}
	select {
	case <-l.fed:
	case <-ctx.Done():
		// A disk that does not answer; the lock stays, so that nobody else writes.
		return fmt.Errorf("closing the log with entries still under way: %w", ctx.Err())
	}
	var err error
	if failure := l.failure.Load(); failure != nil {
		err = *failure
	} else if err = l.shutdown(ctx); err != nil {
		err = fmt.Errorf("waiting for the log's last checkpoint: %w", err)
	}
	l.stop()
	return errors.Join(err, l.unlock())
}

// errClosed answers entries that come too late.
var errClosed = &ledger.Problem{Code: ledger.CodeUnavailable, Detail: "the integrity log is closed"}

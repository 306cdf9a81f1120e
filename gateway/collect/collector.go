package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/telemetry"
	"github.com/secant-platform/secant/identity/fetch"
)

// Store keeps what is collected, and how far.
type Store interface {
	TakeIn(ctx context.Context, b *fact.Batch) (fact.BatchOutcome, error)
	SourceCheckpoint(ctx context.Context, source string) ([]byte, error)
	// AlertReceived returns when a thing of a source came, by the digest of its original;
	// zero: it is not here.
	AlertReceived(ctx context.Context, source string, digest [32]byte) (time.Time, error)
	SourceTaken(ctx context.Context, source string, digest [32]byte) (bool, error)
	SourceRead(ctx context.Context, source string) error
	SourceFailed(ctx context.Context, source, failure string) error
	PruneAlerts(ctx context.Context, before time.Time, most int64) (more bool, err error)
}

// Web fetches what others publish, guarded against where it leads.
type Web interface {
	Ask(ctx context.Context, address string, header http.Header, limit int64) (fetch.Answer, error)
}

// Way reads all that is new of a source, to its end. Its error says what to do about it.
type Way func(ctx context.Context, in *Intake) error

// Source is one that is looked at now and then.
type Source struct {
	Name   string
	Format adapt.Format // not read where the way brings its own
	Way    Way
	Every  time.Duration // between two looks
}

// Options say what is collected and how much of it is kept. What has no default is
// required.
type Options struct {
	Collection string // id of that into which the STIX objects of reports go
	Sources    []Source
	Syslog     []*Syslog
	Keep       int64         // things that are kept at most
	Age        time.Duration // for which alerts and scans are kept
	Wake       func()        // tells that there is something new
	Logger     *slog.Logger  // default: slog.Default
}

// Collector collects. It is made by New.
type Collector struct {
	store Store
	opts  Options
}

// New makes a collector.
func New(store Store, opts Options) (*Collector, error) {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Keep < 1 || opts.Age <= 0 || opts.Collection == "" || opts.Wake == nil {
		return nil, errors.New("a collector needs a collection, bounds of what it keeps, and whom to wake")
	}
	for _, s := range opts.Sources {
		if s.Name == "" || s.Way == nil || s.Every <= 0 {
			return nil, errors.New("a source needs a name, a way in, and how often it is looked at")
		}
	}
	c := &Collector{store, opts}
	for _, s := range opts.Syslog {
		s.collector = c
	}
	return c, nil
}

// Run looks at the sources until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	for i := range c.opts.Sources {
		all.Go(func() { c.follow(ctx, &c.opts.Sources[i]) })
	}
	for _, s := range c.opts.Syslog {
		all.Go(func() { s.keep(ctx) })
	}
	all.Go(func() { c.prune(ctx) })
	<-ctx.Done()
	return nil
}

// Of a source that fails the next look waits longer each time, up to these.
const (
	maxPause = time.Hour
	noted    = time.Minute // between two notes that a source is read, where nothing changed
)

func (c *Collector) follow(ctx context.Context, s *Source) {
	failures, note := 0, time.Time{}
	for {
		err := c.look(ctx, s)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failures++
			c.failed(ctx, s.Name, err)
			note = time.Time{}
		} else {
			failures = 0
			if time.Since(note) >= noted {
				if err := c.store.SourceRead(ctx, s.Name); err == nil {
					note = time.Now()
				}
			}
		}
		pause := s.Every
		if failures > 0 {
			pause = max(s.Every, min(maxPause, s.Every<<min(failures, 10)))
			pause += rand.N(pause/4 + 1) //nolint:gosec // not a secret: so that those who failed together do not come back together
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (c *Collector) look(ctx context.Context, s *Source) (err error) {
	in := c.intake(s.Name, s.Format)
	return in.guarded(ctx, func() error { return s.Way(ctx, in) })
}

func (c *Collector) failed(ctx context.Context, name string, err error) {
	c.opts.Logger.WarnContext(ctx, "source of intelligence could not be read", slog.String(telemetry.KeySource, name), slog.Any(telemetry.KeyError, err))
	if err := c.store.SourceFailed(ctx, name, reason(err)); err != nil && ctx.Err() == nil {
		c.opts.Logger.ErrorContext(ctx, "failure of a source could not be noted", slog.String(telemetry.KeySource, name), slog.Any(telemetry.KeyError, err))
	}
}

// pruneEvery is how often old alerts go.
const pruneEvery = 10 * time.Minute

func (c *Collector) prune(ctx context.Context) {
	for {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = c.store.PruneAlerts(ctx, time.Now().Add(-c.opts.Age), c.opts.Keep); err != nil && ctx.Err() == nil {
				c.opts.Logger.ErrorContext(ctx, "old alerts could not go", slog.Any(telemetry.KeyError, err))
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pruneEvery):
		}
	}
}

// Outcome is what became of a document that was handed in.
type Outcome struct {
	New, Known, Refused int
	Reasons             []string // why things were refused, the first ones
}

// Take reads a document that somebody hands in, as of a source.
func (c *Collector) Take(ctx context.Context, source string, format adapt.Format, document []byte) (Outcome, error) {
	in := c.intake(source, format)
	err := in.document(ctx, document)
	if err == nil {
		err = in.flush(ctx, nil, nil)
	}
	out := Outcome{New: in.out.New, Known: in.out.Known, Refused: in.refused, Reasons: in.reasons}
	if err != nil {
		return out, err
	}
	if err := c.store.SourceRead(ctx, source); err != nil {
		return out, fmt.Errorf("noting that a source said something: %w", err)
	}
	return out, nil
}

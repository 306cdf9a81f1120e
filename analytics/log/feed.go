package log

import (
	"context"
	"fmt"
	"time"

	"github.com/transparency-dev/tessera"
)

// pending is an entry on its way into the tree.
type pending struct {
	entry [EntrySize]byte
	done  chan struct{} // closed when index and err are set
	index uint64
	err   error
}

// Add takes an entry and returns a function that waits until the entry is
// durable and gives its index. The order in which one goroutine calls Add is
// the order of the indices. Add itself waits only while too many entries are
// under way.
//
// Any error is final for this Log: what the tree holds beyond its durable size
// is then unknown, so every later entry is refused until the log is opened
// again. An entry whose future failed may or may not be in the tree. When ctx
// ends, the future gives up waiting, the entry does not.
func (l *Log) Add(ctx context.Context, entry [EntrySize]byte) func() (uint64, error) {
	p := &pending{entry: entry, done: make(chan struct{})}
	if err := l.enqueue(ctx, p); err != nil {
		return func() (uint64, error) { return 0, err }
	}
	return func() (uint64, error) {
		select {
		case <-p.done:
			return p.index, p.err
		case <-ctx.Done():
			return 0, fmt.Errorf("waiting for a log entry: %w", ctx.Err())
		}
	}
}

func (l *Log) enqueue(ctx context.Context, p *pending) error {
	l.adding.RLock()
	defer l.adding.RUnlock()
	if l.closed {
		return errClosed
	}
	if failure := l.failure.Load(); failure != nil {
		return *failure
	}
	select {
	case l.queue <- p:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("adding a log entry: %w", ctx.Err())
	}
}

// feed hands entries to Tessera, one batch at a time.
//
// Tessera flushes a batch on a timer or when it is full, from different
// goroutines, and two flushes that meet may swap places: it promises order in a
// batch only. So the next batch starts when the last one is durable, no batch
// ever fills Tessera's (it flushes on the timer alone), and a batch that took
// suspiciously long to hand over ends there. Should the order be wrong for all
// that, the indices show it and the log stops.
func (l *Log) feed(ctx context.Context) {
	defer close(l.fed)
	batch := make([]*pending, 0, maxBatch)
	var late *pending
	for {
		first := late
		if late = nil; first == nil {
			var open bool
			if first, open = <-l.queue; !open {
				return
			}
		}
		batch = append(batch[:0], first)
		if failure := l.failure.Load(); failure != nil {
			first.err = *failure
			close(first.done)
			continue
		}
		late = l.write(ctx, batch)
	}
}

// write gathers a batch behind its first entry, waits until it is durable and
// tells those who wait for it. An entry that came too late to hand over is the next
// batch's first.
func (l *Log) write(ctx context.Context, batch []*pending) (late *pending) {
	futures := make([]tessera.IndexFuture, 0, maxBatch)
	hand := func(p *pending) { futures = append(futures, l.appender.Add(ctx, tessera.NewEntry(p.entry[:]))) }
	begun, enough := time.Now(), time.NewTimer(batchAge/2)
	defer enough.Stop()
	hand(batch[0])
gather:
	for len(batch) < maxBatch {
		select {
		case <-enough.C:
			break gather
		case p, open := <-l.queue:
			if !open {
				break gather
			}
			if time.Since(begun) > batchAge/2 {
				late = p
				break gather
			}
			hand(p)
			batch = append(batch, p)
		}
	}
	for i, p := range batch {
		index, err := futures[i]()
		switch failure := l.failure.Load(); {
		case failure != nil:
			p.err = *failure
		case err != nil:
			p.err = l.fail(fmt.Errorf("writing to the integrity log: %w", err))
		case index.Index != l.next:
			p.err = l.fail(fmt.Errorf("the integrity log put an entry at index %d instead of %d", index.Index, l.next))
		default:
			p.index = index.Index
			l.next++
		}
		close(p.done)
	}
	return late
}

// fail makes err the log's one fatal error, unless it already has one.
func (l *Log) fail(err error) error {
	l.failure.CompareAndSwap(nil, &err)
	return *l.failure.Load()
}

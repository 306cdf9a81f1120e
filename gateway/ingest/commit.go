package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/secant-platform/secant/gateway/vault"
)

// Bounds of a group: what one sync makes durable.
const (
	maxGroup      = 1024
	maxGroupBytes = 16 << 20
)

// commitAll makes calls durable, group by group, and hands them to the log in
// order. It is the only goroutine that appends to the vault or adds to the log.
func (p *Pipeline) commitAll(ctx, work context.Context) {
	linger := time.NewTimer(time.Hour)
	defer linger.Stop()
	drafts := make([]*vault.Draft, 0, maxGroup)
	for {
		first, ok := p.first(ctx, work)
		if !ok {
			return
		}
		group := p.gather(first, linger)
		drafts = drafts[:0]
		for _, c := range group {
			drafts = append(drafts, c.draft)
		}
		if err := p.commit(work, group, drafts); err != nil {
			p.fail(err)
			return
		}
	}
}

// first waits for the first call of a group. It reports false when there will
// be none. Once ctx has ended it serves what is in flight still.
func (p *Pipeline) first(ctx, work context.Context) (*call, bool) {
	select {
	case c := <-p.queue:
		return c, true
	case <-p.dead:
		return nil, false
	case <-ctx.Done():
	}
	p.stop()
	select {
	case c := <-p.queue:
		return c, true
	case <-p.drained:
	case <-p.dead:
	case <-work.Done(): // the log does not answer, or a request does not come
	}
	return nil, false
}

// gather takes what follows the first call. While more requests are coming it
// waits for them, but not for long: what it would save in syncs it costs those
// who wait.
func (p *Pipeline) gather(first *call, linger *time.Timer) []*call {
	group := append(make([]*call, 0, 16), first)
	size := first.draft.Size()
	linger.Reset(p.opts.Linger)
	for len(group) < maxGroup && size < maxGroupBytes && p.coming.Load() > 0 {
		select {
		case c := <-p.queue:
			group = append(group, c)
			size += c.draft.Size()
		case <-linger.C:
			return group
		}
	}
	return group
}

func (p *Pipeline) commit(work context.Context, group []*call, drafts []*vault.Draft) error {
	begun := time.Now()
	ordinal, err := p.keep(drafts)
	if errors.Is(err, vault.ErrFull) {
		p.opts.Logger.LogAttrs(work, slog.LevelError, "requests refused", slog.Any("error", err))
		for _, c := range group {
			c.draft.Release()
			p.settle(c, nil, errFull)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("keeping requests: %w", err)
	}
	p.opts.Step(StepAppended)
	if err := p.vault.Sync(); err != nil {
		return fmt.Errorf("keeping requests: %w", err)
	}
	p.opts.Step(StepSynced)
	p.metrics.synced(begun, len(group))
	for i, c := range group {
		c.ordinal = ordinal + uint64(i)
		c.future = p.log.Add(work, c.draft.Entry())
		c.draft.Release()
		c.draft = nil
	}
	select {
	case p.groups <- group:
		return nil
	case <-p.dead:
		return nil // the finisher met the error that ended it
	}
}

// finishAll waits for the log and answers, in order.
func (p *Pipeline) finishAll() {
	for group := range p.groups {
		for _, c := range group {
			index, err := c.future()
			if err != nil {
				p.fail(fmt.Errorf("adding a request to the log: %w", err))
				return
			}
			if index != c.ordinal {
				p.fail(mismatch(c.ordinal, index))
				return
			}
			p.opts.Step(StepLogged)
			p.settle(c, receiptOf(&c.statement, index), nil)
			p.opts.Step(StepAnswered)
		}
	}
}

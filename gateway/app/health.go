package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/secant-platform/secant/analytics/worker"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/vault"
)

// statusTime bounds how long the own peer is waited for when readiness is asked.
const statusTime = 3 * time.Second

// health judges whether the node can do its work now.
type health struct {
	status    func(context.Context) (worker.Status, error)
	readings  *readings
	objects   func() vault.Objects // nil: there is no place for objects
	eventLag  time.Duration
	outboxAge time.Duration
	member    atomic.Bool // the organisation's row on the ledger is as this node has it

	asking sync.Mutex // one caller at a time asks; who waited takes the same answer
	parts  []rest.Part
	asked  time.Time

	mu     sync.Mutex
	caught bool      // the read model has caught up once
	goal   uint64    // height that the own peer had at since; 0: none pursued
	since  time.Time // of goal
}

// answerLife is how long an answer about the node's health serves: whoever asks
// needs no token, and each fresh answer costs the peers a signed query.
const answerLife = time.Second

// Parts lists the parts of the node, each working or with a reason, as they were
// at most answerLife ago.
func (h *health) Parts(ctx context.Context) []rest.Part {
	h.asking.Lock()
	defer h.asking.Unlock()
	if h.parts == nil || time.Since(h.asked) > answerLife {
		// Not the caller's context: the answer is for all that wait.
		h.parts, h.asked = h.ask(context.WithoutCancel(ctx)), time.Now()
	}
	return slices.Clone(h.parts)
}

func (h *health) ask(ctx context.Context) []rest.Part {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	s, err := h.status(ctx)
	now := time.Now()
	parts := []rest.Part{
		part("ledger", ledgerReason(err)),
		part("events", h.lag(s, err, now)),
		part("outbox", h.outbox(s, now)),
		part("log", logReason(s)),
		part("readings", h.readingsReason()),
		part("member", h.memberReason()),
	}
	if h.objects != nil {
		p := part("objects", objectsReason(h.objects()))
		p.Aside = true // readings are taken without it, as long as the disk has room
		parts = append(parts, p)
	}
	return parts
}

func part(name, reason string) rest.Part {
	return rest.Part{Name: name, OK: reason == "", Reason: reason}
}

func ledgerReason(err error) string {
	if err == nil {
		return ""
	}
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		return p.Detail
	}
	return "the own organisation's peers do not answer"
}

// lag judges how long the read model takes to reach a height that the own peer
// had: blocks alone do not tell a busy node from one that stands still.
func (h *health) lag(s worker.Status, err error, now time.Time) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		if h.caught {
			return "" // told under ledger; the read model is as good as it can be
		}
		return "the read model has not caught up with the ledger yet"
	}
	if h.goal != 0 && s.Next >= h.goal {
		h.goal, h.caught = 0, true
	}
	if s.Next >= s.Height {
		h.goal, h.caught = 0, true
		return ""
	}
	if h.goal == 0 {
		h.goal, h.since = s.Height, now
	}
	switch behind := now.Sub(h.since); {
	case !h.caught:
		return fmt.Sprintf("the read model has not caught up with the ledger yet: block %d of %d", s.Next, s.Height)
	case behind > h.eventLag:
		return fmt.Sprintf("the read model is more than %s behind the ledger", h.eventLag)
	}
	return ""
}

func (h *health) outbox(s worker.Status, now time.Time) string {
	if s.Open > 0 && now.Sub(s.Oldest) > h.outboxAge {
		return fmt.Sprintf("%d commands wait for the ledger, the oldest for more than %s", s.Open, h.outboxAge)
	}
	return ""
}

func logReason(s worker.Status) string {
	if !s.Verified {
		return "the integrity log is not compared with its last anchor yet"
	}
	return ""
}

func (h *health) readingsReason() string {
	if _, err := h.readings.open(); err != nil {
		return "no readings are taken yet"
	}
	return ""
}

func (h *health) memberReason() string {
	if !h.member.Load() {
		return "the organisation's row on the ledger is not up to date yet"
	}
	return ""
}

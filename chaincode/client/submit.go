package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Submitter is what [Submit] needs: a [Client], or a ledger in memory.
type Submitter interface {
	Prepare(ctx context.Context, role ledger.Role, name string, req any, transient ...Transient) (*Prepared, error)
	Outcome(ctx context.Context, tx string) (Outcome, error)
}

// SubmitOption changes how [Submit] goes about it.
type SubmitOption func(*submission)

// Within bounds the whole of a submission, its retries included; the default is
// 45 s. The bound is on time, not on the number of tries.
func Within(total time.Duration) SubmitOption { return func(s *submission) { s.total = total } }

// With shows the endorsers what nobody may keep. Each new transaction that
// [Submit] makes is shown the same: whether it serves twice is the contract's
// business, and a transaction that came to nothing has used nothing up.
func With(t Transient) SubmitOption {
	return func(s *submission) { s.transient = append(s.transient, t) }
}

const defaultTotal = 45 * time.Second

// Waits between tries: full jitter below a bound that doubles.
const (
	firstWait = 50 * time.Millisecond
	longWait  = 2 * time.Second
)

// Submit runs a transaction to its end and decodes the contract's answer. It
// tries again while the problem is busy or unavailable, and when the transaction
// lost against another in its block. After an unknown outcome it looks the
// transaction up and sends the same bytes again, never a new transaction. When
// time is up the last error is returned: an *[UnknownOutcome] if that is what is
// left, otherwise a Problem.
//
// A conflict that contracts report is returned as it is: the request names what
// it expects (a revision, a sequence number), and that has moved on.
func Submit[T any](ctx context.Context, s Submitter, role ledger.Role, name string, req any, opts ...SubmitOption) (*T, Commit, error) {
	run := submission{ledger: s, total: defaultTotal}
	for _, o := range opts {
		o(&run)
	}
	commit, err := run.do(ctx, role, name, req)
	if err != nil {
		return nil, commit, fmt.Errorf("submitting %s: %w", name, err)
	}
	out := new(T)
	if len(commit.Payload) > 0 {
		if err := json.Unmarshal(commit.Payload, out); err != nil {
			return nil, commit, fmt.Errorf("decoding the answer of %s: %w", name, err)
		}
	}
	return out, commit, nil
}

type submission struct {
	ledger    Submitter
	total     time.Duration
	transient []Transient
}

func (s *submission) do(ctx context.Context, role ledger.Role, name string, req any) (Commit, error) {
	limited, cancel := context.WithTimeout(ctx, s.total)
	defer cancel()
	var last error
	for try := 0; ; try++ {
		commit, err := s.once(limited, role, name, req)
		switch {
		case err == nil, isUnknown(err):
			return commit, err
		case limited.Err() == nil && !retryable(err):
			return commit, err
		case limited.Err() == nil || last == nil:
			last = err
		}
		if !wait(limited, try) {
			return commit, giveUp(ctx, last)
		}
	}
}

// once prepares one transaction and stays with it until its outcome is known or
// time is up.
func (s *submission) once(ctx context.Context, role ledger.Role, name string, req any) (Commit, error) {
	p, err := s.ledger.Prepare(ctx, role, name, req, s.transient...)
	if err != nil {
		return Commit{}, err
	}
	var unknown error
	for try := 0; ; try++ {
		commit, err := p.Submit(ctx)
		if rejected, ok := errors.AsType[*Rejected](err); ok && rejected.Code == duplicate {
			// Its own first sending may be what it duplicates.
			err = &UnknownOutcome{Tx: p.TxID, Cause: err}
		}
		switch {
		case isUnknown(err):
			unknown = err
		case err != nil && ctx.Err() != nil && unknown != nil:
			return Commit{}, unknown // this time nothing was sent, but before it was
		default:
			return commit, err
		}
		o, lookErr := s.ledger.Outcome(ctx, p.TxID)
		switch {
		case lookErr == nil && o.Known && o.Valid:
			return Commit{Tx: p.TxID, Block: o.Block, Payload: p.Payload}, nil
		case lookErr == nil && o.Known:
			return Commit{}, &Rejected{Tx: p.TxID, Block: o.Block, Code: o.Code}
		}
		if !wait(ctx, try) {
			return Commit{}, unknown
		}
	}
}

func isUnknown(err error) bool {
	_, ok := errors.AsType[*UnknownOutcome](err)
	return ok
}

// giveUp is the error of a submission whose time is up: the last one that it
// saw before. Unless that is a Problem, it was the caller's patience or ours
// that ended, with nothing sent.
func giveUp(ctx context.Context, last error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w (%w)", last, err)
	}
	if _, ok := errors.AsType[*ledger.Problem](last); !ok {
		return &refused{problem: ledger.Problemf(ledger.CodeUnavailable, "the ledger did not answer in time"), cause: last}
	}
	return last
}

// wait pauses before try number try+1; it reports false when the context ends
// first.
func wait(ctx context.Context, try int) bool { return sleep(ctx, pause(try, firstWait, longWait)) }

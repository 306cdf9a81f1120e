package client

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// scripted is a ledger whose answers the test writes: one function for each
// Prepare and each sending, in turn; the last one is repeated.
type scripted struct {
	prepares []error
	submits  []error // nil: committed
	outcome  func(sent int) (Outcome, error)
	prepared int
	sent     int
	ids      []string // of each sending
	shown    []Transient
}

func turn(script []error, n int) error {
	if len(script) == 0 {
		return nil
	}
	return script[min(n, len(script)-1)]
}

func (s *scripted) Prepare(_ context.Context, _ ledger.Role, _ string, _ any, shown ...Transient) (*Prepared, error) {
	s.prepared++
	s.shown = append(s.shown, shown...)
	if err := turn(s.prepares, s.prepared-1); err != nil {
		return nil, err
	}
	id := fmt.Sprintf("tx%d", s.prepared)
	return NewPrepared(id, []byte(`{"digest":"07"}`), nil, func(context.Context) (Commit, error) {
		s.sent++
		s.ids = append(s.ids, id)
		if err := turn(s.submits, s.sent-1); err != nil {
			return Commit{}, err
		}
		return Commit{Tx: id, Block: 9, Payload: []byte(`{"digest":"07"}`)}, nil
	}), nil
}

func (s *scripted) Outcome(context.Context, string) (Outcome, error) {
	if s.outcome == nil {
		return Outcome{}, nil
	}
	return s.outcome(s.sent)
}

var (
	errUnknown  = &UnknownOutcome{Tx: "tx1", Cause: errors.New("the connection broke")}
	errBusy     = ledger.Problemf(ledger.CodeBusy, "an endorser lags")
	errDown     = ledger.Problemf(ledger.CodeUnavailable, "no peer answers")
	errDenied   = ledger.Problemf(ledger.CodeDenied, "not your record")
	errConflict = &Rejected{Tx: "tx1", Block: 4, Code: "MVCC_READ_CONFLICT"}
)

func TestSubmit(t *testing.T) {
	never := func(int) (Outcome, error) { return Outcome{}, nil }
	for name, tt := range map[string]struct {
		ledger   scripted
		want     ledger.Code // empty: success
		unknown  bool
		prepared int
		sent     int
	}{
		"at once":                        {scripted{}, "", false, 1, 1},
		"busy, unavailable, then well":   {scripted{prepares: []error{errBusy, errDown, nil}}, "", false, 3, 1},
		"a conflict is prepared anew":    {scripted{submits: []error{errConflict, nil}}, "", false, 2, 2},
		"an upgrade is prepared anew":    {scripted{submits: []error{&Rejected{Code: "EXPIRED_CHAINCODE"}, nil}}, "", false, 2, 2},
		"a spoilt id is prepared anew":   {scripted{submits: []error{&Rejected{Code: "BAD_PROPOSAL_TXID"}, nil}}, "", false, 2, 2},
		"a contract's conflict is final": {scripted{prepares: []error{ledger.Problemf(ledger.CodeConflict, "the next revision is 3")}}, ledger.CodeConflict, false, 1, 0},
		"denied is final":                {scripted{prepares: []error{errDenied}}, ledger.CodeDenied, false, 1, 0},
		"a broken policy is final":       {scripted{submits: []error{&Rejected{Code: "ENDORSEMENT_POLICY_FAILURE"}}}, ledger.CodeDenied, false, 1, 1},
		"an unknown code is final":       {scripted{submits: []error{&Rejected{Code: "BAD_RWSET"}}}, ledger.CodeInternal, false, 1, 1},
		"an error that is no problem":    {scripted{prepares: []error{errors.New("broken")}}, ledger.CodeInternal, false, 1, 0},
		"unknown, sent again, committed": {scripted{submits: []error{errUnknown, nil}}, "", false, 1, 2},
		"unknown, found valid": {
			scripted{submits: []error{errUnknown}, outcome: func(int) (Outcome, error) {
				return Outcome{Known: true, Valid: true, Code: "VALID", Block: 9}, nil
			}}, "", false, 1, 1,
		},
		"unknown, found in conflict": {
			scripted{submits: []error{errUnknown, nil}, outcome: func(int) (Outcome, error) {
				return Outcome{Known: true, Code: "MVCC_READ_CONFLICT", Block: 9}, nil
			}}, "", false, 2, 2,
		},
		"unknown, found denied": {
			scripted{submits: []error{errUnknown}, outcome: func(int) (Outcome, error) {
				return Outcome{Known: true, Code: "ENDORSEMENT_POLICY_FAILURE", Block: 9}, nil
			}}, ledger.CodeDenied, false, 1, 1,
		},
		"unknown, found only when the peer answers": {
			scripted{submits: []error{errUnknown}, outcome: func(sent int) (Outcome, error) {
				if sent < 4 {
					return Outcome{}, errDown
				}
				return Outcome{Known: true, Valid: true, Block: 9}, nil
			}}, "", false, 1, 4,
		},
		"a duplicate of its own first sending": {
			scripted{submits: []error{errUnknown, &Rejected{Code: duplicate}}, outcome: func(sent int) (Outcome, error) {
				return Outcome{Known: sent == 2, Valid: true, Block: 9}, nil
			}}, "", false, 1, 2,
		},
		"never confirmed": {scripted{submits: []error{errUnknown}, outcome: never}, ledger.CodeUnavailable, true, 1, -1},
		"never agreed":    {scripted{prepares: []error{errBusy}}, ledger.CodeBusy, false, -1, 0},
		"always lost":     {scripted{submits: []error{errConflict}}, ledger.CodeConflict, false, -1, -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				record, commit, err := Submit[ledger.Threat](t.Context(), &tt.ledger, ledger.RoleSharer, ledger.ThreatShare, nil)
				if ledger.CodeOf(err) != tt.want || isUnknown(err) != tt.unknown {
					t.Fatalf("got %v", err)
				}
				if err == nil && (record.Digest != "07" || commit.Block != 9 || commit.Tx != tt.ledger.ids[len(tt.ledger.ids)-1]) {
					t.Errorf("got %+v in %+v", record, commit)
				}
				if tt.prepared >= 0 && tt.ledger.prepared != tt.prepared || tt.sent >= 0 && tt.ledger.sent != tt.sent {
					t.Errorf("prepared %d, sent %d", tt.ledger.prepared, tt.ledger.sent)
				}
				if spent := time.Since(start); spent > defaultTotal {
					t.Errorf("took %v", spent)
				}
				if tries := tt.ledger.prepared + tt.ledger.sent; tries > 500 {
					t.Errorf("tried %d times", tries)
				}
			})
		})
	}
}

func TestSubmitKeepsToItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &scripted{prepares: []error{errBusy}}
		_, _, err := Submit[ledger.Threat](t.Context(), s, ledger.RoleSharer, ledger.ThreatShare, nil, Within(3*time.Second))
		if ledger.CodeOf(err) != ledger.CodeBusy || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestSubmitEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s := &scripted{prepares: []error{errBusy}}
		_, _, err := Submit[ledger.Threat](ctx, s, ledger.RoleSharer, ledger.ThreatShare, nil)
		if !errors.Is(err, context.DeadlineExceeded) || ledger.CodeOf(err) != ledger.CodeBusy {
			t.Error(err)
		}
	})
}

// Once something was sent, the end of time must not make it look as if nothing
// had been.
func TestSubmitNeverForgetsThatItSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		_, _, err := Submit[ledger.Threat](t.Context(), s, ledger.RoleSharer, ledger.ThreatShare, nil, Within(10*time.Second))
		if u, ok := errors.AsType[*UnknownOutcome](err); !ok || u.Tx != "tx" {
			t.Errorf("got %v", err)
		}
	})
}

// slow is a ledger whose first sending fails and whose second finds the time over.
type slow struct{ sent int }

func (s *slow) Prepare(context.Context, ledger.Role, string, any, ...Transient) (*Prepared, error) {
	return NewPrepared("tx", nil, nil, func(ctx context.Context) (Commit, error) {
		if s.sent++; s.sent == 1 {
			return Commit{}, &UnknownOutcome{Tx: "tx", Cause: errBroken}
		}
		<-ctx.Done()
		return Commit{}, fmt.Errorf("submitting: %w", ctx.Err())
	}), nil
}

func (s *slow) Outcome(context.Context, string) (Outcome, error) { return Outcome{}, nil }

func TestPauseIsJitteredBelowABoundThatDoubles(t *testing.T) {
	seen := map[time.Duration]bool{}
	for try := range 64 {
		d := pause(try, firstWait, longWait)
		if d <= 0 || d > longWait+time.Millisecond || try == 0 && d > firstWait+time.Millisecond {
			t.Errorf("try %d waits %v", try, d)
		}
		seen[d] = true
	}
	if len(seen) < 32 {
		t.Errorf("only %d different waits of 64", len(seen))
	}
}

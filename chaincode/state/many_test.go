package state_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// stocked is a ledger that holds reports "0" to "9", and runs do afterwards.
func stocked(t interface{ Fatal(...any) }, o statetest.Options, do func(*state.Context) error) *statetest.Ledger {
	fill := func(ctx *state.Context) error {
		for i := range 10 {
			if err := create(strconv.Itoa(i))(ctx); err != nil {
				return err
			}
		}
		return emit(ctx)
	}
	first := true
	o.Chaincode = func(clock func() time.Time) (shim.Chaincode, error) {
		return contractapi.NewChaincode(&Careless{state.NewContract("identity", state.Options{Clock: clock}), func(ctx *state.Context) error {
			if err := permit(ctx); err != nil {
				return err
			}
			if first {
				return fill(ctx)
			}
			return do(ctx)
		}})
	}
	l, err := statetest.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Simulate(statetest.Proposal{Client: l.Client("authority", ledger.RoleSharer), Name: ledger.IdentityRegister, Request: ledger.PageRequest{}})
	if err != nil || s.Err() != nil {
		t.Fatal(err, s.Err())
	}
	l.Commit(s)
	first = false
	return l
}

func keysOf(digests []string) []ledger.Key {
	var keys []ledger.Key
	for _, d := range digests {
		keys = append(keys, report(d).Key())
	}
	return keys
}

// TestBatchesChangeNothing: the same reads, the same writes and the same answer
// come of a transaction whether its peer takes many records at a time or each
// alone, and whether the transaction reads them together or one by one.
func TestBatchesChangeNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digest := rapid.SampledFrom([]string{"0", "1", "2", "8", "9", "10", "11", "12", "a\x00b"})
		read := rapid.SliceOfN(digest, 0, 8).Draw(t, "read")
		write := rapid.SliceOfN(digest, 0, 8).Draw(t, "write")
		together := true
		l := stocked(t, statetest.Options{Plain: rapid.Bool().Draw(t, "plain")}, func(ctx *state.Context) error {
			found := make([]*ledger.Threat, len(read))
			var err error
			if together {
				found, err = state.Threats.FindMany(ctx, keysOf(read)...)
			} else {
				for i, key := range keysOf(read) {
					if found[i], _, err = state.Threats.Find(ctx, key); err != nil {
						break
					}
				}
			}
			if err != nil {
				return err
			}
			for _, r := range found {
				if r == nil || slices.Contains(write, r.Digest) {
					continue
				}
				next := *r
				next.Size++
				if err := state.Threats.Update(ctx, &next); err != nil && !strings.Contains(err.Error(), "twice") {
					return err
				}
			}
			for _, d := range write {
				if err := create(d)(ctx); err != nil {
					return err
				}
			}
			return emit(ctx)
		})
		s, err := l.Simulate(statetest.Proposal{Client: l.Client("authority", ledger.RoleSharer), Name: ledger.IdentityRegister, Request: ledger.PageRequest{}})
		if err != nil {
			t.Fatal(err)
		}
		want := respond(t, s)
		if got := respond(t, l.Other(s)); !bytes.Equal(got, want) {
			t.Fatalf("another peer answers %+v, not %+v", l.Other(s), s)
		}
		together = false
		one := l.Again(s)
		if s.Err() == nil && !bytes.Equal(respond(t, one), want) {
			t.Fatalf("one by one it comes to %+v, not %+v", one, s)
		}
		if (one.Err() == nil) != (s.Err() == nil) {
			t.Fatalf("one by one it ends with %v, not %v", one.Err(), s.Err())
		}
	})
}

func respond(t *rapid.T, s *statetest.Simulation) []byte {
	b, err := s.Response()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestADatabaseThatFailsIsNotAnEmptyOne: a peer may answer a read of many keys
// with nothing at all.
func TestADatabaseThatFailsIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	l := stocked(t, statetest.Options{Deaf: true}, func(ctx *state.Context) error {
		if _, err := state.Threats.FindMany(ctx, keysOf([]string{"1", "2"})...); err != nil {
			return err
		}
		if err := create("1")(ctx); err != nil { // which exists
			return err
		}
		return emit(ctx)
	})
	s := invoke(t, l, ledger.IdentityRegister)
	if ledger.CodeOf(s.Err()) != ledger.CodeInternal || !strings.Contains(s.Message, "answered 0 of 2 keys") {
		t.Errorf("it ends with %q", s.Message)
	}
}

// TestCreateAsksOnlyOnce: what was found absent is not asked for again, and is
// still in the read set.
func TestCreateAsksOnlyOnce(t *testing.T) {
	t.Parallel()
	l := careless(t, steps(permit, func(ctx *state.Context) error {
		if _, err := state.Threats.FindMany(ctx, keysOf([]string{"a"})...); err != nil {
			return err
		}
		return nil
	}, create("a"), emit))
	one, two := invoke(t, l, ledger.IdentityRegister), invoke(t, l, ledger.IdentityRegister)
	if len(one.Reads) != 1 || one.Reads[0].Version != nil || len(one.Writes) != 1 {
		t.Errorf("it reads %v and writes %v", one.Reads, one.Writes)
	}
	if codes := l.Commit(one, two); codes[0] != 0 || codes[1] == 0 {
		t.Errorf("of two creates of one key the codes are %v", codes)
	}
	if s := invoke(t, l, ledger.IdentityRegister); ledger.CodeOf(s.Err()) != ledger.CodeAlreadyExists {
		t.Errorf("created again: %v", s.Err())
	}
}

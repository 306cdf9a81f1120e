package statetest

import (
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Race simulates the proposals on one snapshot and commits them in one block,
// in that order. It returns which of them became valid: the rest lost against
// one before them. A proposal that peers refuse is a fault of the test.
func (l *Ledger) Race(tb testing.TB, proposals ...Proposal) []bool {
	tb.Helper()
	var sims []*Simulation
	for _, p := range proposals {
		s, err := l.Simulate(p)
		if err == nil {
			err = s.Err()
		}
		if err != nil {
			tb.Fatalf("%s: %v", p.Name, err)
		}
		sims = append(sims, s)
	}
	var valid []bool
	for _, code := range l.Commit(sims...) {
		valid = append(valid, code == peer.TxValidationCode_VALID)
	}
	return valid
}

// Submitted simulates a proposal and commits it alone; it returns its error and
// fails the test when the simulation was good and the commit was not.
func (l *Ledger) Submitted(tb testing.TB, p Proposal, out any) error {
	tb.Helper()
	s, err := l.Simulate(p)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.decode(out); err != nil {
		return err
	}
	if code := l.Commit(s)[0]; code != peer.TxValidationCode_VALID {
		tb.Fatalf("%s: %s", p.Name, code)
	}
	return nil
}

// Want fails the test unless the error is a Problem with that code; the empty
// code stands for no error.
func Want(tb testing.TB, code ledger.Code, err error) {
	tb.Helper()
	if got := ledger.CodeOf(err); got != code {
		tb.Errorf("the code is %q, want %q (%v)", got, code, err)
	}
}

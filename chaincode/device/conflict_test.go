package device_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// TestConflictsOfLives is the part of the conflict table on units that live on,
// recalls and votes.
func TestConflictsOfLives(t *testing.T) {
	t.Parallel()
	id := statetest.SeededUnit(north)
	nothing := func(*ward) {}
	recallLot := func(w *ward) statetest.Proposal {
		return w.recall(maker, ledger.RoleRegistrar, ledger.RecallLot, "L1", 0)
	}
	for _, c := range []struct {
		name   string
		before func(*ward)
		a, b   func(*ward) statetest.Proposal
		valid  []bool
	}{
		{
			"two steps of one unit: the second loses", nothing,
			func(w *ward) statetest.Proposal { return w.hold(id, ledger.HoldLost) },
			func(w *ward) statetest.Proposal { return w.offer(id, south) },
			[]bool{true, false},
		},
		{
			"steps of two units: neither loses", nothing,
			func(w *ward) statetest.Proposal { return w.hold(id, ledger.HoldLost) },
			func(w *ward) statetest.Proposal { return service(w.Ledger, south, statetest.SeededUnit(south)) },
			[]bool{true, true},
		},
		{
			"one release of two units by the same persons: neither loses",
			func(w *ward) {
				w.must(w.hold(id, ledger.HoldLost))
				w.must(w.hold(w.register("b", "L1"), ledger.HoldLost))
			},
			func(w *ward) statetest.Proposal { return w.releaseBy(id, w.nurse, w.expert) },
			func(w *ward) statetest.Proposal {
				return w.releaseBy(ledger.UnitID(maker, ledger.BodyDigest([]byte("b"))), w.nurse, w.expert)
			},
			[]bool{true, true},
		},
		{
			"a recall, then a unit of its lot into service: the unit loses", nothing, recallLot,
			func(w *ward) statetest.Proposal { return service(w.Ledger, north, id) },
			[]bool{true, false},
		},
		{
			"a unit into service, then a recall of its lot: neither loses", nothing,
			func(w *ward) statetest.Proposal { return service(w.Ledger, north, id) }, recallLot,
			[]bool{true, true},
		},
		{
			"a recall, then a hold of a unit of its lot: neither loses", nothing, recallLot,
			func(w *ward) statetest.Proposal { return w.hold(id, ledger.HoldLost) },
			[]bool{true, true},
		},
		{
			"a recall, then an offer of a unit of its lot: the offer loses", nothing, recallLot,
			func(w *ward) statetest.Proposal { return w.offer(id, south) },
			[]bool{true, false},
		},
		{
			"a recall of a release, then a unit onto it: the unit loses", nothing,
			func(w *ward) statetest.Proposal {
				return w.recall(maker, ledger.RoleRegistrar, ledger.RecallRelease, newer, 0)
			},
			func(w *ward) statetest.Proposal { return w.update(id, newer) },
			[]bool{true, false},
		},
		{
			"one recall twice: the second loses", nothing, recallLot, recallLot,
			[]bool{true, false},
		},
		{
			"recalls of two lots: neither loses", nothing, recallLot,
			func(w *ward) statetest.Proposal {
				return w.recall(maker, ledger.RoleRegistrar, ledger.RecallLot, "L2", 0)
			},
			[]bool{true, true},
		},
		{
			"a recall is lifted, then a unit cleared of it: the clearance loses",
			func(w *ward) { w.must(recallLot(w)) },
			func(w *ward) statetest.Proposal {
				return w.lift(maker, ledger.RoleRegistrar, 1, w.nurse, w.expert)
			},
			func(w *ward) statetest.Proposal { return w.clear(id, ledger.RecallLot, 1, w.nurse, w.expert) },
			[]bool{true, false},
		},
		{
			"a chunk, then a unit of it: the unit loses", nothing,
			func(w *ward) statetest.Proposal { return bulk(w.Ledger, chunk(0, 3)) },
			func(w *ward) statetest.Proposal { return unit(w.Ledger, "2", north) },
			[]bool{true, false},
		},
		{
			"two units with one key: the second loses", nothing,
			func(w *ward) statetest.Proposal { return w.keyed("a", signing("a"), "") },
			func(w *ward) statetest.Proposal { return w.keyed("b", signing("a"), "") },
			[]bool{true, false},
		},
		{
			"two chunks of one lot: neither loses", nothing,
			func(w *ward) statetest.Proposal { return bulk(w.Ledger, chunk(0, 3)) },
			func(w *ward) statetest.Proposal { return bulk(w.Ledger, chunk(3, 6)) },
			[]bool{true, true},
		},
		{
			"the maker's keys change, then a release: the release loses", nothing,
			func(w *ward) statetest.Proposal {
				did := ledger.OrganisationDID(statetest.Network, maker)
				return w.by(maker, ledger.RoleRegistrar, ledger.IdentityCreateDID, statetest.Creation(did, statetest.NewDIDKey("key-1", maker)))
			},
			func(w *ward) statetest.Proposal { return release(w.Ledger, statetest.SeededDI, "4") },
			[]bool{true, false},
		},
		{
			"an authority is voted off, then it recalls: the recall loses", nothing,
			func(w *ward) statetest.Proposal {
				id, voters, err := w.Approve(ledger.Propose{
					Kind: ledger.ProposeRemoveOrganisation, Reason: "a sample", Subject: ledger.ProposalSubject{Organisation: authority},
				})
				if err != nil {
					w.t.Fatal(err)
				}
				return w.by(north, ledger.RoleRegistrar, ledger.IdentityEnact, ledger.Enact{Proposal: id, Voters: voters})
			},
			func(w *ward) statetest.Proposal {
				return w.recall(authority, ledger.RoleCertifier, ledger.RecallLot, "L1", 0)
			},
			[]bool{true, false},
		},
		{
			"an issuer is struck off, then its person certifies: the certification loses",
			nothing,
			func(w *ward) statetest.Proposal {
				id, voters, err := w.Approve(ledger.Propose{
					Kind: ledger.ProposeStrikeIssuer, Reason: "a sample",
					Subject: ledger.ProposalSubject{Issuer: w.expert.Issuer, CredentialType: ledger.CredentialAssessor},
				})
				if err != nil {
					w.t.Fatal(err)
				}
				return w.by(north, ledger.RoleRegistrar, ledger.IdentityEnact, ledger.Enact{Proposal: id, Voters: voters})
			},
			func(w *ward) statetest.Proposal { return w.certify(id, true) },
			[]bool{true, false},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			c.before(w)
			if diff := cmp.Diff(c.valid, w.Race(t, c.a(w), c.b(w))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

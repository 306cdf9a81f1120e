package store

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

const authority = "authority"

// acceptance is a proposal to accept an issuer of the maker.
func acceptance(id int, base string) *ledger.Proposal {
	return &ledger.Proposal{
		V: 1, ID: hex32(id), Kind: ledger.ProposeAcceptIssuer, Base: base, By: medtech, Proposed: start, Expires: start.Add(ledger.ProposalLife),
		Subject: ledger.ProposalSubject{Issuer: ledger.IssuerDID("n", medtech, "i"), CredentialType: "T", Schema: "1"},
	}
}

func vote(id int, org string, approve bool) *ledger.Vote {
	return &ledger.Vote{V: 1, Proposal: hex32(id), Organisation: org, Approve: approve, Time: start}
}

func TestAProposalIsFollowedFromItsVotesToItsEnactment(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	if _, err := s.Proposal(t.Context(), hex32(1)); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("an unknown proposal: %v", err)
	}
	block := uint64(0)
	next := func(org string, records ...record) {
		apply(t, s, block, tx(t, fmt.Sprint("tx", block), org, start, records...))
		block++
	}
	want := func(when string, state fact.ProposalState, overtaken bool, approvals ...string) {
		t.Helper()
		p, err := s.Proposal(t.Context(), hex32(1))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.State(start); got != state || p.Overtaken != overtaken || !slices.Equal(p.Approvals(), approvals) {
			t.Errorf("%s: %s, overtaken %t, approved by %v; want %s, %t, %v", when, got, p.Overtaken, p.Approvals(), state, overtaken, approvals)
		}
	}
	next(north, &ledger.Roster{V: 1, Organisations: []string{authority, north, medtech, south}, Revision: 4})
	next(medtech, acceptance(1, "0"))
	want("proposed", fact.ProposalOpen, false)
	next(south, vote(1, south, true))
	next(north, vote(1, north, false))
	next(authority, vote(1, authority, true))
	want("two for, one against", fact.ProposalOpen, false, authority, south)
	next(medtech, vote(1, medtech, true))
	want("three for", fact.ProposalCarried, false, authority, south, medtech)
	next(north, &ledger.Roster{V: 1, Organisations: []string{north, medtech, south}, Removed: []string{authority}, Revision: 5})
	want("a voter is removed", fact.ProposalOpen, false, south, medtech)
	next(north, &ledger.Roster{V: 1, Organisations: []string{authority, north, medtech, south}, Revision: 6})
	row := &ledger.TrustRow{V: 1, Issuer: ledger.IssuerDID("n", medtech, "i"), CredentialType: "T", State: ledger.TrustAccepted, Revision: 1}
	next(south, row)
	want("another decision about the same row", fact.ProposalCarried, true, authority, south, medtech)
	next(north, &ledger.Enactment{V: 1, Proposal: hex32(1), Kind: ledger.ProposeAcceptIssuer, Voters: []string{authority, medtech, south}, By: north})
	want("enacted", fact.ProposalEnacted, false, authority, south, medtech)
	p, err := s.Proposal(t.Context(), hex32(1))
	if err != nil || p.Enactment.Record.By != north || p.Votes[0].Record.Organisation != authority {
		t.Errorf("%+v %v", p, err)
	}
}

// What each kind of proposal is about, and what overtakes it.
func TestProposalsAreOvertakenByWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	did := ledger.OrganisationDID("n", south)
	for name, c := range map[string]struct {
		kind    string
		subject ledger.ProposalSubject
		base    string
		before  record
		after   record
	}{
		"strike":   {ledger.ProposeStrikeIssuer, ledger.ProposalSubject{Issuer: did, CredentialType: "T"}, "1", &ledger.TrustRow{Issuer: did, CredentialType: "T", Revision: 1}, &ledger.TrustRow{Issuer: did, CredentialType: "T", Revision: 2}},
		"remove":   {ledger.ProposeRemoveOrganisation, ledger.ProposalSubject{Organisation: south}, "4", &ledger.Roster{Revision: 4}, &ledger.Roster{Revision: 5}},
		"readmit":  {ledger.ProposeReadmitOrganisation, ledger.ProposalSubject{Organisation: south}, "4", &ledger.Roster{Revision: 4}, &ledger.Roster{Revision: 5}},
		"recover":  {ledger.ProposeRecoverDID, ledger.ProposalSubject{DID: did}, "2", &ledger.DID{ID: did, Revision: 2}, &ledger.DID{ID: did, Revision: 3}},
		"assign":   {ledger.ProposeAssignModel, ledger.ProposalSubject{DI: "x", Organisation: south}, medtech, &ledger.Model{DI: "x", Manufacturer: medtech}, &ledger.Model{DI: "x", Manufacturer: south}},
		"succeed":  {ledger.ProposeSucceedStream, ledger.ProposalSubject{Stream: hex32(1)}, "", &ledger.Stream{ID: hex32(1)}, nil},
		"no model": {ledger.ProposeAssignModel, ledger.ProposalSubject{DI: "y"}, "", &ledger.Model{DI: "x"}, nil},
	} {
		s := openStore(t, Options{})
		p := &ledger.Proposal{V: 1, ID: hex32(1), Kind: c.kind, Subject: c.subject, Base: c.base, Expires: start}
		apply(t, s, 0, tx(t, "a", north, start, c.before, p))
		if got, err := s.Proposal(t.Context(), hex32(1)); err != nil || got.Overtaken {
			t.Errorf("%s: overtaken at once: %v", name, err)
		}
		if c.after == nil {
			continue
		}
		apply(t, s, 1, tx(t, "b", north, start, c.after))
		if got, err := s.Proposal(t.Context(), hex32(1)); err != nil || !got.Overtaken {
			t.Errorf("%s: not overtaken: %v", name, err)
		}
	}
}

// The conditions of a list say what fact.Proposal.State says, page by page.
func TestProposalsAreListedByStateAndKind(t *testing.T) {
	t.Parallel()
	orgs := []string{authority, "east", medtech, north, south, "west"}
	rapid.Check(t, func(rt *rapid.T) {
		place, remove := storetest.Temporary(t)
		defer remove()
		s, err := Open(t.Context(), place, Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		var all []record
		some := func(label string) []string {
			return slices.DeleteFunc(slices.Clone(orgs), func(string) bool { return rapid.IntRange(0, 3).Draw(rt, label) == 0 })
		}
		if rapid.Bool().Draw(rt, "roster") {
			all = append(all, &ledger.Roster{V: 1, Organisations: some("on the roster"), Revision: 1})
		}
		n := rapid.IntRange(1, 8).Draw(rt, "proposals")
		for i := range n {
			p := acceptance(i, strconv.Itoa(i%2))
			p.Kind = rapid.SampledFrom([]string{ledger.ProposeAcceptIssuer, ledger.ProposeStrikeIssuer}).Draw(rt, "kind")
			p.Expires = start.Add(time.Duration(rapid.IntRange(-1, 1).Draw(rt, "expires")) * time.Millisecond)
			all = append(all, p)
			for _, org := range some("voters") {
				all = append(all, vote(i, org, rapid.IntRange(0, 4).Draw(rt, "approve") > 0))
			}
			if rapid.IntRange(0, 4).Draw(rt, "enacted") == 0 {
				all = append(all, &ledger.Enactment{V: 1, Proposal: hex32(i)})
			} else if end := rapid.SampledFrom([]string{"", "", "", ledger.ClosedWithdrawn, ledger.ClosedRejected}).Draw(rt, "closed"); end != "" {
				all = append(all, &ledger.Closure{V: 1, Proposal: hex32(i), Outcome: end})
			}
		}
		if _, err := s.Apply(t.Context(), &ledger.Block{Txs: []ledger.Tx{tx(t, "a", north, start, all...)}}); err != nil {
			rt.Fatal(err)
		}
		list := func(f fact.ProposalFilter) (got []string) {
			page := ledger.PageRequest{Size: 3}
			for f.At = start; ; f.At = f.At.Add(time.Microsecond) { // time goes on between two pages
				p, err := s.Proposals(t.Context(), f, page)
				if err != nil {
					rt.Fatal(err)
				}
				for i := range p.Items {
					if f.State != "" && p.Items[i].State(start) != f.State {
						rt.Fatalf("listed as %s: %s", f.State, p.Items[i].State(start))
					}
					got = append(got, p.Items[i].Record.ID)
				}
				if page.Bookmark = p.Next; p.Next == "" {
					break
				}
			}
			return got
		}
		every := list(fact.ProposalFilter{})
		var byState, byKind []string
		for _, state := range fact.ProposalStates {
			byState = append(byState, list(fact.ProposalFilter{State: state})...)
			for _, kind := range []string{ledger.ProposeAcceptIssuer, ledger.ProposeStrikeIssuer} {
				byKind = append(byKind, list(fact.ProposalFilter{State: state, Kind: kind})...)
			}
		}
		slices.Sort(every)
		slices.Sort(byState)
		slices.Sort(byKind)
		if len(every) != n || !slices.Equal(every, byState) || !slices.Equal(every, byKind) {
			rt.Fatal(cmp.Diff(every, byState), cmp.Diff(every, byKind))
		}
	})
}

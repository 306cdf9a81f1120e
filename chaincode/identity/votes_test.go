package identity_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const (
	east      = "hospital-east"
	maker     = "medtech"
	authority = "authority"
)

// house is a seeded ledger of five members, as its registrars use it.
type house struct {
	*statetest.Ledger
	t *testing.T
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return &house{statetest.NewSeeded(t), t}
}

// of is a proposal of a registrar.
func (h *house) of(org, name string, req any) statetest.Proposal {
	return statetest.Proposal{Client: h.Client(org, ledger.RoleRegistrar), Name: name, Request: req}
}

// try submits, wants a code, and returns nothing else.
func (h *house) try(code ledger.Code, org, name string, req any) {
	h.t.Helper()
	statetest.Want(h.t, code, h.Submitted(h.t, h.of(org, name, req), nil))
}

func (h *house) propose(org, kind string, s ledger.ProposalSubject) string {
	h.t.Helper()
	var p ledger.Proposal
	req := ledger.Propose{Kind: kind, Subject: s, Reason: "because"}
	statetest.Want(h.t, "", h.Submitted(h.t, h.of(org, ledger.IdentityPropose, req), &p))
	return p.ID
}

func (h *house) vote(proposal string, approve bool, orgs ...string) {
	h.t.Helper()
	for _, org := range orgs {
		h.try("", org, ledger.IdentityVote, ledger.CastVote{Proposal: proposal, Approve: approve})
	}
}

func (h *house) enact(code ledger.Code, proposal string, voters ...string) {
	h.t.Helper()
	h.try(code, voters[0], ledger.IdentityEnact, ledger.Enact{Proposal: proposal, Voters: voters})
}

func (h *house) roster() ledger.Roster {
	h.t.Helper()
	var r ledger.Roster
	statetest.Want(h.t, "", h.Evaluate(h.Client(north, ""), ledger.IdentityGetRoster, ledger.GetRoster{}, &r))
	return r
}

func member(org string) ledger.ProposalSubject { return ledger.ProposalSubject{Organisation: org} }

func (h *house) proposal(id string) ledger.ProposalView {
	h.t.Helper()
	var v ledger.ProposalView
	statetest.Want(h.t, "", h.Evaluate(h.Client(north, ""), ledger.IdentityGetProposal, ledger.GetProposal{ID: id}, &v))
	return v
}

// says is a registration that states a name of the network.
func says(org, network string, revision int) ledger.RegisterOrganisation {
	r := statetest.Registration(org)
	r.Network, r.Revision = network, revision
	return r
}

func TestWhoeverRegistersIsOnTheRoster(t *testing.T) {
	t.Parallel()
	h := &house{statetest.New(t), t}
	statetest.Want(t, ledger.CodeNotFound, h.Evaluate(h.Client(north, ""), ledger.IdentityGetRoster, ledger.GetRoster{}, nil))
	h.try("", south, ledger.IdentityRegister, says(south, "", 1))
	if diff := cmp.Diff(ledger.Roster{V: 1, Organisations: []string{south}, Revision: 1}, h.roster()); diff != "" {
		t.Error(diff)
	}
	h.try("", north, ledger.IdentityRegister, statetest.Registration(north))
	want := ledger.Roster{
		V: 1, Organisations: []string{north, south}, Revision: 2,
		Stated: []ledger.StatedNetwork{{Organisation: north, Network: statetest.Network}},
	}
	if diff := cmp.Diff(want, h.roster()); diff != "" {
		t.Error(diff)
	}
	h.try("", south, ledger.IdentityRegister, says(south, "", 2)) // changes no roster
	h.try("", north, ledger.IdentityRegister, says(north, statetest.Network, 2))
	h.try("", north, ledger.IdentityRegister, says(north, "", 3)) // takes nothing back
	if diff := cmp.Diff(want, h.roster()); diff != "" {
		t.Error(diff)
	}
}

// TestOneDoesNotNameTheNetwork: whoever registers first under a wrong name keeps
// nobody out, and the name that enough state holds for all.
func TestOneDoesNotNameTheNetwork(t *testing.T) {
	t.Parallel()
	h := &house{statetest.New(t), t}
	h.try("", maker, ledger.IdentityRegister, says(maker, "elsewhere", 1))
	h.try("", north, ledger.IdentityRegister, statetest.Registration(north))
	h.try("", south, ledger.IdentityRegister, says(south, "memry", 1))
	h.try("", south, ledger.IdentityRegister, says(south, statetest.Network, 2)) // had mistyped it
	if r := h.roster(); r.Network != "" || len(r.Stated) != 3 || r.Says(south) != statetest.Network || r.Says(maker) != "elsewhere" || r.Says(east) != "" {
		t.Errorf("the roster is %+v", r)
	}
	h.try("", east, ledger.IdentityRegister, statetest.Registration(east))
	want := ledger.Roster{V: 1, Network: statetest.Network, Organisations: []string{east, north, south, maker}, Revision: 5}
	if diff := cmp.Diff(want, h.roster()); diff != "" {
		t.Error(diff)
	}
	h.try(ledger.CodeInvalid, maker, ledger.IdentityRegister, says(maker, "elsewhere", 2))
	h.try(ledger.CodeInvalid, authority, ledger.IdentityRegister, says(authority, "elsewhere", 1))
	h.try("", maker, ledger.IdentityRegister, says(maker, statetest.Network, 2)) // changes no roster
	if diff := cmp.Diff(want, h.roster()); diff != "" {
		t.Error(diff)
	}
	h.try("", authority, ledger.IdentityRegister, says(authority, "", 1))
}

// TestWhoIsRemovedNamesNothing: what it stated goes with it.
func TestWhoIsRemovedNamesNothing(t *testing.T) {
	t.Parallel()
	h := &house{statetest.New(t), t}
	for org, network := range map[string]string{maker: "memory", north: "", south: "", east: ""} {
		h.try("", org, ledger.IdentityRegister, says(org, network, 1))
	}
	h.enact("", h.carried(ledger.ProposeRemoveOrganisation, member(maker)), north, south, east)
	for _, org := range []string{north, south} {
		h.try("", org, ledger.IdentityRegister, says(org, "memory", 2))
	}
	if r := h.roster(); r.Network != "" || len(r.Stated) != 2 {
		t.Errorf("the roster is %+v", r)
	}
}

func TestAMajorityRemovesAndReadmits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.propose(north, ledger.ProposeRemoveOrganisation, member(maker))
	h.vote(id, true, north, south, maker) // whoever is to go votes too
	h.enact("", id, south, north, maker)
	roster := h.roster()
	if roster.Has(maker) || !cmp.Equal(roster.Removed, []string{maker}) || roster.Revision != 6 {
		t.Errorf("the roster is %+v", roster)
	}
	view := h.proposal(id)
	if !view.Enacted || !cmp.Equal(view.Voters, []string{north, south, maker}) || len(view.Votes) != 3 {
		t.Errorf("the proposal is %+v", view)
	}
	// It has no say any more, and cannot come back by itself.
	again := statetest.Registration(maker)
	again.Revision = 2
	h.try(ledger.CodeDenied, maker, ledger.IdentityRegister, again)
	h.try(ledger.CodeDenied, maker, ledger.IdentityPropose, ledger.Propose{Kind: ledger.ProposeReadmitOrganisation, Subject: member(maker), Reason: "please"})
	h.try(ledger.CodeDenied, maker, ledger.IdentityPublishSchema, ledger.PublishSchema{CredentialType: "T", Version: "1", Digest: ledger.BodyDigest(nil)})
	id = h.propose(north, ledger.ProposeReadmitOrganisation, member(maker))
	h.try(ledger.CodeDenied, maker, ledger.IdentityVote, ledger.CastVote{Proposal: id, Approve: true})
	h.vote(id, true, north, south, east)
	h.try(ledger.CodeDenied, maker, ledger.IdentityEnact, ledger.Enact{Proposal: id, Voters: []string{north, south, east}})
	h.enact("", id, north, south, east)
	if roster := h.roster(); !roster.Has(maker) || len(roster.Removed) != 0 {
		t.Errorf("the roster is %+v", roster)
	}
	h.try("", maker, ledger.IdentityRegister, again)
}

func TestAVoteThatCannotCount(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.propose(north, ledger.ProposeRemoveOrganisation, member(maker))
	h.vote(id, true, north, south, east)
	h.vote(id, false, authority)
	h.try(ledger.CodeAlreadyExists, north, ledger.IdentityVote, ledger.CastVote{Proposal: id, Approve: true})
	h.try(ledger.CodeAlreadyExists, authority, ledger.IdentityVote, ledger.CastVote{Proposal: id, Approve: true}) // nor the other way
	h.try(ledger.CodeNotFound, north, ledger.IdentityVote, ledger.CastVote{Proposal: ledger.BodyDigest(nil)})
	h.try(ledger.CodeDenied, "stranger", ledger.IdentityVote, ledger.CastVote{Proposal: id, Approve: true})

	h.enact(ledger.CodeDenied, id, north, south)            // a minority
	h.enact(ledger.CodeInvalid, id, north, south, north)    // named twice
	h.enact(ledger.CodeDenied, id, north, south, authority) // voted against
	h.enact(ledger.CodeNotFound, id, north, south, maker)   // did not vote
	h.try(ledger.CodeDenied, north, ledger.IdentityEnact, ledger.Enact{Proposal: id, Voters: []string{north, south, "stranger"}})
	h.try(ledger.CodeDenied, "stranger", ledger.IdentityEnact, ledger.Enact{Proposal: id, Voters: []string{north, south, east}})
	h.enact(ledger.CodeNotFound, ledger.BodyDigest(nil), north, south, east)
	h.enact("", id, north, south, east)
	h.enact(ledger.CodeAlreadyExists, id, north, south, east) // twice
}

func TestAVoteOfWhoLeftDoesNotCount(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	did, _ := h.issuer("staff")
	h.try("", north, ledger.IdentityPublishSchema, ledger.PublishSchema{CredentialType: assessor, Version: "1", Digest: ledger.BodyDigest(nil)})
	id := h.propose(north, ledger.ProposeAcceptIssuer, ledger.ProposalSubject{Issuer: did, CredentialType: assessor, Schema: "1"})
	h.vote(id, true, north, maker)
	leave := h.propose(north, ledger.ProposeRemoveOrganisation, member(maker))
	h.vote(leave, true, north, south, east)
	h.enact("", leave, north, south, east)
	h.enact(ledger.CodeDenied, id, north, maker) // of four, three are needed, and maker is none of them
	h.enact(ledger.CodeDenied, id, north, maker, south)
	h.vote(id, true, south, east)
	h.enact("", id, north, south, east)
}

func TestAProposalExpires(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.propose(north, ledger.ProposeRemoveOrganisation, member(maker))
	h.vote(id, true, north, south)
	h.Advance(ledger.ProposalLife - time.Millisecond)
	h.vote(id, true, east)
	h.Advance(time.Millisecond)
	h.try(ledger.CodeGone, authority, ledger.IdentityVote, ledger.CastVote{Proposal: id, Approve: true})
	h.enact(ledger.CodeGone, id, north, south, east)
}

func TestThreeStayOnTheRoster(t *testing.T) {
	t.Parallel()
	h := &house{statetest.New(t), t}
	removal := ledger.Propose{Kind: ledger.ProposeRemoveOrganisation, Subject: member(south), Reason: "so"}
	for _, org := range []string{south, north, east} {
		h.try("", org, ledger.IdentityRegister, statetest.Registration(org))
		h.try(ledger.CodeDenied, org, ledger.IdentityPropose, removal)
	}
	h.try("", maker, ledger.IdentityRegister, statetest.Registration(maker))
	id := h.propose(north, ledger.ProposeRemoveOrganisation, member(south))
	h.vote(id, true, north, east, maker)
	h.enact("", id, north, east, maker)
	// The three that stay can still decide: to have the fourth back, for instance.
	id = h.propose(north, ledger.ProposeReadmitOrganisation, member(south))
	h.vote(id, true, north, east, maker)
	h.enact(ledger.CodeDenied, id, north, east)
	h.enact("", id, north, east, maker)
}

// TestWhoeverIsFirstDecidesNothing: neither the first nor the first two accept
// their own issuers before the others are there.
func TestWhoeverIsFirstDecidesNothing(t *testing.T) {
	t.Parallel()
	h := &house{statetest.New(t), t}
	key := statetest.NewDIDKey("key-1", north)
	h.try("", north, ledger.IdentityRegister, statetest.Registration(north))
	h.try("", south, ledger.IdentityRegister, statetest.Registration(south))
	h.try("", north, ledger.IdentityPublishSchema, ledger.PublishSchema{CredentialType: "T", Version: "1", Digest: ledger.BodyDigest(nil)})
	create := statetest.Creation(ledger.IssuerDID(statetest.Network, north, "staff"), key)
	h.try(ledger.CodeNotFound, north, ledger.IdentityCreateDID, create) // the two have not even named the network
	h.try("", east, ledger.IdentityRegister, statetest.Registration(east))
	h.try("", north, ledger.IdentityCreateDID, create)
	id := h.propose(north, ledger.ProposeAcceptIssuer, ledger.ProposalSubject{Issuer: create.DID, CredentialType: "T", Schema: "1"})
	h.vote(id, true, north, south)
	h.enact(ledger.CodeDenied, id, north)
	h.enact(ledger.CodeDenied, id, north, south)
	h.vote(id, true, east)
	h.enact("", id, north, south, east)
}

func TestWhatCannotBeIsNotProposed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := statetest.NewDIDKey("key-1", north)
	did, err := h.CreateIssuer(north, "staff", key)
	if err != nil {
		t.Fatal(err)
	}
	h.try("", authority, ledger.IdentityPublishSchema, ledger.PublishSchema{CredentialType: "T", Version: "1", Digest: ledger.BodyDigest(nil)})
	ended, err := h.CreateIssuer(north, "ended", key)
	if err != nil {
		t.Fatal(err)
	}
	end := ledger.DeactivateDID{DID: ended, Revision: 2}
	end.Signature = key.Control(ended, &end)
	h.try("", north, ledger.IdentityDeactivateDID, end)
	issuer := func(did, credential, schema string) ledger.ProposalSubject {
		return ledger.ProposalSubject{Issuer: did, CredentialType: credential, Schema: schema}
	}
	thumbprint := key.JWK.Thumbprint()
	for name, c := range map[string]struct {
		kind    string
		subject ledger.ProposalSubject
		code    ledger.Code
	}{
		"an issuer without a DID":      {ledger.ProposeAcceptIssuer, issuer(ledger.IssuerDID(statetest.Network, north, "none"), "T", "1"), ledger.CodeNotFound},
		"an issuer that is ended":      {ledger.ProposeAcceptIssuer, issuer(ended, "T", "1"), ledger.CodeGone},
		"an issuer of a stranger":      {ledger.ProposeAcceptIssuer, issuer(ledger.IssuerDID(statetest.Network, "stranger", "a"), "T", "1"), ledger.CodeDenied},
		"a schema that is missing":     {ledger.ProposeAcceptIssuer, issuer(did, "T", "2"), ledger.CodeNotFound},
		"striking who is not accepted": {ledger.ProposeStrikeIssuer, issuer(did, "T", ""), ledger.CodeNotFound},
		"removing a stranger":          {ledger.ProposeRemoveOrganisation, member("stranger"), ledger.CodeNotFound},
		"readmitting a member":         {ledger.ProposeReadmitOrganisation, member(north), ledger.CodeNotFound},
		"recovering no DID":            {ledger.ProposeRecoverDID, ledger.ProposalSubject{DID: ledger.OrganisationDID(statetest.Network, north), Key: thumbprint}, ledger.CodeNotFound},
		"recovering what is ended":     {ledger.ProposeRecoverDID, ledger.ProposalSubject{DID: ended, Key: thumbprint}, ledger.CodeGone},
		"a model of a hospital":        {ledger.ProposeAssignModel, ledger.ProposalSubject{DI: statetest.SeededDI, Organisation: north}, ledger.CodeDenied},
		"a model of nobody":            {ledger.ProposeAssignModel, ledger.ProposalSubject{DI: "none", Organisation: maker}, ledger.CodeNotFound},
		"a model of its own maker":     {ledger.ProposeAssignModel, ledger.ProposalSubject{DI: statetest.SeededDI, Organisation: maker}, ledger.CodeAlreadyExists},
		"a model to a stranger":        {ledger.ProposeAssignModel, ledger.ProposalSubject{DI: statetest.SeededDI, Organisation: "stranger"}, ledger.CodeNotFound},
		"a stream that is missing":     {ledger.ProposeSucceedStream, ledger.ProposalSubject{Stream: ledger.BodyDigest(nil), Successor: ledger.BodyDigest([]byte("b"))}, ledger.CodeNotFound},
		"an issuer":                    {ledger.ProposeAcceptIssuer, issuer(did, "T", "1"), ""},
		"a member's removal":           {ledger.ProposeRemoveOrganisation, member(north), ""},
	} {
		s, err := h.Simulate(h.of(north, ledger.IdentityPropose, ledger.Propose{Kind: c.kind, Subject: c.subject, Reason: "so"}))
		if err != nil {
			t.Fatal(err)
		}
		if got := ledger.CodeOf(s.Err()); got != c.code {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.code, s.Err())
		}
	}
	h.try(ledger.CodeDenied, "stranger", ledger.IdentityPropose, ledger.Propose{Kind: ledger.ProposeRemoveOrganisation, Subject: member(north), Reason: "so"})
}

func TestAProposalSaysWhatItIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.propose(north, ledger.ProposeRemoveOrganisation, member(maker))
	tx := h.Blocks(h.Height() - 1)[0].Txs[0]
	now := statetest.Start
	want := ledger.ProposalView{Votes: []ledger.Vote{}, Proposal: ledger.Proposal{
		V: 1, ID: tx.ID, Kind: ledger.ProposeRemoveOrganisation, Subject: member(maker), Reason: "because", Base: "5", By: north,
		Proposed: now, Expires: now.Add(30 * 24 * time.Hour),
	}}
	if diff := cmp.Diff(want, h.proposal(id)); diff != "" {
		t.Error(diff)
	}
	event := &ledger.Event{V: 1, Kind: ledger.EventProposalMade, Key: []string{"prp", id}, Tx: tx.ID, Subjects: []string{north, maker}}
	if diff := cmp.Diff(event, tx.Event); diff != "" {
		t.Error(diff)
	}
	h.vote(id, false, south)
	tx = h.Blocks(h.Height() - 1)[0].Txs[0]
	event = &ledger.Event{V: 1, Kind: ledger.EventVoteCast, Key: []string{"vot", id, south}, Tx: tx.ID, Subjects: []string{north, south, maker}}
	if diff := cmp.Diff(event, tx.Event); diff != "" {
		t.Error(diff)
	}
	if votes := h.proposal(id).Votes; !cmp.Equal(votes, []ledger.Vote{{V: 1, Proposal: id, Organisation: south, Time: now}}) {
		t.Errorf("the votes are %+v", votes)
	}
	var page ledger.ProposalPage
	statetest.Want(t, "", h.Evaluate(h.Client(south, ""), ledger.IdentityListProposals, ledger.PageRequest{}, &page))
	if len(page.Items) != 1 || page.Items[0].ID != id {
		t.Errorf("the page is %+v", page)
	}
}

func TestOtherContractsEnactTheirOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := statetest.NewDIDKey("key-1", north)
	did, err := h.CreateIssuer(north, "staff", key)
	if err != nil {
		t.Fatal(err)
	}
	id := h.propose(north, ledger.ProposeRecoverDID, ledger.ProposalSubject{DID: did, Key: key.JWK.Thumbprint()})
	h.vote(id, true, north, south, east)
	h.enact(ledger.CodeInvalid, id, north, south, east)
	if h.proposal(id).Enacted {
		t.Error("it was enacted all the same")
	}
}

package identity_test

import (
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// What is tested here: a proposal that was carried and kept back does not undo
// what the members decided later.

// carried makes a proposal that north, south and east approve.
func (h *house) carried(kind string, s ledger.ProposalSubject) string {
	h.t.Helper()
	id := h.propose(north, kind, s)
	h.vote(id, true, north, south, east)
	return id
}

func TestAnOldAcceptanceDoesNotUndoAStrike(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	did, _ := h.issuer("staff")
	h.try("", north, ledger.IdentityPublishSchema, ledger.PublishSchema{CredentialType: assessor, Version: "1", Digest: ledger.BodyDigest(nil)})
	accepting := ledger.ProposalSubject{Issuer: did, CredentialType: assessor, Schema: "1"}
	striking := ledger.ProposalSubject{Issuer: did, CredentialType: assessor}
	first, kept := h.carried(ledger.ProposeAcceptIssuer, accepting), h.carried(ledger.ProposeAcceptIssuer, accepting)
	h.enact("", first, north, south, east)
	h.Advance(time.Hour)
	strike, again := h.carried(ledger.ProposeStrikeIssuer, striking), h.carried(ledger.ProposeStrikeIssuer, striking)
	h.enact("", strike, north, south, east)
	h.enact(ledger.CodeGone, kept, north, south, east)
	if row := h.trust(did); row.State != ledger.TrustStruck || row.Revision != 2 {
		t.Errorf("the row is %+v", row)
	}
	// Nor the other way: an old strike does not undo an acceptance.
	h.enact("", h.carried(ledger.ProposeAcceptIssuer, accepting), north, south, east)
	h.enact(ledger.CodeGone, again, north, south, east)
	if row := h.trust(did); row.State != ledger.TrustAccepted || row.Revision != 3 {
		t.Errorf("the row is %+v", row)
	}
}

func TestAnOldReadmissionDoesNotUndoARemoval(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, kept := h.carried(ledger.ProposeRemoveOrganisation, member(maker)), h.carried(ledger.ProposeRemoveOrganisation, member(maker))
	h.enact("", first, north, south, east)
	back, spare := h.carried(ledger.ProposeReadmitOrganisation, member(maker)), h.carried(ledger.ProposeReadmitOrganisation, member(maker))
	h.enact("", back, north, south, east)
	h.enact(ledger.CodeGone, kept, north, south, east)
	h.enact("", h.carried(ledger.ProposeRemoveOrganisation, member(maker)), north, south, east)
	h.enact(ledger.CodeGone, spare, north, south, east)
	if roster := h.roster(); roster.Has(maker) {
		t.Errorf("the roster is %+v", roster)
	}
}

// TestAnOldRecoveryDoesNotReplaceKeysThatWereFound: the members agreed to a key
// because the ones of that revision were lost.
func TestAnOldRecoveryDoesNotReplaceKeysThatWereFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	did, key := h.issuer("staff")
	agreed, found := statetest.NewDIDKey("key-2", "agreed"), statetest.NewDIDKey("key-3", "found")
	id := h.carried(ledger.ProposeRecoverDID, ledger.ProposalSubject{DID: did, Key: agreed.JWK.Thumbprint()})
	h.try("", north, ledger.IdentityRotateKeys, rotation(did, 2, key, found))
	r := ledger.RecoverDID{DID: did, Keys: statetest.DIDKeys(agreed), Revision: 3, Proposal: id, Voters: []string{north, south, east}}
	r.Signature = agreed.Control(did, &r)
	h.try(ledger.CodeGone, north, ledger.IdentityRecoverDID, r)
	if h.proposal(id).Enacted || h.resolve(did, 0).Current != 2 {
		t.Error("the key took over")
	}
}

// TestWhatAProposalIsBasedOn: the record says which state the members judge.
func TestWhatAProposalIsBasedOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	did, key := h.issuer("staff")
	h.try("", north, ledger.IdentityRotateKeys, rotation(did, 2, key, key))
	h.try("", north, ledger.IdentityPublishSchema, ledger.PublishSchema{CredentialType: assessor, Version: "1", Digest: ledger.BodyDigest(nil)})
	h.try("", "second-maker", ledger.IdentityRegister, statetest.Registration("second-maker"))
	for _, c := range []struct {
		kind    string
		subject ledger.ProposalSubject
		base    string
	}{
		{ledger.ProposeAcceptIssuer, ledger.ProposalSubject{Issuer: did, CredentialType: assessor, Schema: "1"}, "0"},
		{ledger.ProposeRemoveOrganisation, member(maker), "6"},
		{ledger.ProposeRecoverDID, ledger.ProposalSubject{DID: did, Key: key.JWK.Thumbprint()}, "2"},
		{ledger.ProposeAssignModel, ledger.ProposalSubject{DI: statetest.SeededDI, Organisation: "second-maker"}, maker},
	} {
		if got := h.proposal(h.propose(north, c.kind, c.subject)).Proposal.Base; got != c.base {
			t.Errorf("%s is based on %q, want %q", c.kind, got, c.base)
		}
	}
}

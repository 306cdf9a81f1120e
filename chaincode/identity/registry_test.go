package identity_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const assessor = "DeviceAssessor"

func (h *house) issuer(label string) (string, *statetest.DIDKey) {
	h.t.Helper()
	key := statetest.NewDIDKey("key-1", north)
	did, err := h.CreateIssuer(north, label, key)
	if err != nil {
		h.t.Fatal(err)
	}
	return did, key
}

func (h *house) trust(issuer string) ledger.TrustRow {
	h.t.Helper()
	var row ledger.TrustRow
	statetest.Want(h.t, "", h.Evaluate(h.Client(south, ""), ledger.IdentityGetTrust, ledger.GetTrust{Issuer: issuer, CredentialType: assessor}, &row))
	return row
}

func TestAnIssuerIsAcceptedStruckAndAcceptedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	did, _ := h.issuer("staff")
	publish := func(version string) {
		h.try("", authority, ledger.IdentityPublishSchema, ledger.PublishSchema{CredentialType: assessor, Version: version, Digest: ledger.BodyDigest(nil)})
	}
	publish("1")
	subject := ledger.ProposalSubject{Issuer: did, CredentialType: assessor, Schema: "1"}
	decide := func(kind string, s ledger.ProposalSubject) string {
		id := h.propose(north, kind, s)
		h.vote(id, true, north, south, east)
		h.enact("", id, north, south, east)
		return id
	}
	late := h.propose(north, ledger.ProposeAcceptIssuer, subject) // comes second
	h.vote(late, true, north, south, east)
	id := decide(ledger.ProposeAcceptIssuer, subject)
	tx := h.Blocks(h.Height() - 1)[0].Txs[0]
	event := &ledger.Event{V: 1, Kind: ledger.EventIssuerAccepted, Key: []string{"tru", did, assessor}, Tx: tx.ID, Subjects: []string{north}}
	if diff := cmp.Diff(event, tx.Event); diff != "" {
		t.Error(diff)
	}
	want := ledger.TrustRow{
		V: 1, Issuer: did, CredentialType: assessor, State: ledger.TrustAccepted, Schema: "1", Since: statetest.Start, Proposal: id, Revision: 1,
	}
	if diff := cmp.Diff(want, h.trust(did)); diff != "" {
		t.Error(diff)
	}
	h.enact(ledger.CodeAlreadyExists, late, north, south, east)
	h.try(ledger.CodeAlreadyExists, north, ledger.IdentityPropose, ledger.Propose{Kind: ledger.ProposeAcceptIssuer, Subject: subject, Reason: "so"})

	h.try(ledger.CodeAlreadyExists, maker, ledger.IdentityVote, ledger.CastVote{Proposal: id, Approve: true}) // too late

	publish("2")
	next := subject
	next.Schema = "2"
	decide(ledger.ProposeAcceptIssuer, next)
	strike := ledger.ProposalSubject{Issuer: did, CredentialType: assessor}
	decide(ledger.ProposeStrikeIssuer, strike)
	if row := h.trust(did); row.State != ledger.TrustStruck || row.Revision != 3 || row.Schema != "2" {
		t.Errorf("the row is %+v", row)
	}
	h.try(ledger.CodeAlreadyExists, north, ledger.IdentityPropose, ledger.Propose{Kind: ledger.ProposeStrikeIssuer, Subject: strike, Reason: "so"})
	decide(ledger.ProposeAcceptIssuer, next)
	if row := h.trust(did); row.State != ledger.TrustAccepted || row.Revision != 4 {
		t.Errorf("the row is %+v", row)
	}

	for issuer, n := range map[string]int{"": 1, did: 1, did + "x": 0} {
		var page ledger.TrustPage
		statetest.Want(t, "", h.Evaluate(h.Client(south, ""), ledger.IdentityListTrust, ledger.ListTrust{Issuer: issuer}, &page))
		if len(page.Items) != n {
			t.Errorf("of %q the page is %+v", issuer, page)
		}
	}
}

// TestWhatChangedSinceTheVoteCounts: enacting asks again what proposing asked.
func TestWhatChangedSinceTheVoteCounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	did, key := h.issuer("staff")
	h.try("", authority, ledger.IdentityPublishSchema, ledger.PublishSchema{CredentialType: assessor, Version: "1", Digest: ledger.BodyDigest(nil)})
	id := h.propose(south, ledger.ProposeAcceptIssuer, ledger.ProposalSubject{Issuer: did, CredentialType: assessor, Schema: "1"})
	h.vote(id, true, south, east, maker)
	end := ledger.DeactivateDID{DID: did, Revision: 2}
	end.Signature = key.Control(did, &end)
	h.try("", north, ledger.IdentityDeactivateDID, end)
	h.enact(ledger.CodeGone, id, south, east, maker)
}

func TestASchemaIsPublishedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	schema := ledger.PublishSchema{CredentialType: assessor, Version: "1", Digest: ledger.BodyDigest(nil)}
	h.try("", north, ledger.IdentityPublishSchema, schema)
	h.try(ledger.CodeAlreadyExists, south, ledger.IdentityPublishSchema, schema)
	h.try(ledger.CodeDenied, "stranger", ledger.IdentityPublishSchema, schema)
	want := ledger.Schema{V: 1, CredentialType: assessor, Version: "1", Digest: schema.Digest, Author: north, Published: statetest.Start}
	var got ledger.Schema
	statetest.Want(t, "", h.Evaluate(h.Client(south, ""), ledger.IdentityGetSchema, ledger.GetSchema{CredentialType: assessor, Version: "1"}, &got))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for credential, n := range map[string]int{"": 1, assessor: 1, "DeviceAsses": 0} {
		var page ledger.SchemaPage
		statetest.Want(t, "", h.Evaluate(h.Client(south, ""), ledger.IdentityListSchemas, ledger.ListSchemas{CredentialType: credential}, &page))
		if len(page.Items) != n {
			t.Errorf("of %q the page is %+v", credential, page)
		}
	}
}

func TestAStatusListGoesOnVersionByVersion(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	did, key := h.issuer("staff")
	list := func(version int, life time.Duration) ledger.CommitStatusList {
		return ledger.CommitStatusList{Issuer: did, List: "1", Version: version, Digest: ledger.BodyDigest([]byte{byte(version)}), ValidUntil: h.Now().Add(life)}
	}
	h.try(ledger.CodeConflict, north, ledger.IdentityCommitStatusList, list(2, time.Hour))
	h.try(ledger.CodeInvalid, north, ledger.IdentityCommitStatusList, list(1, 0))
	h.try(ledger.CodeInvalid, north, ledger.IdentityCommitStatusList, list(1, -time.Hour))
	h.try(ledger.CodeInvalid, north, ledger.IdentityCommitStatusList, list(1, ledger.MaxStatusLife+time.Millisecond))
	h.try("", north, ledger.IdentityCommitStatusList, list(1, ledger.MaxStatusLife))
	h.try(ledger.CodeConflict, north, ledger.IdentityCommitStatusList, list(1, time.Hour)) // stale, or the same again
	h.try(ledger.CodeConflict, north, ledger.IdentityCommitStatusList, list(3, time.Hour))
	h.try(ledger.CodeDenied, south, ledger.IdentityCommitStatusList, list(2, time.Hour))
	h.Advance(time.Minute)
	h.try("", north, ledger.IdentityCommitStatusList, list(2, time.Hour))
	want := ledger.StatusList{
		V: 1, Issuer: did, List: "1", Version: 2, Digest: ledger.BodyDigest([]byte{2}), ValidUntil: h.Now().Add(time.Hour), Time: h.Now(),
	}
	var got ledger.StatusList
	statetest.Want(t, "", h.Evaluate(h.Client(south, ""), ledger.IdentityGetStatusList, ledger.GetStatusList{Issuer: did, List: "1"}, &got))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for issuer, n := range map[string]int{"": 1, did: 1, did + "x": 0} {
		var page ledger.StatusListPage
		statetest.Want(t, "", h.Evaluate(h.Client(south, ""), ledger.IdentityListStatusLists, ledger.ListStatusLists{Issuer: issuer}, &page))
		if len(page.Items) != n {
			t.Errorf("of %q the page is %+v", issuer, page)
		}
	}
	unknown := list(1, time.Hour)
	unknown.Issuer = ledger.IssuerDID(statetest.Network, north, "none")
	h.try(ledger.CodeNotFound, north, ledger.IdentityCommitStatusList, unknown)
	end := ledger.DeactivateDID{DID: did, Revision: 2}
	end.Signature = key.Control(did, &end)
	h.try("", north, ledger.IdentityDeactivateDID, end)
	h.try(ledger.CodeGone, north, ledger.IdentityCommitStatusList, list(3, time.Hour))
}

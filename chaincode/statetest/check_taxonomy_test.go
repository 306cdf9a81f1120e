package statetest_test

import (
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// taxonomyHistory is the part of a ledger in which everything happened once: of a
// vocabulary one node was adopted, one proposal withdrawn and one rejected.
func taxonomyHistory(t *testing.T, l *statetest.Ledger) []statetest.Proposal {
	t.Helper()
	const north, authority = "hospital-north", "authority"
	registrar := l.Client(authority, ledger.RoleRegistrar)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	report := ledger.ShareThreat{Digest: ledger.BodyDigest([]byte("seen")), Marking: ledger.TLPClear, MediaType: ledger.MediaTypeSTIX, Size: 4}
	must(l.Submit(l.Client(north, ledger.RoleSharer), ledger.ThreatShare, report, nil))
	must(l.Submit(registrar, ledger.TaxonomyCreate, ledger.CreateVocabulary{ID: "words", Title: "Words", Kind: ledger.VocabularyNodes}, nil))
	ask := func(id string) ledger.ProposeChange {
		return ledger.ProposeChange{
			Vocabulary: "words", Change: ledger.ChangeAdd, Term: &ledger.Term{ID: id, Name: id, Definition: "as it says"}, Reason: "a sample",
			Evidence: []ledger.NodeEvidence{{Digest: report.Digest, Sharer: north}}, Expires: l.Now().UTC().Add(48 * time.Hour),
		}
	}
	proposal, voters, err := l.ApproveChange(ask("one"))
	must(err)
	var withdrawn, rejected ledger.VocabularyChangeView
	must(l.Submit(l.Client(north, ledger.RoleSharer), ledger.TaxonomyPropose, ask("two"), &withdrawn))
	must(l.Submit(l.Client(north, ledger.RoleSharer), ledger.TaxonomyPropose, ask("three"), &rejected))
	for _, org := range voters {
		must(l.Submit(l.Client(org, ledger.RoleRegistrar), ledger.IdentityVote, ledger.CastVote{Proposal: rejected.Change.Proposal}, nil))
	}
	return []statetest.Proposal{
		{Client: registrar, Name: ledger.TaxonomyAdopt, Request: ledger.AdoptChange{Proposal: proposal, Voters: voters}},
		{Client: l.Client(north, ledger.RoleSharer), Name: ledger.TaxonomyWithdraw, Request: ledger.WithdrawChange{Proposal: withdrawn.Change.Proposal}},
		{Client: registrar, Name: ledger.TaxonomyReject, Request: ledger.RejectChange{Proposal: rejected.Change.Proposal, Voters: voters}},
	}
}

// taxonomyDamages are damages of it.
var taxonomyDamages = map[string]damage{
	"a vocabulary by another":          {by(ledger.TaxonomyCreate, "medtech"), "begins with a version, or is another's"},
	"a version nobody voted for":       {lose(ledger.TypeVocabularyChange), "is not what was enacted"},
	"a version without its content":    {lose(ledger.TypeVocabularyManifest), "is not what was enacted"},
	"a node that is missing":           {lose(ledger.TypeVocabularyNode), "node one is missing"},
	"a node that says something else":  {edit(ledger.TypeVocabularyNode, `as it says`, `as it lies`), "says something else"},
	"a manifest with another digest":   {edit(ledger.TypeVocabularyManifest, `"since":1`, `"since":2`), "is missing"},
	"a version with another digest":    {edit(ledger.TypeVocabularyVersion, `"digest":"`, `"digest":"0`), "is not chained"},
	"a withdrawal by another":          {by(ledger.TaxonomyWithdraw, "medtech"), "or by another"},
	"a rejection of what could be won": {edit(ledger.TypeClosure, `"voters":["hospital-east",`, `"voters":[`), "could still be carried"},
	"a rejection with another's vote":  {edit(ledger.TypeClosure, `"voters":["hospital-east"`, `"voters":["nobody"`), "did not vote against it"},
}

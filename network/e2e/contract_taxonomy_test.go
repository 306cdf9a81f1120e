package e2e

import (
	"crypto/rand"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/client"
)

// TestMembersAdoptAWord takes a node of a vocabulary from its proposal, over a report
// of the north's, by the votes of three organisations to the version that every node
// tells alike.
func TestMembersAdoptAWord(t *testing.T) {
	n := live(t)
	north := n.member(t, "hospital-north")
	body := "report " + rand.Text()
	report := do[ledger.Threat](t, north, ledger.RoleSharer, ledger.ThreatShare, ledger.ShareThreat{
		Digest: ledger.BodyDigest([]byte(body)), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: int64(len(body)),
	})
	id := "words-" + rand.Text()[:10]
	do[ledger.Vocabulary](t, north, ledger.RoleRegistrar, ledger.TaxonomyCreate, ledger.CreateVocabulary{ID: id, Title: "Words of a test", Kind: ledger.VocabularyNodes})
	change := ledger.ProposeChange{
		Vocabulary: id, Change: ledger.ChangeAdd, Reason: "It recurs.", Evidence: []ledger.NodeEvidence{{Digest: report.Digest, Sharer: "hospital-north"}},
		Term: &ledger.Term{ID: "pump-abuse", Name: "Pump abuse", Definition: "Commands that change what a pump gives.", External: []ledger.External{{ID: "T0831", Source: "mitre-attack-ics"}}},
	}
	asked, err := n.client(t, "hospital-north", "analyst").ProposeTaxonomyChange(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	proposal := asked.Change.Proposal
	for i, org := range []string{"hospital-north", "hospital-south", "authority"} {
		operator := n.client(t, org, "operator")
		await(t, "the proposal at "+org, func() bool {
			_, err := operator.VoteTaxonomyChange(t.Context(), proposal, true)
			e, refused := errors.AsType[*client.Error](err)
			if err != nil && (!refused || e.Status != http.StatusNotFound) {
				t.Fatal(err)
			}
			return err == nil
		})
		if i == 0 {
			if _, err := operator.AdoptTaxonomyChange(t.Context(), proposal); err == nil {
				t.Fatal("one vote adopts")
			}
		}
	}
	south := n.client(t, "hospital-south", "operator")
	await(t, "the change to be adopted", func() bool {
		got, err := south.AdoptTaxonomyChange(t.Context(), proposal)
		return err == nil && got.Proposal.State == fact.ProposalEnacted
	})
	told := get[ledger.VocabularyVersion](t, north, ledger.TaxonomyGetVersion, ledger.GetVocabularyVersion{Vocabulary: id, Number: 1})
	for _, org := range []string{"hospital-north", "hospital-south", "hospital-east", "medtech", "authority"} {
		at := n.client(t, org, "auditor")
		await(t, "the version at "+org, func() bool {
			v, err := at.Taxonomy(t.Context(), id)
			return err == nil && v.Version == 1 && v.Digest == told.Digest
		})
		for node, err := range at.TaxonomyNodes(t.Context(), id, 1) {
			if err != nil || ledger.NodeDigest(&node.Node) != node.Digest || node.Term.ID != "pump-abuse" || node.Proposal != proposal {
				t.Errorf("%s tells %+v (%v)", org, node, err)
			}
		}
	}
	change.Expires = time.Now().UTC().Add(48 * time.Hour).Truncate(time.Millisecond)
	fails(t, ledger.CodeAlreadyExists, north, ledger.RoleSharer, ledger.TaxonomyPropose, change)
}

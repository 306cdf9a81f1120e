package app

import (
	"net/http"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/client"
)

// word is a proposed change as a node tells it.
type word struct {
	Change   ledger.VocabularyChange
	Proposal asked
}

// TestMembersAgreeOnWordsOverHTTP takes one node of a vocabulary to its adoption, one to
// its withdrawal and one to its rejection, over the real contracts.
func TestMembersAgreeOnWordsOverHTTP(t *testing.T) {
	if testing.Short() {
		t.Skip("five nodes")
	}
	t.Parallel()
	c := newConsortium(t)
	_, nodes := c.inhabit(t)
	north, south := nodes["hospital-north"], nodes["hospital-south"]
	const report = `{"type":"bundle","id":"bundle--a1b2c3d4-0000-4000-8000-000000000009","objects":[{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--a1b2c3d4-0000-4000-8000-000000000001","value":"198.51.100.1"}]}`
	if status, b := north.call("analyst", http.MethodPost, "/v1/threats?marking=green", []byte(report), map[string]string{"Content-Type": ledger.MediaTypeSTIX}); status != http.StatusCreated {
		t.Fatalf("sharing: %d %s", status, b)
	}
	create := map[string]any{"id": "ward-threats", "title": "Threats to wards", "kind": "nodes"}
	north.want(http.StatusForbidden, "analyst", http.MethodPost, "/v1/taxonomies", create, nil)
	north.want(http.StatusCreated, "operator", http.MethodPost, "/v1/taxonomies", create, nil)
	north.want(http.StatusConflict, "operator", http.MethodPost, "/v1/taxonomies", create, nil)
	ask := func(id string) map[string]any {
		return map[string]any{
			"vocabulary": "ward-threats", "change": "add", "reason": "Three reports speak of it.",
			"evidence": []map[string]string{{"digest": ledger.BodyDigest([]byte(report)), "sharer": "hospital-north"}},
			"term":     map[string]any{"id": id, "name": "Word " + id, "definition": "What it means."},
		}
	}
	const proposals = "/v1/taxonomy-proposals"
	north.want(http.StatusForbidden, "registrar", http.MethodPost, proposals, ask("a"), nil)
	bad := ask("a b")
	delete(bad, "evidence")
	var refused struct{ Errors []struct{ Location string } }
	north.want(http.StatusUnprocessableEntity, "analyst", http.MethodPost, proposals, bad, &refused)
	if len(refused.Errors) != 2 || refused.Errors[0].Location != "body.term.id" || refused.Errors[1].Location != "body.evidence" {
		t.Errorf("the faults of a bad proposal: %+v", refused)
	}
	var a, b, lost word
	north.want(http.StatusCreated, "analyst", http.MethodPost, proposals, ask("a"), &a)
	north.want(http.StatusCreated, "analyst", http.MethodPost, proposals, ask("b"), &b)
	north.want(http.StatusCreated, "operator", http.MethodPost, proposals, ask("c"), &lost)
	at := func(w word) string { return proposals + "/" + w.Change.Proposal }
	for _, r := range nodes {
		r.await("the proposals to be known", func() bool {
			status, _ := r.call("auditor", http.MethodGet, at(lost), nil, nil)
			return status == http.StatusOK
		})
	}
	south.want(http.StatusForbidden, "operator", http.MethodPost, at(b)+"/withdrawal", nil, nil)
	north.want(http.StatusCreated, "analyst", http.MethodPost, at(b)+"/withdrawal", nil, &b)
	if b.Proposal.State != "withdrawn" {
		t.Errorf("withdrawn: %+v", b)
	}
	for i, org := range []string{"hospital-south", "medtech", "authority"} {
		if i == 2 {
			south.want(http.StatusForbidden, "operator", http.MethodPost, at(a)+"/adoption", nil, nil)
			south.want(http.StatusForbidden, "operator", http.MethodPost, at(lost)+"/rejection", nil, nil)
		}
		nodes[org].want(http.StatusForbidden, "analyst", http.MethodPost, at(a)+"/votes", map[string]bool{"approve": true}, nil)
		nodes[org].want(http.StatusCreated, "operator", http.MethodPost, at(a)+"/votes", map[string]bool{"approve": true}, nil)
		nodes[org].want(http.StatusCreated, "operator", http.MethodPost, at(lost)+"/votes", map[string]bool{"approve": false}, nil)
	}
	authority := nodes["authority"]
	authority.want(http.StatusUnprocessableEntity, "operator", http.MethodPost, "/v1/proposals/"+a.Change.Proposal+"/enactment", nil, nil)
	authority.want(http.StatusCreated, "operator", http.MethodPost, at(a)+"/adoption", nil, &a)
	authority.want(http.StatusConflict, "operator", http.MethodPost, at(a)+"/adoption", nil, nil)
	authority.want(http.StatusCreated, "operator", http.MethodPost, at(lost)+"/rejection", nil, &lost)
	if a.Proposal.State != "enacted" || lost.Proposal.State != "rejected" {
		t.Errorf("adopted %+v, rejected %+v", a, lost)
	}

	var first ledger.VocabularyVersion
	authority.want(http.StatusOK, "analyst", http.MethodGet, "/v1/taxonomies/ward-threats/versions/1", nil, &first)
	for org, r := range nodes {
		r.await("the version at "+org, func() bool {
			status, _ := r.call("auditor", http.MethodGet, "/v1/taxonomies/ward-threats/versions/1", nil, nil)
			return status == http.StatusOK
		})
		var now ledger.Vocabulary
		r.want(http.StatusOK, "auditor", http.MethodGet, "/v1/taxonomies/ward-threats", nil, &now)
		var list struct{ Items []ledger.Node }
		r.want(http.StatusOK, "auditor", http.MethodGet, "/v1/taxonomies/ward-threats/nodes", nil, &list)
		if now.Version != 1 || now.Digest != first.Digest || len(list.Items) != 1 || list.Items[0].Term.ID != "a" || ledger.NodeDigest(&list.Items[0]) != list.Items[0].Digest {
			t.Errorf("%s tells %+v with %+v", org, now, list)
		}
	}
	authority.want(http.StatusNotFound, "auditor", http.MethodGet, "/v1/taxonomies/ward-threats/nodes?version=2", nil, nil)
	var kept struct{ Items []word }
	authority.want(http.StatusOK, "auditor", http.MethodGet, proposals+"?vocabulary=ward-threats&state=rejected", nil, &kept)
	if len(kept.Items) != 1 || kept.Items[0].Change.Term.ID != "c" {
		t.Errorf("rejected are %+v", kept)
	}
	stale := ask("a")
	stale["change"], stale["base"] = "change", 9
	north.want(http.StatusConflict, "analyst", http.MethodPost, proposals, stale, nil)
	changeByClient(t, nodes, a.Change)
}

// changeByClient has the members change a node, each by the typed client, and takes
// another such proposal back.
func changeByClient(t *testing.T, nodes map[string]*running, added ledger.VocabularyChange) {
	t.Helper()
	ctx, north := t.Context(), nodes["hospital-north"]
	must := func(_ *client.TaxonomyProposal, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	change := ledger.ProposeChange{Vocabulary: added.Vocabulary, Change: ledger.ChangeNode, Base: 1, Term: added.Term, Reason: "It has a better name."}
	change.Term.Name = "A better name"
	analyst, auditor := north.client("analyst"), north.client("auditor")
	asked, err := analyst.ProposeTaxonomyChange(ctx, change)
	must(asked, err)
	again, err := analyst.ProposeTaxonomyChange(ctx, change)
	must(again, err)
	must(analyst.WithdrawTaxonomyChange(ctx, again.Change.Proposal))
	for _, org := range []string{"hospital-north", "hospital-south", "authority"} {
		nodes[org].await("the proposal to be known", func() bool {
			for p, err := range nodes[org].client("auditor").TaxonomyProposals(ctx, added.Vocabulary) {
				if err == nil && p.Change.Proposal == asked.Change.Proposal {
					return true
				}
			}
			return false
		})
		must(nodes[org].client("operator").VoteTaxonomyChange(ctx, asked.Change.Proposal, true))
	}
	var done *client.TaxonomyProposal
	north.await("the votes to be known", func() bool {
		done, err = north.client("operator").AdoptTaxonomyChange(ctx, asked.Change.Proposal)
		return err == nil
	})
	if done.Proposal.State != fact.ProposalEnacted {
		t.Errorf("adopted: %+v", done)
	}
	before, err := auditor.TaxonomyVersion(ctx, added.Vocabulary, 1)
	if err != nil {
		t.Fatal(err)
	}
	now, err := auditor.TaxonomyVersion(ctx, added.Vocabulary, 2)
	if err != nil || now.Previous != before.Digest {
		t.Errorf("version 2 is %+v (%v)", now, err)
	}
	for all, err := range auditor.Taxonomies(ctx) {
		if err != nil || all.Version != 2 || all.Digest != now.Digest {
			t.Errorf("the vocabulary is %+v (%v)", all, err)
		}
	}
	for number, name := range map[int]string{0: "A better name", 1: "Word a", 2: "A better name"} {
		for n, err := range auditor.TaxonomyNodes(ctx, added.Vocabulary, number) {
			if err != nil || n.Term.Name != name {
				t.Errorf("version %d has %+v (%v)", number, n, err)
			}
		}
	}
}

package chaincode_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// words is what the scene holds of the contract "taxonomy": a vocabulary with one
// adopted node, and proposals to add others: one approved, one that nobody has voted
// on, by north, and one that a majority voted against.
type words struct {
	adopted  string
	approved ledger.AdoptChange
	own      string
	refused  ledger.RejectChange
}

const sceneWords = "scene-words"

// word is a change that adds a node, or one that takes a later form of it.
func word(l *statetest.Ledger, id string, evidence ledger.NodeEvidence) ledger.ProposeChange {
	return ledger.ProposeChange{
		Vocabulary: sceneWords, Change: ledger.ChangeAdd, Reason: "seen", Evidence: []ledger.NodeEvidence{evidence}, Expires: l.Now().UTC().Add(24 * time.Hour),
		Term: &ledger.Term{Definition: "a sample", External: []ledger.External{{ID: "T1486", Source: "mitre-attack"}}, ID: id, Name: id},
	}
}

func newWords(t *testing.T, l *statetest.Ledger) words {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var w words
	must(l.Submit(l.Client(north, ledger.RoleRegistrar), ledger.TaxonomyCreate, ledger.CreateVocabulary{ID: sceneWords, Title: "Words", Kind: ledger.VocabularyNodes}, nil))
	approve := func(id string) ledger.AdoptChange {
		t.Helper()
		proposal, voters, err := l.ApproveChange(word(l, id, sharedEvidence()))
		must(err)
		return ledger.AdoptChange{Proposal: proposal, Voters: voters}
	}
	first := approve("first")
	w.adopted = first.Proposal
	must(l.Submit(l.Client(north, ledger.RoleRegistrar), ledger.TaxonomyAdopt, first, nil))
	w.approved = approve("second")
	propose := func(id string) string {
		t.Helper()
		var made ledger.VocabularyChangeView
		must(l.Submit(l.Client(north, ledger.RoleSharer), ledger.TaxonomyPropose, word(l, id, sharedEvidence()), &made))
		return made.Change.Proposal
	}
	w.own = propose("third")
	w.refused = ledger.RejectChange{Proposal: propose("fourth"), Voters: statetest.Organisations()[:3]}
	for _, org := range w.refused.Voters {
		must(l.Submit(l.Client(org, ledger.RoleRegistrar), ledger.IdentityVote, ledger.CastVote{Proposal: w.refused.Proposal}, nil))
	}
	return w
}

func sharedEvidence() ledger.NodeEvidence {
	return ledger.NodeEvidence{Digest: share("shared").Digest, Sharer: north}
}

// proposers are who may propose: every member, from either of two nodes.
func proposers() []string {
	var all []string
	for _, org := range statetest.Organisations() {
		all = append(all, string(ledger.RoleSharer)+"@"+org, string(ledger.RoleRegistrar)+"@"+org)
	}
	return all
}

// taxonomyRights is who may call the contract "taxonomy".
var taxonomyRights = map[string]right{
	ledger.TaxonomyCreate: {ledger.RoleRegistrar, nil, func(*scene) any {
		return ledger.CreateVocabulary{ID: "another", Title: "Another", Kind: ledger.VocabularyImported}
	}},
	ledger.TaxonomyPropose: {several, proposers(), func(s *scene) any { return word(s.Ledger, "fifth", sharedEvidence()) }},
	ledger.TaxonomyAdopt:   {ledger.RoleRegistrar, nil, func(s *scene) any { return s.approved }},
	ledger.TaxonomyWithdraw: {several, []string{"sharer@" + north, "registrar@" + north}, func(s *scene) any {
		return ledger.WithdrawChange{Proposal: s.own}
	}},
	ledger.TaxonomyReject: {ledger.RoleRegistrar, nil, func(s *scene) any { return s.refused }},
	ledger.TaxonomyGet:    {"", nil, func(*scene) any { return ledger.GetVocabulary{ID: sceneWords} }},
	ledger.TaxonomyList:   {"", nil, func(*scene) any { return ledger.PageRequest{} }},
	ledger.TaxonomyGetVersion: {"", nil, func(*scene) any {
		return ledger.GetVocabularyVersion{Vocabulary: sceneWords, Number: 1}
	}},
	ledger.TaxonomyListVersions: {"", nil, func(*scene) any { return ledger.ListVocabularyVersions{Vocabulary: sceneWords} }},
	ledger.TaxonomyListNodes:    {"", nil, func(*scene) any { return ledger.ListNodes{Vocabulary: sceneWords, Number: 1} }},
	ledger.TaxonomyGetChange:    {"", nil, func(s *scene) any { return ledger.GetVocabularyChange{Proposal: s.adopted} }},
	ledger.TaxonomyListChanges:  {"", nil, func(*scene) any { return ledger.ListVocabularyChanges{} }},
}

// vocabulary makes sure, most times, that one is there.
func (p *play) vocabulary() string {
	if rapid.IntRange(0, 4).Draw(p.t, "uncreated") > 0 {
		r := ledger.CreateVocabulary{ID: sceneWords, Title: "Words", Kind: ledger.VocabularyNodes}
		_ = p.l.Submit(p.l.Client(maker, ledger.RoleRegistrar), ledger.TaxonomyCreate, r, nil) // whatever comes of it: it may be there
	}
	return sceneWords
}

// wordChange draws a change, mostly one that rests on a report that is there.
func (p *play) wordChange() ledger.ProposeChange {
	body := share(p.pick("report", "a", "b"))
	_ = p.l.Submit(p.l.Client(north, ledger.RoleSharer), ledger.ThreatShare, body, nil)
	r := word(p.l, p.pick("word", "w1", "w2", "w3"), ledger.NodeEvidence{Digest: body.Digest, Sharer: north})
	r.Vocabulary = p.vocabulary()
	r.Term.Parent = p.pick("parent", "", "", "w1", "w2")
	switch r.Change = p.pick("change", ledger.ChangeAdd, ledger.ChangeAdd, ledger.ChangeNode, ledger.ChangeDeprecate); r.Change {
	case ledger.ChangeDeprecate:
		r.Node, r.Successor, r.Term = r.Term.ID, p.pick("successor", "w1", "w2"), nil
		r.Base = rapid.IntRange(1, 3).Draw(p.t, "base")
	case ledger.ChangeNode:
		r.Base = rapid.IntRange(1, 3).Draw(p.t, "base")
	}
	return r
}

// taxonomyPlays draws its requests.
var taxonomyPlays = map[string]func(p *play, org string) any{
	ledger.TaxonomyCreate: func(p *play, _ string) any {
		return ledger.CreateVocabulary{ID: p.pick("vocabulary", sceneWords, "other"), Title: "Words", Kind: p.pick("kind", ledger.VocabularyNodes, ledger.VocabularyImported)}
	},
	ledger.TaxonomyPropose: func(p *play, _ string) any { return p.wordChange() },
	ledger.TaxonomyAdopt: func(p *play, _ string) any {
		if rapid.IntRange(0, 3).Draw(p.t, "unapproved") > 0 {
			if id, voters, err := p.l.ApproveChange(p.wordChange()); err == nil {
				return ledger.AdoptChange{Proposal: id, Voters: voters}
			}
		}
		return ledger.AdoptChange{Proposal: p.proposed(), Voters: statetest.Organisations()[:rapid.IntRange(1, 5).Draw(p.t, "voters")]}
	},
	ledger.TaxonomyWithdraw: func(p *play, _ string) any { return ledger.WithdrawChange{Proposal: p.proposed()} },
	ledger.TaxonomyReject: func(p *play, _ string) any {
		return ledger.RejectChange{Proposal: p.proposed(), Voters: statetest.Organisations()[:rapid.IntRange(1, 5).Draw(p.t, "voters")]}
	},
	ledger.TaxonomyGet:  func(p *play, _ string) any { return ledger.GetVocabulary{ID: p.vocabulary()} },
	ledger.TaxonomyList: func(p *play, _ string) any { return p.page() },
	ledger.TaxonomyGetVersion: func(p *play, _ string) any {
		return ledger.GetVocabularyVersion{Vocabulary: sceneWords, Number: rapid.IntRange(0, 2).Draw(p.t, "number")}
	},
	ledger.TaxonomyListVersions: func(p *play, _ string) any {
		return ledger.ListVocabularyVersions{Vocabulary: sceneWords, Page: p.page()}
	},
	ledger.TaxonomyListNodes: func(p *play, _ string) any {
		return ledger.ListNodes{Vocabulary: sceneWords, Number: rapid.IntRange(0, 2).Draw(p.t, "number"), Page: p.page()}
	},
	ledger.TaxonomyGetChange:   func(p *play, _ string) any { return ledger.GetVocabularyChange{Proposal: p.proposed()} },
	ledger.TaxonomyListChanges: func(p *play, _ string) any { return ledger.ListVocabularyChanges{Page: p.page()} },
}

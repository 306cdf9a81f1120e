package taxonomy_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const (
	north     = "hospital-north"
	south     = "hospital-south"
	maker     = "medtech"
	authority = "authority"
	words     = "words"
)

// desk is a seeded ledger with a vocabulary and reports to rest on.
type desk struct {
	*statetest.Ledger
	t *testing.T
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{Ledger: statetest.NewSeeded(t), t: t}
	d.want("", d.by(north, ledger.RoleRegistrar, ledger.TaxonomyCreate, ledger.CreateVocabulary{ID: words, Title: "Words", Kind: ledger.VocabularyNodes}))
	d.want("", d.by(north, ledger.RoleSharer, ledger.ThreatShare, report("seen")))
	return d
}

func report(body string) ledger.ShareThreat {
	return ledger.ShareThreat{Digest: ledger.BodyDigest([]byte(body)), Marking: ledger.TLPClear, MediaType: ledger.MediaTypeSTIX, Size: 1}
}

func (d *desk) by(org string, role ledger.Role, name string, request any) statetest.Proposal {
	return statetest.Proposal{Client: d.Client(org, role), Name: name, Request: request}
}

func (d *desk) want(code ledger.Code, p statetest.Proposal) {
	d.t.Helper()
	statetest.Want(d.t, code, d.Submitted(d.t, p, nil))
}

// add is a change that adds a node under a parent.
func (d *desk) add(id, parent string) ledger.ProposeChange {
	return ledger.ProposeChange{
		Vocabulary: words, Change: ledger.ChangeAdd, Reason: "it recurs", Expires: d.Now().UTC().Add(48 * time.Hour),
		Evidence: []ledger.NodeEvidence{{Digest: report("seen").Digest, Sharer: north}},
		Term:     &ledger.Term{ID: id, Name: "Word <" + id + ">", Definition: "What " + id + " & its like are: \"é\"", Parent: parent},
	}
}

// change is a change of a node that stands since that version.
func (d *desk) change(id, parent string, since int) ledger.ProposeChange {
	c := d.add(id, parent)
	c.Change, c.Base, c.Evidence = ledger.ChangeNode, since, nil
	c.Term.Name = "Changed " + id
	return c
}

func (d *desk) deprecate(id, successor string, since int) ledger.ProposeChange {
	return ledger.ProposeChange{
		Vocabulary: words, Change: ledger.ChangeDeprecate, Node: id, Successor: successor, Base: since, Reason: "one word is enough", Expires: d.Now().UTC().Add(48 * time.Hour),
	}
}

func (d *desk) propose(c ledger.ProposeChange) statetest.Proposal {
	return d.by(south, ledger.RoleSharer, ledger.TaxonomyPropose, c)
}

// proposed proposes a change and returns the proposal's id.
func (d *desk) proposed(c ledger.ProposeChange) string {
	d.t.Helper()
	var made ledger.VocabularyChangeView
	statetest.Want(d.t, "", d.Submitted(d.t, d.propose(c), &made))
	return made.Change.Proposal
}

func (d *desk) vote(org, proposal string, approve bool) statetest.Proposal {
	return d.by(org, ledger.RoleRegistrar, ledger.IdentityVote, ledger.CastVote{Proposal: proposal, Approve: approve})
}

func (d *desk) adopt(proposal string, voters ...string) statetest.Proposal {
	return d.by(authority, ledger.RoleRegistrar, ledger.TaxonomyAdopt, ledger.AdoptChange{Proposal: proposal, Voters: voters})
}

// carried has a majority vote for a change and returns how it is adopted.
func (d *desk) carried(c ledger.ProposeChange) statetest.Proposal {
	d.t.Helper()
	id, voters, err := d.ApproveChange(c)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.adopt(id, voters...)
}

func (d *desk) nodes(number int) []ledger.Node {
	d.t.Helper()
	var all []ledger.Node
	bookmark := ""
	for {
		var page ledger.NodePage
		req := ledger.ListNodes{Vocabulary: words, Number: number, Page: ledger.PageRequest{Size: 2, Bookmark: bookmark}}
		statetest.Want(d.t, "", d.Evaluate(d.Client(south, ""), ledger.TaxonomyListNodes, req, &page))
		all = append(all, page.Items...)
		if bookmark = page.Next; bookmark == "" {
			return all
		}
	}
}

func (d *desk) version(number int) ledger.VocabularyVersion {
	d.t.Helper()
	var v ledger.VocabularyVersion
	statetest.Want(d.t, "", d.Evaluate(d.Client(south, ""), ledger.TaxonomyGetVersion, ledger.GetVocabularyVersion{Vocabulary: words, Number: number}, &v))
	return v
}

// TestEveryVersionStaysAsItWas: what was listed of a version is listed for ever, its
// digest follows from that by canonical JSON, and each names the one before.
func TestEveryVersionStaysAsItWas(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	steps := []ledger.ProposeChange{
		d.add("b", ""), d.add("a", "b"), d.add("c", ""), d.change("a", "c", 2), d.deprecate("b", "c", 1), d.add("d", "c"),
	}
	listed := map[int][]ledger.Node{}
	for i, step := range steps {
		d.want("", d.carried(step))
		listed[i+1] = d.nodes(i + 1)
	}
	previous := ""
	for number := 1; number <= len(steps); number++ {
		nodes, v := d.nodes(number), d.version(number)
		if diff := cmp.Diff(listed[number], nodes); diff != "" {
			t.Errorf("version %d: %s", number, diff)
		}
		m := ledger.VocabularyManifest{Vocabulary: words, Number: number, Previous: previous}
		for _, n := range nodes {
			canonical(t, n.Canonical())
			if n.Digest != ledger.NodeDigest(&n) {
				t.Errorf("node %s of version %d has another digest", n.Term.ID, number)
			}
			m.Nodes = append(m.Nodes, ledger.ManifestEntry{ID: n.Term.ID, Digest: n.Digest})
		}
		canonical(t, m.Canonical())
		if v.Digest != m.Digest() || v.Previous != previous || v.Nodes != len(nodes) {
			t.Errorf("version %d is %+v", number, v)
		}
		previous = v.Digest
	}
	var now ledger.Vocabulary
	statetest.Want(t, "", d.Evaluate(d.Client(south, ""), ledger.TaxonomyGet, ledger.GetVocabulary{ID: words}, &now))
	if now.Version != len(steps) || now.Digest != previous || now.Nodes != 4 {
		t.Errorf("the vocabulary is %+v", now)
	}
	last := d.nodes(len(steps))
	if got := last[0]; got.Term.Parent != "c" || got.Term.Name != "Changed a" || got.Since != 4 || len(got.Evidence) != 1 {
		t.Errorf("the changed node is %+v", got)
	}
	if got := last[1]; got.Successor != "c" || got.Since != 5 {
		t.Errorf("the deprecated node is %+v", got)
	}
	statetest.Want(t, ledger.CodeNotFound, d.Evaluate(d.Client(south, ""), ledger.TaxonomyListNodes, ledger.ListNodes{Vocabulary: words, Number: 7}, nil))
}

func canonical(t *testing.T, b []byte) {
	t.Helper()
	want, err := jcs.Transform(b)
	if err != nil || !bytes.Equal(want, b) {
		t.Errorf("%s is not canonical: %s (%v)", b, want, err)
	}
}

// TestWhatIsRefused: what could not be carried out is not asked.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, c := range []ledger.ProposeChange{d.add("top", ""), d.add("child", "top"), d.add("old", ""), d.deprecate("old", "top", 3)} {
		d.want("", d.carried(c))
	}
	sealed := ledger.ShareThreat{Digest: ledger.BodyDigest([]byte("sealed")), Marking: ledger.TLPAmber}
	d.want("", d.by(north, ledger.RoleSharer, ledger.ThreatShare, sealed))
	d.want("", d.by(north, ledger.RoleSharer, ledger.ThreatShare, report("taken back")))
	d.want("", d.by(north, ledger.RoleSharer, ledger.ThreatWithdraw, ledger.WithdrawThreat{Digest: report("taken back").Digest, Reason: ledger.WithdrawnError}))
	on := func(digest, sharer string) ledger.ProposeChange {
		c := d.add("new", "")
		c.Evidence = append(c.Evidence, ledger.NodeEvidence{Digest: digest, Sharer: sharer})
		return c
	}
	until := func(life time.Duration) ledger.ProposeChange {
		c := d.add("new", "")
		c.Expires = d.Now().UTC().Add(life)
		return c
	}
	imported := ledger.ProposeChange{
		Vocabulary: words, Change: ledger.ChangeImport, Imported: &ledger.Imported{Digest: ledger.BodyDigest(nil), Label: "1", Nodes: 1}, Base: 4,
		Reason: "a sample", Expires: d.Now().UTC().Add(48 * time.Hour),
	}
	elsewhere := d.add("new", "")
	elsewhere.Vocabulary = "unheard-of"
	for name, c := range map[string]struct {
		change ledger.ProposeChange
		want   ledger.Code
	}{
		"a node that exists":                {d.add("top", ""), ledger.CodeAlreadyExists},
		"one that was deprecated, again":    {d.add("old", ""), ledger.CodeAlreadyExists},
		"under no node":                     {d.add("new", "none"), ledger.CodeNotFound},
		"under a deprecated one":            {d.add("new", "old"), ledger.CodeGone},
		"of no vocabulary":                  {elsewhere, ledger.CodeNotFound},
		"on a report of nobody's":           {on(ledger.BodyDigest(nil), north), ledger.CodeNotFound},
		"on a report of another's":          {on(report("seen").Digest, south), ledger.CodeNotFound},
		"on a sealed report":                {on(sealed.Digest, north), ledger.CodeDenied},
		"on a withdrawn report":             {on(report("taken back").Digest, north), ledger.CodeGone},
		"for too short":                     {until(time.Minute), ledger.CodeInvalid},
		"for too long":                      {until(ledger.ProposalLife + time.Hour), ledger.CodeInvalid},
		"a change of what has moved":        {d.change("top", "", 2), ledger.CodeConflict},
		"a change of no node":               {d.change("none", "", 1), ledger.CodeNotFound},
		"a change of a deprecated one":      {d.change("old", "", 4), ledger.CodeGone},
		"a node under what is under it":     {d.change("top", "child", 1), ledger.CodeInvalid},
		"a successor that is none":          {d.deprecate("child", "none", 2), ledger.CodeNotFound},
		"a successor that is deprecated":    {d.deprecate("child", "old", 2), ledger.CodeGone},
		"a circle of successors":            {d.deprecate("top", "old", 1), ledger.CodeGone},
		"what others belong under":          {d.deprecate("top", "child", 1), ledger.CodeDenied},
		"what is deprecated, again":         {d.deprecate("old", "child", 4), ledger.CodeGone},
		"a document among nodes":            {imported, ledger.CodeInvalid},
		"a deprecation of what has moved":   {d.deprecate("child", "top", 1), ledger.CodeConflict},
		"what could be carried out, though": {d.deprecate("child", "top", 2), ""},
	} {
		sim, err := d.Simulate(d.propose(c.change))
		if err != nil {
			t.Fatal(err)
		}
		if got := ledger.CodeOf(sim.Err()); got != c.want {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.want, sim.Err())
		}
	}
}

// TestNodesStandNoDeeperThanSixteen, whether they are added or moved.
func TestNodesStandNoDeeperThanSixteen(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	parent := ""
	for i := range ledger.MaxNodeDepth {
		id := fmt.Sprintf("n%02d", i)
		d.want("", d.carried(d.add(id, parent)))
		parent = id
	}
	d.want(ledger.CodeInvalid, d.propose(d.add("deeper", parent)))
	d.want("", d.carried(d.add("other", "")))
	d.want(ledger.CodeInvalid, d.propose(d.change("n00", "other", 1)))
	d.want("", d.carried(d.change("n01", "other", 2)))
}

// TestImportedVocabulariesAreReferenced: a version is the digest of a document, and
// nothing else is done to such a vocabulary.
func TestImportedVocabulariesAreReferenced(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.want("", d.by(north, ledger.RoleRegistrar, ledger.TaxonomyCreate, ledger.CreateVocabulary{ID: "mitre-attack", Title: "ATT&CK", Kind: ledger.VocabularyImported}))
	take := func(label string, base int) ledger.ProposeChange {
		return ledger.ProposeChange{
			Vocabulary: "mitre-attack", Change: ledger.ChangeImport, Base: base, Imported: &ledger.Imported{Digest: ledger.BodyDigest([]byte(label)), Label: label, Nodes: 691},
			Reason: "it is out", Expires: d.Now().UTC().Add(48 * time.Hour),
		}
	}
	d.want("", d.carried(take("18.0", 0)))
	d.want(ledger.CodeAlreadyExists, d.propose(take("18.0", 1)))
	d.want(ledger.CodeConflict, d.propose(take("18.1", 0)))
	stale := d.carried(take("19.0", 1))
	d.want("", d.carried(take("18.1", 1)))
	d.want(ledger.CodeGone, stale) // it was decided on another version
	node := d.add("x", "")
	node.Vocabulary = "mitre-attack"
	d.want(ledger.CodeInvalid, d.propose(node))
	var page ledger.VocabularyVersionPage
	statetest.Want(t, "", d.Evaluate(d.Client(south, ""), ledger.TaxonomyListVersions, ledger.ListVocabularyVersions{Vocabulary: "mitre-attack"}, &page))
	if len(page.Items) != 2 || page.Items[1].Previous != page.Items[0].Digest || page.Items[1].Imported.Label != "18.1" || page.Items[1].Nodes != 691 {
		t.Errorf("the versions are %+v", page.Items)
	}
}

// TestOnlyAMajorityOfMembersAdopts: votes count once, in time, of members, and not
// of those that were removed since.
func TestOnlyAMajorityOfMembersAdopts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.proposed(d.add("a", ""))
	d.want("", d.vote(north, id, true))
	d.want(ledger.CodeAlreadyExists, d.vote(north, id, true)) // it has voted
	d.want(ledger.CodeAlreadyExists, d.vote(north, id, false))
	d.want("", d.vote(south, id, true))
	d.want("", d.vote(maker, id, false))
	d.want(ledger.CodeDenied, d.adopt(id, north, south))
	d.want(ledger.CodeInvalid, d.adopt(id, north, south, south))
	d.want(ledger.CodeDenied, d.adopt(id, north, south, maker))
	d.want(ledger.CodeNotFound, d.adopt(id, north, south, authority))
	d.want(ledger.CodeDenied, d.adopt(id, north, south, "stranger"))
	d.want(ledger.CodeInvalid, d.by(north, ledger.RoleRegistrar, ledger.IdentityEnact, ledger.Enact{Proposal: id, Voters: []string{north, south, authority}}))

	// Who was removed has voted, and does not count.
	d.want("", d.vote("hospital-east", id, true))
	removal, voters, err := d.Approve(ledger.Propose{Kind: ledger.ProposeRemoveOrganisation, Reason: "a sample", Subject: ledger.ProposalSubject{Organisation: "hospital-east"}})
	if err != nil {
		t.Fatal(err)
	}
	d.want("", d.by(north, ledger.RoleRegistrar, ledger.IdentityEnact, ledger.Enact{Proposal: removal, Voters: voters}))
	d.want(ledger.CodeDenied, d.adopt(id, north, south, "hospital-east"))
	d.want(ledger.CodeDenied, d.by("hospital-east", ledger.RoleSharer, ledger.TaxonomyPropose, d.add("b", "")))
	d.want(ledger.CodeDenied, d.by("hospital-east", ledger.RoleRegistrar, ledger.TaxonomyCreate, ledger.CreateVocabulary{ID: "x", Title: "X", Kind: ledger.VocabularyNodes}))
	d.want("", d.vote(authority, id, true))
	d.want("", d.adopt(id, north, south, authority))
	d.want(ledger.CodeAlreadyExists, d.adopt(id, north, south, authority))
	d.want(ledger.CodeAlreadyExists, d.vote(authority, id, true))

	late := d.proposed(d.add("c", ""))
	for _, org := range []string{north, south, maker} {
		d.want("", d.vote(org, late, true))
	}
	d.Advance(49 * time.Hour)
	d.want(ledger.CodeGone, d.vote(authority, late, true))
	d.want(ledger.CodeGone, d.adopt(late, north, south, maker))
	d.want(ledger.CodeGone, d.by(south, ledger.RoleSharer, ledger.TaxonomyWithdraw, ledger.WithdrawChange{Proposal: late}))
}

// TestProposalsEnd: by who made them, or when no majority is left; neither is voted
// on or adopted any more.
func TestProposalsEnd(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	withdraw := func(org, id string) statetest.Proposal {
		return d.by(org, ledger.RoleSharer, ledger.TaxonomyWithdraw, ledger.WithdrawChange{Proposal: id})
	}
	reject := func(id string, voters ...string) statetest.Proposal {
		return d.by(north, ledger.RoleRegistrar, ledger.TaxonomyReject, ledger.RejectChange{Proposal: id, Voters: voters})
	}
	mine, lost := d.proposed(d.add("a", "")), d.proposed(d.add("b", ""))
	d.want(ledger.CodeDenied, withdraw(north, mine))
	d.want("", withdraw(south, mine))
	d.want(ledger.CodeGone, withdraw(south, mine))
	d.want(ledger.CodeGone, d.vote(north, mine, true))

	d.want("", d.vote(north, lost, false))
	d.want("", d.vote(maker, lost, false))
	d.want("", d.vote(south, lost, true))
	d.want(ledger.CodeDenied, reject(lost, north, maker)) // three of five could still carry it
	d.want(ledger.CodeDenied, reject(lost, north, maker, south))
	d.want(ledger.CodeNotFound, reject(lost, north, maker, authority))
	d.want("", d.vote(authority, lost, false))
	d.want("", reject(lost, north, maker, authority))
	d.want(ledger.CodeGone, d.vote("hospital-east", lost, true))
	d.want(ledger.CodeGone, d.adopt(lost, north, maker, authority))

	var view ledger.VocabularyChangeView
	statetest.Want(t, "", d.Evaluate(d.Client(north, ""), ledger.TaxonomyGetChange, ledger.GetVocabularyChange{Proposal: lost}, &view))
	if end := view.Proposal.Closure; end == nil || end.Outcome != ledger.ClosedRejected || !slices.Equal(end.Voters, []string{authority, north, maker}) || view.Change.Term.ID != "b" {
		t.Errorf("the lost proposal is %+v", view)
	}
	var page ledger.VocabularyChangePage
	statetest.Want(t, "", d.Evaluate(d.Client(north, ""), ledger.TaxonomyListChanges, ledger.ListVocabularyChanges{Vocabulary: words}, &page))
	if len(page.Items) != 2 {
		t.Errorf("%d changes are listed", len(page.Items))
	}

	// Of another kind they are none of this contract's.
	id, _, err := d.Approve(ledger.Propose{Kind: ledger.ProposeRemoveOrganisation, Reason: "a sample", Subject: ledger.ProposalSubject{Organisation: maker}})
	if err != nil {
		t.Fatal(err)
	}
	d.want(ledger.CodeInvalid, d.by(statetest.Organisations()[0], ledger.RoleSharer, ledger.TaxonomyWithdraw, ledger.WithdrawChange{Proposal: id}))
	d.want(ledger.CodeInvalid, d.adopt(id, north, south, maker))
	d.want(ledger.CodeInvalid, d.by(north, ledger.RoleRegistrar, ledger.IdentityPropose, ledger.Propose{
		Kind: ledger.ProposeChangeVocabulary, Reason: "a sample", Subject: ledger.ProposalSubject{Vocabulary: words},
	}))
}

// TestWhatWasDecidedIsJudgedAgain: what changed between the proposal and its
// adoption counts, and changes of other nodes do not.
func TestWhatWasDecidedIsJudgedAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, id := range []string{"a", "b", "c"} {
		d.want("", d.carried(d.add(id, "")))
	}
	under, renamed, moved := d.carried(d.add("under", "b")), d.carried(d.change("a", "", 1)), d.carried(d.change("b", "a", 2))
	away, back := d.carried(d.deprecate("a", "c", 1)), d.carried(d.deprecate("c", "a", 3))
	d.want("", d.by(north, ledger.RoleSharer, ledger.ThreatShare, report("brief")))
	rests := d.add("rests", "")
	rests.Evidence[0].Digest = report("brief").Digest
	resting := d.carried(rests)
	d.want("", d.by(north, ledger.RoleSharer, ledger.ThreatWithdraw, ledger.WithdrawThreat{Digest: report("brief").Digest, Reason: ledger.WithdrawnFalsePositive}))
	d.want(ledger.CodeGone, resting) // the report was withdrawn
	d.want("", away)
	d.want(ledger.CodeGone, back)    // its successor is deprecated
	d.want(ledger.CodeGone, renamed) // the node is deprecated
	d.want(ledger.CodeGone, moved)   // so is the parent
	d.want("", under)                // nothing about it has changed
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	first := func(d *desk) statetest.Proposal { return d.carried(d.add("x", "")) }
	for _, c := range []struct {
		name string
		race func(d *desk) [2]statetest.Proposal
		want []bool
	}{
		{"two adoptions: the second loses", func(d *desk) [2]statetest.Proposal { return [2]statetest.Proposal{first(d), d.carried(d.add("y", ""))} }, []bool{true, false}},
		{"an adoption, then a proposal: the proposal loses", func(d *desk) [2]statetest.Proposal {
			return [2]statetest.Proposal{first(d), d.propose(d.add("y", ""))}
		}, []bool{true, false}},
		{"two proposals: neither loses", func(d *desk) [2]statetest.Proposal {
			return [2]statetest.Proposal{d.propose(d.add("x", "")), d.propose(d.add("y", ""))}
		}, []bool{true, true}},
		{"a withdrawal, then an adoption: the adoption loses", func(d *desk) [2]statetest.Proposal {
			p := first(d)
			req, _ := p.Request.(ledger.AdoptChange)
			return [2]statetest.Proposal{d.by(statetest.Organisations()[0], ledger.RoleSharer, ledger.TaxonomyWithdraw, ledger.WithdrawChange{Proposal: req.Proposal}), p}
		}, []bool{true, false}},
		{"a withdrawal, then a vote: the vote loses", func(d *desk) [2]statetest.Proposal {
			id := d.proposed(d.add("x", ""))
			return [2]statetest.Proposal{d.by(south, ledger.RoleSharer, ledger.TaxonomyWithdraw, ledger.WithdrawChange{Proposal: id}), d.vote(north, id, true)}
		}, []bool{true, false}},
		{"a report is withdrawn, then a node adopted that rests on it: the adoption loses", func(d *desk) [2]statetest.Proposal {
			return [2]statetest.Proposal{d.by(north, ledger.RoleSharer, ledger.ThreatWithdraw, ledger.WithdrawThreat{Digest: report("seen").Digest, Reason: ledger.WithdrawnError}), first(d)}
		}, []bool{true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			p := c.race(d)
			if diff := cmp.Diff(c.want, d.Race(t, p[0], p[1])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

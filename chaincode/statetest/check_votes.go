package statetest

import (
	"slices"
	"strconv"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// votes is what the members decided, as the checker sees it.
type votes struct {
	rosters    *row[ledger.Roster]
	proposals  []*row[ledger.Proposal]
	votes      []*row[ledger.Vote]
	enactments []*row[ledger.Enactment]
	closures   []*row[ledger.Closure]
}

func newVotes(c *checker) *votes {
	v := &votes{
		proposals:  once(c, rowsOf[ledger.Proposal](c, ledger.TypeProposal)),
		votes:      once(c, rowsOf[ledger.Vote](c, ledger.TypeVote)),
		enactments: once(c, rowsOf[ledger.Enactment](c, ledger.TypeEnactment)),
		closures:   once(c, rowsOf[ledger.Closure](c, ledger.TypeClosure)),
	}
	for _, r := range rowsOf[ledger.Roster](c, ledger.TypeRoster) {
		v.rosters = r
	}
	return v
}

// at returns the roster as it stood before a version; nil when there was none.
func (v *votes) at(before Version) *ledger.Roster {
	var found *ledger.Roster
	if v.rosters == nil {
		return nil
	}
	for i, e := range v.rosters.entries {
		if after(before, e.version) {
			found = &v.rosters.versions[i]
		}
	}
	return found
}

// enacted returns the proposal that the transaction of an entry enacted, nil when
// it enacted none.
func (v *votes) enacted(e entry) *ledger.Proposal {
	for _, m := range v.enactments {
		if m.entries[0].tx == e.tx {
			return find(v.proposals, ledger.ProposalKey(m.last().Proposal))
		}
	}
	return nil
}

// decisions: proposals and votes are their organisation's; what was enacted had a
// majority of the roster as it was then; the roster and the trust registry are
// what registrations and enactments made of them.
func (c *checker) decisions() {
	v := newVotes(c)
	for _, r := range v.proposals {
		p := r.last()
		roster := v.at(r.entries[0].version)
		c.want(p.ID == r.entries[0].tx && p.By == c.by(r.entries[0]).Org, "proposal %s: is not its proposer's transaction", p.ID)
		c.want(roster != nil && roster.Has(p.By), "proposal %s: is by no member", p.ID)
		life := p.Expires.Sub(p.Proposed)
		c.want(life == ledger.ProposalLife || p.Kind == ledger.ProposeChangeVocabulary && life >= ledger.MinTaxonomyLife && life < ledger.ProposalLife,
			"proposal %s: does not last as long as proposals do", p.ID)
	}
	for _, r := range v.votes {
		vote := r.last()
		p := find(v.proposals, ledger.ProposalKey(vote.Proposal))
		roster := v.at(r.entries[0].version)
		c.want(vote.Organisation == c.by(r.entries[0]).Org, "vote %v: another organisation cast it", r.key)
		c.want(roster != nil && roster.Has(vote.Organisation), "vote %v: is by no member", r.key)
		c.want(p != nil && vote.Time.Before(p.Expires), "vote %v: is on no open proposal", r.key)
		end := standing(v.closures, ledger.ClosureKey(vote.Proposal), r.entries[0].version)
		c.want(end == nil, "vote %v: is on a proposal that was closed", r.key)
	}
	for _, r := range v.enactments {
		c.enactment(v, r)
	}
	for _, r := range v.closures {
		c.closure(v, r)
	}
	c.roster(v)
	c.trust(v)
}

func (c *checker) enactment(v *votes, r *row[ledger.Enactment]) {
	m := r.last()
	p := find(v.proposals, ledger.ProposalKey(m.Proposal))
	roster := v.at(r.entries[0].version)
	if p == nil || roster == nil {
		c.fail("enactment %s: of no proposal", m.Proposal)
		return
	}
	c.want(m.Kind == p.Kind && m.Time.Before(p.Expires), "enactment %s: of another kind, or too late", m.Proposal)
	c.want(m.Tx == r.entries[0].tx && m.By == c.by(r.entries[0]).Org, "enactment %s: is not its transaction's", m.Proposal)
	voters := slices.Compact(slices.Sorted(slices.Values(m.Voters)))
	c.want(slices.Equal(voters, m.Voters) && 2*len(voters) > len(roster.Organisations) && len(voters) >= ledger.MinVoters,
		"enactment %s: %d voters are no majority", m.Proposal, len(voters))
	for _, org := range voters {
		c.want(v.said(m.Proposal, org, true, r.entries[0].version) && roster.Has(org), "enactment %s: %s did not approve it as a member", m.Proposal, org)
	}
	c.want(find(v.closures, ledger.ClosureKey(m.Proposal)) == nil, "enactment %s: the proposal was closed", m.Proposal)
}

// said reports whether an organisation had answered a proposal like that before a
// version.
func (v *votes) said(proposal, org string, approve bool, before Version) bool {
	vote := standing(v.votes, ledger.VoteKey(proposal, org), before)
	return vote != nil && vote.Approve == approve
}

// closure: of a proposal to change a vocabulary, by who made it, or because so many
// members voted against it that the others are no majority.
func (c *checker) closure(v *votes, r *row[ledger.Closure]) {
	end := r.last()
	p := find(v.proposals, ledger.ProposalKey(end.Proposal))
	roster := v.at(r.entries[0].version)
	if p == nil || roster == nil {
		c.fail("closure %s: of no proposal", end.Proposal)
		return
	}
	c.want(p.Kind == ledger.ProposeChangeVocabulary && end.Time.Before(p.Expires) && end.By == c.by(r.entries[0]).Org,
		"closure %s: of another kind, too late, or by another", end.Proposal)
	if end.Outcome == ledger.ClosedWithdrawn {
		c.want(end.By == p.By && len(end.Voters) == 0, "closure %s: withdrawn by another", end.Proposal)
		return
	}
	c.want(len(roster.Organisations)-len(end.Voters) < roster.Needed(), "closure %s: it could still be carried", end.Proposal)
	for _, org := range end.Voters {
		c.want(v.said(end.Proposal, org, false, r.entries[0].version) && roster.Has(org), "closure %s: %s did not vote against it as a member", end.Proposal, org)
	}
}

// roster: one row; an organisation comes onto it by its own registration, and
// leaves and returns by enactments.
func (c *checker) roster(v *votes) {
	orgs := rowsOf[ledger.Organisation](c, ledger.TypeOrganisation)
	if v.rosters == nil {
		c.want(len(orgs) == 0, "the roster is missing")
		return
	}
	before := ledger.Roster{}
	for i, r := range v.rosters.versions {
		e := v.rosters.entries[i]
		c.want(r.Revision == i+1, "the roster: version %d has revision %d", i, r.Revision)
		c.want(slices.IsSorted(r.Organisations) && slices.IsSorted(r.Removed), "the roster: revision %d is not sorted", r.Revision)
		c.want(before.Network == "" || r.Network == before.Network, "the roster: revision %d has another network's name", r.Revision)
		c.network(before, r, c.by(e).Org)
		gone, came := missing(before.Organisations, r.Organisations), missing(r.Organisations, before.Organisations)
		p := v.enacted(e)
		switch {
		case p == nil:
			c.want(len(gone) == 0 && (len(came) == 0 || slices.Equal(came, []string{c.by(e).Org})) && slices.Equal(r.Removed, before.Removed),
				"the roster: revision %d is not its writer's registration", r.Revision)
		case p.Base != strconv.Itoa(before.Revision):
			c.fail("the roster: revision %d was decided on another than the one before", r.Revision)
		case p.Kind == ledger.ProposeRemoveOrganisation:
			c.want(slices.Equal(gone, []string{p.Subject.Organisation}) && len(came) == 0 && slices.Equal(missing(r.Removed, before.Removed), gone),
				"the roster: revision %d is not what was enacted", r.Revision)
		default:
			c.want(p.Kind == ledger.ProposeReadmitOrganisation && slices.Equal(came, []string{p.Subject.Organisation}) && len(gone) == 0 &&
				slices.Equal(missing(before.Removed, r.Removed), came), "the roster: revision %d is not what was enacted", r.Revision)
		}
		before = r
	}
	for _, o := range orgs {
		id := o.last().ID
		c.want(before.Has(id) != slices.Contains(before.Removed, id), "the roster: %s is registered and neither on it nor removed, or both", id)
	}
	c.want(len(orgs) == len(before.Organisations)+len(before.Removed), "the roster: holds %d organisations of %d that are registered",
		len(before.Organisations)+len(before.Removed), len(orgs))
}

// network: what members state changes by their own registration only, or goes with
// them, and a name holds once enough state it.
func (c *checker) network(before, r ledger.Roster, by string) {
	claims := map[string]string{}
	for _, s := range before.Stated {
		claims[s.Organisation] = s.Network
	}
	if r.Network != "" {
		agreed := 1 // whose registration settles it states it too
		for org, name := range claims {
			if name == r.Network && org != by {
				agreed++
			}
		}
		c.want(len(r.Stated) == 0 && (before.Network != "" || agreed >= ledger.MinVoters), "the roster: revision %d has a name that too few stated", r.Revision)
		return
	}
	for i, s := range r.Stated {
		c.want(r.Has(s.Organisation) && (i == 0 || r.Stated[i-1].Organisation < s.Organisation) &&
			(s.Organisation == by || claims[s.Organisation] == s.Network), "the roster: revision %d says what a member did not state", r.Revision)
	}
}

// missing returns what is in a and not in b, in the order of a.
func missing(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// trust: each version of a row was enacted in its transaction, by a proposal of
// its issuer and credential type.
func (c *checker) trust(v *votes) {
	for _, r := range rowsOf[ledger.TrustRow](c, ledger.TypeTrust) {
		for i, t := range r.versions {
			p := v.enacted(r.entries[i])
			kind := ledger.ProposeAcceptIssuer
			if t.State == ledger.TrustStruck {
				kind = ledger.ProposeStrikeIssuer
			}
			c.want(t.Revision == i+1, "trust %v: version %d has revision %d", r.key, i, t.Revision)
			c.want(p != nil && p.ID == t.Proposal && p.Kind == kind && p.Subject.Issuer == t.Issuer && p.Subject.CredentialType == t.CredentialType,
				"trust %v: revision %d is not what was enacted", r.key, t.Revision)
			c.want(p == nil || p.Base == strconv.Itoa(i), "trust %v: revision %d was decided on another than the one before", r.key, t.Revision)
			c.want(i == 0 || t.State == ledger.TrustAccepted || r.versions[i-1].State == ledger.TrustAccepted, "trust %v: struck twice", r.key)
		}
	}
}

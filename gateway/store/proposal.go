package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Proposal returns a proposal with its votes and what became of it.
func (s *Store) Proposal(ctx context.Context, id string) (fact.Proposal, error) {
	var p fact.Proposal
	err := s.readProposals(ctx, func(tx *sql.Tx) error {
		row, found, err := find[ledger.Proposal](ctx, tx, "the proposal", "proposal WHERE id = ?", id)
		switch {
		case err != nil:
			return err
		case !found:
			return notFound("the proposal")
		}
		roster, err := rosterIn(ctx, tx)
		if err != nil {
			return err
		}
		p, err = followProposal(ctx, tx, row, roster)
		return err
	})
	return p, err
}

// Proposals lists the proposals that the filter leaves, newest on the ledger first.
func (s *Store) Proposals(ctx context.Context, f fact.ProposalFilter, req ledger.PageRequest) (fact.ProposalPage, error) {
	l := listing{table: "proposal", order: []string{"block", "idx", "id"}, newest: true}
	l.narrow("kind", f.Kind)
	if f.Vocabulary != "" {
		l.where = append(l.where, "EXISTS (SELECT 1 FROM vocabulary_change c WHERE c.vocabulary = ? AND c.proposal = proposal.id)")
		l.args = append(l.args, f.Vocabulary)
	}
	at := millis(f.At)
	switch f.State {
	case fact.ProposalWithdrawn:
		l.where = append(l.where, closedAs("withdrawn"))
	case fact.ProposalRejected:
		l.where = append(l.where, closedAs("rejected"))
	case fact.ProposalEnacted:
		l.where = append(l.where, enacted)
	case fact.ProposalExpired:
		l.where = append(l.where, "NOT "+enacted, "NOT "+closed, "expires <= ?")
		l.moving = []any{at}
	case fact.ProposalCarried:
		l.where = append(l.where, "NOT "+enacted, "NOT "+closed, approvals+" >= "+needed, "expires > ?")
		l.moving = []any{at}
	case fact.ProposalOpen:
		l.where = append(l.where, "NOT "+enacted, "NOT "+closed, approvals+" < "+needed, "expires > ?")
		l.moving = []any{at}
	}
	p := fact.ProposalPage{Items: []fact.Proposal{}}
	err := s.readProposals(ctx, func(tx *sql.Tx) error {
		var rows []fact.Row[ledger.Proposal]
		next, err := eachRow(ctx, s, tx, l, req, func(row fact.Row[ledger.Proposal]) { rows = append(rows, row) })
		if err != nil {
			return err
		}
		roster, err := rosterIn(ctx, tx)
		if err != nil {
			return err
		}
		p.Next = next
		for _, row := range rows {
			one, err := followProposal(ctx, tx, row, roster)
			if err != nil {
				return err
			}
			p.Items = append(p.Items, one)
		}
		return nil
	})
	return p, err
}

// fact.Proposal.State as conditions on a row of the table proposal: see there.
const (
	enacted   = `EXISTS (SELECT 1 FROM enactment e WHERE e.proposal = proposal.id)`
	closed    = `EXISTS (SELECT 1 FROM closure c WHERE c.proposal = proposal.id)`
	members   = `(SELECT m.value FROM roster r, json_each(CAST(r.doc AS TEXT), '$.organisations') m)`
	approvals = `(SELECT count(*) FROM vote v WHERE v.proposal = proposal.id AND v.approve = 1 AND v.voter IN ` + members + `)`
)

func closedAs(outcome string) string {
	return "EXISTS (SELECT 1 FROM closure c WHERE c.proposal = proposal.id AND c.outcome = '" + outcome + "')"
}

// needed is ledger.Roster.Needed.
var needed = fmt.Sprintf("max(%d, (SELECT count(*) FROM %s m) / 2 + 1)", ledger.MinVoters, members)

// readProposals reads with one view of the projection, so that a proposal, its
// votes and the roster fit each other.
func (s *Store) readProposals(ctx context.Context, read func(*sql.Tx) error) error {
	tx, err := s.reading.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("reading proposals: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // only reads
	return read(tx)
}

// rosterIn returns the roster, empty as long as nobody has registered.
func rosterIn(ctx context.Context, q querier) (ledger.Roster, error) {
	row, _, err := find[ledger.Roster](ctx, q, "the roster", "roster WHERE members = ?", ledger.RosterMembers)
	return row.Record, err
}

// followProposal reads what became of a proposal.
func followProposal(ctx context.Context, q querier, row fact.Row[ledger.Proposal], roster ledger.Roster) (fact.Proposal, error) {
	p := fact.Proposal{Row: row, Votes: []fact.Row[ledger.Vote]{}, Roster: roster}
	id := row.Record.ID
	err := each(ctx, q, "SELECT "+placeColumns+" FROM vote WHERE proposal = ? ORDER BY voter", id, func(scan func(...any) error) error {
		vote, err := scanRow[ledger.Vote](scanFunc(scan))
		p.Votes = append(p.Votes, vote)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("reading votes: %w", err)
	}
	mark, done, err := find[ledger.Enactment](ctx, q, "the enactment", "enactment WHERE proposal = ?", id)
	if err != nil {
		return p, err
	}
	if done {
		p.Enactment = &mark
		return p, nil
	}
	if p.Closure, err = closureIn(ctx, q, id); err != nil || p.Closure != nil {
		return p, err
	}
	p.Overtaken, err = overtaken(ctx, q, &row.Record)
	return p, err
}

// scanFunc is a row by its Scan.
type scanFunc func(...any) error

func (f scanFunc) Scan(dest ...any) error { return f(dest...) }

// bases finds what the members decide on as it is now, in the terms of
// ledger.Proposal.Base, for each kind of proposal that states it.
var bases = map[string]struct {
	query string
	args  func(*ledger.Proposal) []any
}{
	ledger.ProposeAcceptIssuer:        {trustBase, ofIssuer},
	ledger.ProposeStrikeIssuer:        {trustBase, ofIssuer},
	ledger.ProposeRemoveOrganisation:  {rosterBase, func(*ledger.Proposal) []any { return nil }},
	ledger.ProposeReadmitOrganisation: {rosterBase, func(*ledger.Proposal) []any { return nil }},
	ledger.ProposeRecoverDID: {
		"SELECT coalesce((SELECT CAST(revision AS TEXT) FROM did WHERE id = ?), '')",
		func(p *ledger.Proposal) []any { return []any{p.Subject.DID} },
	},
	ledger.ProposeAssignModel: {
		"SELECT coalesce((SELECT manufacturer FROM model WHERE di = ?), '')",
		func(p *ledger.Proposal) []any { return []any{p.Subject.DI} },
	},
	ledger.ProposeAcceptCatalogue: {
		"SELECT coalesce((SELECT CAST(revision AS TEXT) FROM catalogue_in_use WHERE name = ?), '0')",
		func(p *ledger.Proposal) []any {
			name, _, _ := ledger.SplitCatalogue(p.Subject.Catalogue)
			return []any{name}
		},
	},
	ledger.ProposeChangeVocabulary: {vocabularyBase, func(p *ledger.Proposal) []any { return []any{p.Subject.Vocabulary, p.ID} }},
}

const (
	trustBase = "SELECT coalesce((SELECT CAST(revision AS TEXT) FROM trust_row WHERE issuer = ? AND type = ?), '0')"
	// The version since which the node stands; of an import, the vocabulary's.
	vocabularyBase = `SELECT coalesce((SELECT CASE c.change
			WHEN 'import' THEN (SELECT CAST(v.version AS TEXT) FROM vocabulary v WHERE v.id = c.vocabulary)
			ELSE (SELECT CAST(CAST(max(n.since) AS BIGINT) AS TEXT) FROM vocabulary_node n WHERE n.vocabulary = c.vocabulary AND n.node = c.node) END
		FROM vocabulary_change c WHERE c.vocabulary = ? AND c.proposal = ?), '0')`
	rosterBase = "SELECT coalesce((SELECT CAST(json_extract(CAST(doc AS TEXT), '$.revision') AS TEXT) FROM roster), '')"
)

func ofIssuer(p *ledger.Proposal) []any {
	return []any{p.Subject.Issuer, p.Subject.CredentialType}
}

// overtaken reports whether what a proposal is about has changed since it was made.
func overtaken(ctx context.Context, q querier, p *ledger.Proposal) (bool, error) {
	base, ok := bases[p.Kind]
	if !ok {
		return false, nil
	}
	var now string
	if err := q.QueryRowContext(ctx, base.query, base.args(p)...).Scan(&now); err != nil {
		return false, fmt.Errorf("reading what a proposal is about: %w", err)
	}
	return now != p.Base, nil
}

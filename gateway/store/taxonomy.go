package store

import (
	"context"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Vocabularies lists the vocabularies, by id.
func (s *Store) Vocabularies(ctx context.Context, req ledger.PageRequest) (fact.Page[ledger.Vocabulary], error) {
	return page[ledger.Vocabulary](ctx, s, listing{table: "vocabulary", order: []string{"id"}}, req)
}

// Vocabulary returns a vocabulary as it is now.
func (s *Store) Vocabulary(ctx context.Context, id string) (fact.Row[ledger.Vocabulary], error) {
	return one[ledger.Vocabulary](ctx, s, "the vocabulary", "vocabulary WHERE id = ?", id)
}

// VocabularyVersion returns one version of a vocabulary.
func (s *Store) VocabularyVersion(ctx context.Context, id string, number int) (fact.Row[ledger.VocabularyVersion], error) {
	return one[ledger.VocabularyVersion](ctx, s, "the version", "vocabulary_version WHERE vocabulary = ? AND number = ?", id, ledger.RevisionPart(number))
}

// VocabularyVersions lists the versions of a vocabulary, the newest first.
func (s *Store) VocabularyVersions(ctx context.Context, id string, req ledger.PageRequest) (fact.Page[ledger.VocabularyVersion], error) {
	return page[ledger.VocabularyVersion](ctx, s, listing{
		table: "vocabulary_version", order: []string{"number"}, newest: true, where: []string{"vocabulary = ?"}, args: []any{id},
	}, req)
}

// VocabularyNodes lists the nodes of one version of a vocabulary as they were in it,
// by id.
func (s *Store) VocabularyNodes(ctx context.Context, id string, number int, req ledger.PageRequest) (fact.Page[ledger.Node], error) {
	return page[ledger.Node](ctx, s, listing{
		table: `(SELECT n.* FROM vocabulary_manifest m, json_each(CAST(m.doc AS TEXT), '$.nodes') e, vocabulary_node n
			WHERE m.vocabulary = ? AND m.number = ? AND n.vocabulary = m.vocabulary
			AND n.node = json_extract(e.value, '$.id') AND n.since = printf('%06d', json_extract(e.value, '$.since'))) held`,
		args: []any{id, ledger.RevisionPart(number)}, order: []string{"node"},
	}, req)
}

// VocabularyChange returns a proposed change with its votes and what became of it.
func (s *Store) VocabularyChange(ctx context.Context, proposal string) (fact.VocabularyChange, error) {
	p, err := s.Proposal(ctx, proposal)
	if err != nil {
		return fact.VocabularyChange{}, err
	}
	return s.changeOf(ctx, p)
}

// VocabularyChanges lists the proposed changes that the filter leaves, newest on the
// ledger first.
func (s *Store) VocabularyChanges(ctx context.Context, f fact.ProposalFilter, req ledger.PageRequest) (fact.VocabularyChangePage, error) {
	f.Kind = ledger.ProposeChangeVocabulary
	got, err := s.Proposals(ctx, f, req)
	out := fact.VocabularyChangePage{Items: []fact.VocabularyChange{}, Next: got.Next}
	if err != nil {
		return out, err
	}
	for _, p := range got.Items {
		c, err := s.changeOf(ctx, p)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, c)
	}
	return out, nil
}

// changeOf reads what a proposal would change: it was written with it, for good.
func (s *Store) changeOf(ctx context.Context, p fact.Proposal) (fact.VocabularyChange, error) {
	change, err := one[ledger.VocabularyChange](ctx, s, "the proposed change", "vocabulary_change WHERE vocabulary = ? AND proposal = ?", p.Record.Subject.Vocabulary, p.Record.ID)
	return fact.VocabularyChange{Proposal: p, Change: change.Record}, err
}

// closureIn returns how a proposal ended without taking effect; nil while it has not.
func closureIn(ctx context.Context, q querier, proposal string) (*fact.Row[ledger.Closure], error) {
	row, found, err := find[ledger.Closure](ctx, q, "the closure", "closure WHERE proposal = ?", proposal)
	if err != nil || !found {
		return nil, err
	}
	return &row, nil
}

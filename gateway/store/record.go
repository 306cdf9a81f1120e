package store

import (
	"context"
	"math"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Organisation returns a member's row.
func (s *Store) Organisation(ctx context.Context, id string) (fact.Row[ledger.Organisation], error) {
	return one[ledger.Organisation](ctx, s, "the organisation", "organisation WHERE id = ?", id)
}

// Organisations lists the members, by id.
func (s *Store) Organisations(ctx context.Context, req ledger.PageRequest) (fact.Page[ledger.Organisation], error) {
	return page[ledger.Organisation](ctx, s, listing{table: "organisation", order: []string{"id"}}, req)
}

// Model returns a model by its UDI-DI.
func (s *Store) Model(ctx context.Context, di string) (fact.Row[ledger.Model], error) {
	return one[ledger.Model](ctx, s, "the model", "model WHERE di = ?", di)
}

// Models lists the models, by UDI-DI.
func (s *Store) Models(ctx context.Context, req ledger.PageRequest) (fact.Page[ledger.Model], error) {
	return page[ledger.Model](ctx, s, listing{table: "model", order: []string{"di"}}, req)
}

// Release returns a release of a model.
func (s *Store) Release(ctx context.Context, di, version string) (fact.Row[ledger.Release], error) {
	return one[ledger.Release](ctx, s, "the release", "release WHERE di = ? AND version = ?", di, version)
}

// Releases lists a model's releases, by the text of their version.
func (s *Store) Releases(ctx context.Context, di string, req ledger.PageRequest) (fact.Page[ledger.Release], error) {
	l := listing{table: "release", order: []string{"version"}, where: []string{"di = ?"}, args: []any{di}}
	return page[ledger.Release](ctx, s, l, req)
}

// UnitHistory lists a unit's changes of state, newest first. The last is its
// registration, which units that were registered together share.
func (s *Store) UnitHistory(ctx context.Context, id string, req ledger.PageRequest) (fact.Page[ledger.UnitChange], error) {
	l := listing{
		table: "unit_history", order: []string{"block", "idx", "change"}, newest: true,
		where: []string{"unit = ?"}, args: []any{id},
	}
	p, err := page[ledger.UnitChange](ctx, s, l, req)
	for i := range p.Items {
		if c := &p.Items[i].Record; c.ID == "" { // a chunk's row, which reads as a change of no unit yet
			c.V, c.ID, c.Revision = 2, id, 1
		}
	}
	return p, err
}

// Stream returns a stream by its id.
func (s *Store) Stream(ctx context.Context, id string) (fact.Row[ledger.Stream], error) {
	return one[ledger.Stream](ctx, s, "the stream", "stream WHERE id = ?", id)
}

// StreamOf returns an organisation's live stream.
func (s *Store) StreamOf(ctx context.Context, org string) (fact.Row[ledger.Stream], error) {
	return one[ledger.Stream](ctx, s, "the organisation's stream",
		"stream WHERE id = (SELECT stream FROM stream_owner WHERE owner = ?)", org)
}

// Equivocation returns the mark of a stream whose log was shown to have signed
// two histories, and false for a stream without one.
func (s *Store) Equivocation(ctx context.Context, stream string) (fact.Row[ledger.Equivocation], bool, error) {
	return find[ledger.Equivocation](ctx, s.reading, "the mark", "equivocation WHERE stream = ?", stream)
}

// LastAnchor returns a stream's newest anchor, and false when it has none.
func (s *Store) LastAnchor(ctx context.Context, stream string) (fact.Row[ledger.Anchor], bool, error) {
	return find[ledger.Anchor](ctx, s.reading, "the last anchor", "anchor WHERE stream = ? ORDER BY sequence DESC LIMIT 1", stream)
}

// AnchorCovering returns the first anchor of a stream whose checkpoint holds the
// log's entry of this index, and false while there is none.
func (s *Store) AnchorCovering(ctx context.Context, stream string, index uint64) (fact.Row[ledger.Anchor], bool, error) {
	if index > math.MaxInt64 {
		return fact.Row[ledger.Anchor]{}, false, nil
	}
	return find[ledger.Anchor](ctx, s.reading, "the anchor",
		"anchor WHERE stream = ? AND size > ? ORDER BY size, sequence LIMIT 1", stream, int64(index))
}

// Anchor returns one anchor of a stream.
func (s *Store) Anchor(ctx context.Context, stream string, sequence uint64) (fact.Row[ledger.Anchor], error) {
	return one[ledger.Anchor](ctx, s, "the anchor", "anchor WHERE stream = ? AND sequence = ?", stream, ledger.SequencePart(sequence))
}

// Anchors lists a stream's anchors, newest first.
func (s *Store) Anchors(ctx context.Context, stream string, req ledger.PageRequest) (fact.Page[ledger.Anchor], error) {
	l := listing{table: "anchor", order: []string{"sequence"}, newest: true, where: []string{"stream = ?"}, args: []any{stream}}
	return page[ledger.Anchor](ctx, s, l, req)
}

// Score returns one score.
func (s *Store) Score(ctx context.Context, subject, model, inputDigest string) (fact.Row[ledger.Score], error) {
	return one[ledger.Score](ctx, s, "the score", "score WHERE subject = ? AND model = ? AND inputs = ?", subject, model, inputDigest)
}

// Recomputations lists what other members got when they recomputed a score, by
// member.
func (s *Store) Recomputations(ctx context.Context, subject, model, inputDigest string, req ledger.PageRequest) (fact.Page[ledger.Recomputation], error) {
	l := listing{
		table: "recomputation", order: []string{"witness"},
		where: []string{"subject = ?", "model = ?", "inputs = ?"}, args: []any{subject, model, inputDigest},
	}
	return page[ledger.Recomputation](ctx, s, l, req)
}

// Scores lists a subject's scores, newest on the ledger first.
func (s *Store) Scores(ctx context.Context, subject string, req ledger.PageRequest) (fact.Page[ledger.Score], error) {
	l := listing{
		table: "score", order: []string{"block", "idx", "model", "inputs"}, newest: true,
		where: []string{"subject = ?"}, args: []any{subject},
	}
	return page[ledger.Score](ctx, s, l, req)
}

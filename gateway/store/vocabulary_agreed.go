package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// AdoptedVersion returns the version of a vocabulary that has a digest. Problems: not_found.
func (s *Store) AdoptedVersion(ctx context.Context, id, digest string) (fact.Row[ledger.VocabularyVersion], error) {
	return one[ledger.VocabularyVersion](ctx, s, "the version", "vocabulary_version WHERE vocabulary = ? AND json_extract(CAST(doc AS TEXT), '$.digest') = ?", id, digest)
}

// EvidenceIn names, of reports that are given by their digests, those that every member can
// read and that were not withdrawn, each with the first who shared it.
func (s *Store) EvidenceIn(ctx context.Context, digests []string) (map[string]ledger.NodeEvidence, error) {
	list, err := json.Marshal(digests)
	if err != nil {
		return nil, fmt.Errorf("encoding digests: %w", err)
	}
	rows, err := s.reading.QueryContext(ctx, `SELECT t.digest, t.sharer, t.marking FROM threat t
		LEFT JOIN withdrawal w ON w.digest = t.digest AND w.sharer = t.sharer
		WHERE t.digest IN (SELECT value FROM json_each(?)) AND w.digest IS NULL ORDER BY t.digest, t.block, t.idx, t.sharer`, string(list))
	if err != nil {
		return nil, fmt.Errorf("reading who shared reports: %w", err)
	}
	defer rows.Close()
	found := map[string]ledger.NodeEvidence{}
	for rows.Next() {
		var e ledger.NodeEvidence
		var marking string
		if err := rows.Scan(&e.Digest, &e.Sharer, &marking); err != nil {
			return nil, fmt.Errorf("reading who shared a report: %w", err)
		}
		if _, ok := found[e.Digest]; !ok && !ledger.Sealed(marking) {
			found[e.Digest] = e
		}
	}
	return found, wrapf(rows.Err(), "reading who shared reports")
}

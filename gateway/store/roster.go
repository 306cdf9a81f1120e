package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Roster returns who votes and who was removed. It fails with not_found as long
// as no organisation has registered. The one row has no table of its own.
func (s *Store) Roster(ctx context.Context) (fact.Row[ledger.Roster], error) {
	key := ledger.RosterKey()
	parts, err := json.Marshal(key.Parts)
	if err != nil {
		return fact.Row[ledger.Roster]{}, fmt.Errorf("encoding a key: %w", err)
	}
	return one[ledger.Roster](ctx, s, "the roster", "other WHERE type = ? AND parts = ?", string(key.Type), string(parts))
}

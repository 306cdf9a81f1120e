package store

import (
	"context"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// LabelledUnit returns the unit of a model whose serial number this node knows,
// recalled when a recall applies to it; it fails with a not_found problem when the
// node knows none. Two makers' units cannot have one model; of units that were
// registered twice under one serial number the first by id is taken.
func (s *Store) LabelledUnit(ctx context.Context, di, serial string) (fact.Row[ledger.Unit], error) {
	row, err := one[ledger.Unit](ctx, s, "the unit",
		"unit WHERE id = (SELECT s.unit FROM serial s JOIN unit u ON u.id = s.unit WHERE s.serial = ? AND u.di = ? ORDER BY s.unit LIMIT 1)", serial, di)
	if err != nil {
		return row, err
	}
	return row, s.deriveUnits(ctx, &row.Record)
}

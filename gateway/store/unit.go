package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Unit returns a unit by its id, recalled when a recall applies to it.
func (s *Store) Unit(ctx context.Context, id string) (fact.Row[ledger.Unit], error) {
	row, err := one[ledger.Unit](ctx, s, "the unit", "unit WHERE id = ?", id)
	if err != nil {
		return row, err
	}
	return row, s.deriveUnits(ctx, &row.Record)
}

// Units lists the units that the filter leaves, by id; those to which a recall
// applies are recalled, and in no other state.
func (s *Store) Units(ctx context.Context, f fact.UnitFilter, req ledger.PageRequest) (fact.Page[ledger.Unit], error) {
	l := listing{table: "unit", order: []string{"id"}}
	l.narrow("owner", f.Owner)
	l.narrow("manufacturer", f.Manufacturer)
	l.narrow("di", f.DI)
	switch f.State {
	case ledger.StateRecalled:
		l.where = append(l.where, recalled)
	case ledger.StateManufactured, ledger.StateRetired: // never recalled
		l.narrow("state", f.State)
	case "":
	default:
		l.narrow("state", f.State)
		l.where = append(l.where, "NOT "+recalled)
	}
	p, err := page[ledger.Unit](ctx, s, l, req)
	if err != nil {
		return p, err
	}
	units := make([]*ledger.Unit, len(p.Items))
	for i := range p.Items {
		units[i] = &p.Items[i].Record
	}
	return p, s.deriveUnits(ctx, units...)
}

// recalled is ledger.Unit.RecalledBy as a condition on a row of the table unit.
const recalled = `(unit.state NOT IN ('` + ledger.StateManufactured + `', '` + ledger.StateRetired + `') AND (
	EXISTS (SELECT 1 FROM recall r WHERE r.di = unit.di AND r.kind = '` + ledger.RecallLot + `' AND r.value = unit.lot
		AND r.ended = 0 AND r.revision > unit.cleared_lot)
	OR EXISTS (SELECT 1 FROM recall r WHERE r.di = unit.di AND r.kind = '` + ledger.RecallRelease + `' AND r.value = unit.version
		AND r.ended = 0 AND r.revision > unit.cleared_release)))`

// deriveUnits gives units as answers show them: a recall is one row, however many
// units it concerns, so the state of each follows from the rows of its lot and of
// its release.
func (s *Store) deriveUnits(ctx context.Context, units ...*ledger.Unit) error {
	if len(units) == 0 {
		return nil
	}
	found, err := s.recallsOf(ctx, units)
	if err != nil {
		return err
	}
	for _, u := range units {
		lot, release := u.RecallKeys()
		u.Derive(found[recallName(lot)], found[recallName(release)])
	}
	return nil
}

func recallName(k ledger.Key) string { return strings.Join(k.Parts, "\x00") }

// recallsOf reads the recalls that can concern the units, each once.
func (s *Store) recallsOf(ctx context.Context, units []*ledger.Unit) (map[string]*ledger.Recall, error) {
	found := map[string]*ledger.Recall{}
	var args []any
	for _, u := range units {
		lot, release := u.RecallKeys()
		for _, k := range []ledger.Key{lot, release} {
			if _, asked := found[recallName(k)]; asked {
				continue
			}
			found[recallName(k)] = nil
			for _, part := range k.Parts {
				args = append(args, part)
			}
		}
	}
	marks := strings.TrimSuffix(strings.Repeat("(?, ?, ?), ", len(args)/3), ", ")
	rows, err := s.reading.QueryContext(ctx, "WITH k (di, kind, value) AS (VALUES "+marks+
		") SELECT doc FROM k CROSS JOIN recall USING (di, kind, value)", args...)
	if err != nil {
		return nil, fmt.Errorf("reading recalls: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var doc []byte
		if err := rows.Scan(&doc); err != nil {
			return nil, fmt.Errorf("reading a recall: %w", err)
		}
		r := new(ledger.Recall)
		if err := json.Unmarshal(doc, r); err != nil {
			return nil, fmt.Errorf("reading a stored recall: %w", err)
		}
		found[recallName(r.Key())] = r
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading recalls: %w", err)
	}
	return found, nil
}

// Recall returns the recall of a lot or release of a model.
func (s *Store) Recall(ctx context.Context, di, kind, value string) (fact.Row[ledger.Recall], error) {
	return one[ledger.Recall](ctx, s, "the recall", "recall WHERE di = ? AND kind = ? AND value = ?", di, kind, value)
}

// Recalls lists the recalls of a model, or of all with an empty di, by model,
// kind and value; the lifted ones too.
func (s *Store) Recalls(ctx context.Context, di string, req ledger.PageRequest) (fact.Page[ledger.Recall], error) {
	l := listing{table: "recall", order: []string{"di", "kind", "value"}}
	l.narrow("di", di)
	return page[ledger.Recall](ctx, s, l, req)
}

package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// selective are the parameters by which a search is led, the one that leaves least
// first: those that name one device or person before those that many have in common.
var selective = []string{"identifier", "target", "specimen", "encounter", "patient", "subject", "source", "parent", "device", "code"}

// Resources lists what a query asks for.
func (s *Store) Resources(ctx context.Context, q fhir.Query, req ledger.PageRequest) ([]fhir.Version, string, error) {
	return s.resources(ctx, resourceListing(&q), req)
}

// CountResources counts what a query asks for.
func (s *Store) CountResources(ctx context.Context, q fhir.Query) (n int64, err error) {
	l := resourceListing(&q)
	query := "SELECT count(*) FROM " + l.table + " WHERE " + strings.Join(l.where, " AND ")
	if err := s.reading.QueryRowContext(ctx, query, l.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting resources: %w", err)
	}
	return n, nil
}

// matching finds at most two resources that a condition fits, within a transaction.
func (t *txn) matching(ctx context.Context, q *fhir.Query) ([]fhir.Version, error) {
	l := resourceListing(q)
	rows, err := t.w.conn.QueryContext(ctx, "SELECT "+resourceColumns+" FROM "+l.table+" WHERE "+strings.Join(l.where, " AND ")+" LIMIT 2", l.args...) //nolint:gosec // of our own words
	if err != nil {
		return nil, fmt.Errorf("reading what a condition fits: %w", err)
	}
	defer rows.Close()
	var all []fhir.Version
	for rows.Next() {
		v, err := scanResource(rows)
		if err != nil {
			return nil, fmt.Errorf("reading what a condition fits: %w", err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading what a condition fits: %w", err)
	}
	return all, nil
}

// resourceListing is a query's listing. It is led by the rows of one value, which are
// in order already, or by those of the type.
func resourceListing(q *fhir.Query) listing {
	const version = " JOIN fhir_version v ON v.num = r.num AND v.version = r.version"
	l := listing{table: "fhir_resource r" + version, order: []string{"r.num"}, newest: q.Order != fhir.Oldest}
	keys := slices.Clone(q.Keys)
	lead := -1
	for i, k := range keys {
		if len(k.Values) == 1 && (lead < 0 || rank(k.Param) < rank(keys[lead].Param)) {
			lead = i
		}
	}
	switch q.Order {
	case fhir.UpdatedFirst, fhir.UpdatedLast:
		l.order, l.newest = []string{"r.updated", "r.num"}, q.Order == fhir.UpdatedLast
	case fhir.ByDateFirst, fhir.ByDateLast:
		l.table += " LEFT JOIN fhir_time o ON o.num = r.num AND o.param = 'date'"
		l.order, l.newest = []string{"coalesce(o.low, 0)", "r.num"}, q.Order == fhir.ByDateLast
	case fhir.Newest, fhir.Oldest:
		if lead >= 0 {
			l.order = []string{"d.num"}
		}
	}
	if lead >= 0 {
		l.table = "fhir_term d CROSS JOIN " + strings.Replace(l.table, " JOIN fhir_version", " ON r.num = d.num JOIN fhir_version", 1)
		l.and("d.type = ? AND d.param = ? AND d.value = ?", q.Type, keys[lead].Param, keys[lead].Values[0])
		keys = slices.Delete(keys, lead, lead+1)
	} else {
		l.and("r.type = ?", q.Type)
	}
	for _, ids := range q.IDs {
		l.and("r.id IN ("+marks(len(ids))+")", anys(ids)...)
	}
	for _, k := range keys {
		l.and("EXISTS (SELECT 1 FROM fhir_term t WHERE t.type = ? AND t.param = ? AND t.value IN ("+marks(len(k.Values))+") AND t.num = r.num)",
			append([]any{q.Type, k.Param}, anys(k.Values)...)...)
	}
	for _, w := range q.Times {
		l.when(w)
	}
	return l
}

func rank(param string) int {
	if i := slices.Index(selective, param); i >= 0 {
		return i
	}
	return len(selective)
}

func (l *listing) and(condition string, args ...any) {
	l.where = append(l.where, condition)
	l.args = append(l.args, args...)
}

// when adds a condition on a time.
func (l *listing) when(w fhir.When) {
	low, high := "t.low", "t.high"
	if w.Param == "" {
		low, high = "r.updated", "(r.updated + 1)"
	}
	var some []string
	var args []any
	for _, b := range w.Bounds {
		from, to := bounds(b.Range)
		switch b.Compare {
		case "eq":
			some, args = append(some, low+" >= ? AND "+high+" <= ?"), append(args, from, to)
		case "ne":
			some, args = append(some, "NOT ("+low+" >= ? AND "+high+" <= ?)"), append(args, from, to)
		case "gt":
			some, args = append(some, high+" > ?"), append(args, to)
		case "lt":
			some, args = append(some, low+" < ?"), append(args, from)
		case "ge":
			some, args = append(some, "("+low+" >= ? OR "+high+" > ?)"), append(args, from, to)
		case "le":
			some, args = append(some, "("+high+" <= ? OR "+low+" < ?)"), append(args, to, from)
		case "sa":
			some, args = append(some, low+" >= ?"), append(args, to)
		case "eb":
			some, args = append(some, high+" <= ?"), append(args, from)
		}
	}
	condition := "(" + strings.Join(some, " OR ") + ")"
	if w.Param == "" {
		l.and(condition, args...)
		return
	}
	l.and("EXISTS (SELECT 1 FROM fhir_time t WHERE t.num = r.num AND t.param = ? AND "+condition+")", append([]any{w.Param}, args...)...)
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func anys[T any](list []T) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}

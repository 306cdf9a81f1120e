package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
)

// maxStatuses is how many answers to what was handed in are kept.
const maxStatuses = 10_000

// AddSTIX adds objects to their collections, all or none, and reports which were new: a
// version that is there already stays as it is. Each gets a time of its own, in their
// order.
func (s *Store) AddSTIX(ctx context.Context, objects []fact.STIXObject) (added []bool, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		var last int64
		if _, err := t.get(ctx, "SELECT coalesce(max(added), 0) FROM stix_object", nil, &last); err != nil {
			return fmt.Errorf("reading when an object was added last: %w", err)
		}
		at := max(s.now().UnixMicro(), last+1)
		added = make([]bool, len(objects))
		for i := range objects {
			isNew, err := t.addSTIX(ctx, &objects[i], at)
			if err != nil {
				return err
			}
			if added[i] = isNew; isNew {
				at++
			}
		}
		return nil
	})
	return added, err
}

func (t *txn) addSTIX(ctx context.Context, o *fact.STIXObject, at int64) (bool, error) {
	var there bool
	if _, err := t.get(ctx, "SELECT EXISTS (SELECT 1 FROM stix_object WHERE collection = ? AND id = ?)", []any{o.Collection, o.ID}, &there); err != nil {
		return false, fmt.Errorf("looking for an object: %w", err)
	}
	version := o.Version.UnixMicro()
	if o.Version.IsZero() { // what has no versions is there once
		if version = at; there {
			return false, nil
		}
	}
	n, err := t.exec(ctx, `INSERT INTO stix_object (added, collection, id, type, spec, version, first, last, body) VALUES (?, ?, ?, ?, ?, ?, 1, 1, ?)
		ON CONFLICT (collection, id, version) DO NOTHING`, at, o.Collection, o.ID, o.Type, o.Spec, version, o.Body)
	if err != nil || n == 0 || !there {
		return n > 0, wrapf(err, "keeping an object")
	}
	return true, t.rankSTIX(ctx, o.Collection, o.ID)
}

// rankSTIX sets which version of an object is the first, and which the last.
func (t *txn) rankSTIX(ctx context.Context, collection, id string) error {
	_, err := t.exec(ctx, `UPDATE stix_object SET
		first = version = (SELECT min(version) FROM stix_object o WHERE o.collection = ?1 AND o.id = ?2),
		last = version = (SELECT max(version) FROM stix_object o WHERE o.collection = ?1 AND o.id = ?2)
		WHERE collection = ?1 AND id = ?2`, collection, id)
	return wrapf(err, "ordering an object's versions")
}

func wrapf(err error, doing string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// STIX returns at most limit objects that the filter leaves, in the order in which they
// were added, and whether there are more. bodies says whether they come with theirs.
func (s *Store) STIX(ctx context.Context, f fact.STIXFilter, limit int, bodies bool) ([]fact.STIXObject, bool, error) {
	where, args := stixWhere(&f)
	body := "NULL"
	if bodies {
		body = "body"
	}
	//nolint:gosec // names of this package's own
	rows, err := s.reading.QueryContext(ctx, "SELECT added, id, type, spec, version, "+body+" FROM stix_object WHERE "+strings.Join(where, " AND ")+" ORDER BY added LIMIT ?",
		append(args, limit+1)...)
	if err != nil {
		return nil, false, fmt.Errorf("reading objects: %w", err)
	}
	defer rows.Close()
	objects := []fact.STIXObject{}
	for rows.Next() {
		o := fact.STIXObject{Collection: f.Collection}
		var added, version int64
		if err := rows.Scan(&added, &o.ID, &o.Type, &o.Spec, &version, &o.Body); err != nil {
			return nil, false, fmt.Errorf("reading an object: %w", err)
		}
		o.Added, o.Version = time.UnixMicro(added).UTC(), time.UnixMicro(version).UTC()
		objects = append(objects, o)
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("reading objects: %w", err)
	}
	if len(objects) > limit {
		return objects[:limit], true, nil
	}
	return objects, false, nil
}

func stixWhere(f *fact.STIXFilter) (where []string, args []any) {
	where, args = []string{"collection = ?"}, []any{f.Collection}
	and := func(condition string, values ...any) { where, args = append(where, condition), append(args, values...) }
	if !f.After.IsZero() {
		and("added > ?", f.After.UnixMicro())
	}
	for _, l := range []struct {
		column string
		values []string
	}{{"id", f.IDs}, {"type", f.Types}, {"spec", f.Specs}} {
		if len(l.values) > 0 {
			and(l.column+" IN ("+marks(len(l.values))+")", anys(l.values)...)
		}
	}
	v := f.Versions
	var some []string
	if v.First {
		some = append(some, "first")
	}
	if v.Last || !v.All && !v.First && len(v.Exact) == 0 {
		some = append(some, "last")
	}
	for _, at := range v.Exact {
		some = append(some, "version = ?")
		args = append(args, at.UnixMicro())
	}
	if !v.All {
		where = append(where, "("+strings.Join(some, " OR ")+")")
	}
	return where, slices.Clip(args)
}

// DeleteSTIX deletes those versions of one object that the filter leaves, and reports
// whether there were some.
func (s *Store) DeleteSTIX(ctx context.Context, f fact.STIXFilter) (some bool, err error) {
	where, args := stixWhere(&f)
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		n, err := t.exec(ctx, "DELETE FROM stix_object WHERE "+strings.Join(where, " AND "), args...)
		if err != nil {
			return fmt.Errorf("deleting an object: %w", err)
		}
		some = n > 0
		for _, id := range f.IDs {
			if err := t.rankSTIX(ctx, f.Collection, id); err != nil {
				return err
			}
		}
		return nil
	})
	return some, err
}

// PutTAXIIStatus keeps what became of what somebody handed in, the newest ones.
func (s *Store) PutTAXIIStatus(ctx context.Context, id, caller string, doc []byte) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "INSERT INTO taxii_status (id, caller, doc) VALUES (?, ?, ?)", id, caller, doc); err != nil {
			return fmt.Errorf("keeping a status: %w", err)
		}
		_, err := t.exec(ctx, "DELETE FROM taxii_status WHERE seq <= (SELECT max(seq) FROM taxii_status) - ?", maxStatuses)
		return wrapf(err, "dropping old statuses")
	})
}

// TAXIIStatus returns what became of what the caller handed in. Problems: not_found.
func (s *Store) TAXIIStatus(ctx context.Context, id, caller string) (doc []byte, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT coalesce((SELECT doc FROM taxii_status WHERE id = ? AND caller = ?), '')", id, caller).Scan(&doc)
	if err == nil && len(doc) == 0 {
		return nil, notFound("the status")
	}
	return doc, wrapf(err, "reading a status")
}

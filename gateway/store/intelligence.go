package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxStatuses is how many answers to what was handed in are kept.
const maxStatuses = 10_000

// maxStatusBytes bounds them all together; the newest one stays whatever it has.
const maxStatusBytes = 64 << 20

// maxBodies bounds the bodies of one page, in bytes: an object may have as many as a
// whole envelope.
const maxBodies = 8 << 20

// settingAdded is the highest number that an object was added under.
const settingAdded = "stix_added"

// AddSTIX adds objects to their collections, all or none, and reports which were new: a
// version that is there already stays as it is. Each gets a time of its own, in their
// order.
func (s *Store) AddSTIX(ctx context.Context, objects []fact.STIXObject) (added []bool, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		added, err = s.addAllSTIX(ctx, t, objects)
		return err
	})
	return added, err
}

func (s *Store) addAllSTIX(ctx context.Context, t *txn, objects []fact.STIXObject) (added []bool, err error) {
	var last int64
	if _, err := t.get(ctx, "SELECT coalesce(max(added), 0) FROM stix_object", nil, &last); err != nil {
		return nil, fmt.Errorf("reading when an object was added last: %w", err)
	}
	ever, err := t.setting(ctx, settingAdded)
	if err != nil {
		return nil, fmt.Errorf("reading when an object was added last: %w", err)
	}
	at := max(s.now().UnixMicro(), last+1, ever+1)
	added = make([]bool, len(objects))
	for i := range objects {
		isNew, err := t.addSTIX(ctx, &objects[i], at)
		if err != nil {
			return nil, err
		}
		if added[i] = isNew; isNew {
			at++
		}
	}
	if slices.Contains(added, true) {
		// It may be deleted, and whoever has it goes on behind it.
		if err := t.set(ctx, settingAdded, at-1); err != nil {
			return nil, fmt.Errorf("noting when an object was added last: %w", err)
		}
	}
	return added, t.noteSources(ctx, objects)
}

// noteSources notes which reports brought objects, and drops what only withdrawn ones did.
func (t *txn) noteSources(ctx context.Context, objects []fact.STIXObject) error {
	reports := map[string]bool{}
	for i := range objects {
		o := &objects[i]
		if o.Report == "" {
			continue
		}
		reports[o.Report] = true
		// What has no versions is there once.
		if _, err := t.exec(ctx, `INSERT INTO stix_source (report, object)
			SELECT ?1, added FROM stix_object WHERE collection = ?2 AND id = ?3 AND (?4 = 1 OR version = ?5)
			ON CONFLICT DO NOTHING`,
			o.Report, o.Collection, o.ID, o.Version.IsZero(), o.Version.UnixMicro()); err != nil {
			return fmt.Errorf("noting which report brought an object: %w", err)
		}
	}
	for _, report := range slices.Sorted(maps.Keys(reports)) {
		if err := t.dropWithdrawn(ctx, report); err != nil {
			return err
		}
	}
	return nil
}

// dropWithdrawn drops the objects that a report brought and no other that stands, when
// all who shared it withdrew it.
func (t *txn) dropWithdrawn(ctx context.Context, report string) error {
	var stands bool
	if _, err := t.get(ctx, "SELECT "+stoodBy("?1"), []any{report}, &stands); err != nil || stands {
		return wrapf(err, "looking who stands by a report")
	}
	for _, step := range []string{
		"DELETE FROM misp_sighting WHERE event IN (SELECT uuid FROM misp_event WHERE report = ?)", "DELETE FROM misp_event WHERE report = ?",
	} {
		if _, err := t.exec(ctx, step, report); err != nil {
			return fmt.Errorf("dropping what was withdrawn: %w", err)
		}
	}
	if _, err := t.exec(ctx, "DELETE FROM term_candidate WHERE instr(doc, ?) > 0", report); err != nil { // it quotes the report
		return fmt.Errorf("dropping what was withdrawn: %w", err)
	}
	one, err := t.stmt(ctx, `SELECT o.added, o.collection, o.id FROM stix_source b JOIN stix_object o ON o.added = b.object
		WHERE b.report = ?1 AND NOT EXISTS (SELECT 1 FROM stix_source s WHERE s.object = b.object AND s.report <> ?1 AND `+stoodBy("s.report")+")")
	if err != nil {
		return err
	}
	rows, err := one.QueryContext(ctx, report)
	if err != nil {
		return fmt.Errorf("reading what a report brought: %w", err)
	}
	defer rows.Close()
	type object struct {
		added          int64
		collection, id string
	}
	var gone []object
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.added, &o.collection, &o.id); err != nil {
			return fmt.Errorf("reading what a report brought: %w", err)
		}
		gone = append(gone, o)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading what a report brought: %w", err)
	}
	if len(gone) > 0 {
		if err := t.set(ctx, settingForget, forgetBegin); err != nil {
			return err
		}
	}
	for _, o := range gone {
		if _, err := t.exec(ctx, "DELETE FROM stix_source WHERE object = ?", o.added); err != nil {
			return fmt.Errorf("dropping what was withdrawn: %w", err)
		}
		if _, err := t.exec(ctx, "DELETE FROM stix_object WHERE added = ?", o.added); err != nil {
			return fmt.Errorf("dropping what was withdrawn: %w", err)
		}
		if err := t.rankSTIX(ctx, o.collection, o.id); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `DELETE FROM indicator_match WHERE indicator = ?1 AND collection = ?2
			AND NOT EXISTS (SELECT 1 FROM stix_object WHERE collection = ?2 AND id = ?1)`, o.id, o.collection); err != nil {
			return fmt.Errorf("dropping what showed what was withdrawn: %w", err)
		}
	}
	return nil
}

// intelligenceAfter drops what a write withdraws, and has a report judged again that
// another member shares after it was withdrawn.
func (t *txn) intelligenceAfter(ctx context.Context, w *ledger.Write) error {
	if len(w.Key.Parts) != 2 {
		return nil
	}
	switch w.Key.Type {
	case ledger.TypeWithdrawal:
		return t.dropWithdrawn(ctx, w.Key.Parts[0])
	case ledger.TypeThreat:
		version, err := t.setting(ctx, settingDevices)
		if err != nil {
			return fmt.Errorf("reading the version of the own devices: %w", err)
		}
		_, err = t.exec(ctx, `UPDATE assessment SET version = min(version, ?2), next = 0
			WHERE report = ?1 AND EXISTS (SELECT 1 FROM withdrawal WHERE digest = ?1)`, w.Key.Parts[0], version-1)
		return wrapf(err, "having a report judged again")
	}
	return nil
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
		first = CASE WHEN version = (SELECT min(version) FROM stix_object o WHERE o.collection = ?1 AND o.id = ?2) THEN 1 ELSE 0 END,
		last = CASE WHEN version = (SELECT max(version) FROM stix_object o WHERE o.collection = ?1 AND o.id = ?2) THEN 1 ELSE 0 END
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
// were added, and whether there are more. bodies says whether they come with theirs; of
// these there are at most maxBodies bytes, but one object.
func (s *Store) STIX(ctx context.Context, f fact.STIXFilter, limit int, bodies bool) ([]fact.STIXObject, bool, error) {
	query, args := stixQuery(&f, bodies)
	rows, err := s.reading.QueryContext(ctx, query, append(args, limit+1)...)
	if err != nil {
		return nil, false, fmt.Errorf("reading objects: %w", err)
	}
	defer rows.Close()
	objects, bytes := []fact.STIXObject{}, 0
	for rows.Next() {
		o := fact.STIXObject{Collection: f.Collection}
		var added, version int64
		if err := rows.Scan(&added, &o.ID, &o.Type, &o.Spec, &version, &o.Body); err != nil {
			return nil, false, fmt.Errorf("reading an object: %w", err)
		}
		if bytes += len(o.Body); len(objects) == limit || len(objects) > 0 && bytes > maxBodies {
			return objects, true, nil
		}
		o.Added, o.Version = time.UnixMicro(added).UTC(), time.UnixMicro(version).UTC()
		objects = append(objects, o)
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("reading objects: %w", err)
	}
	return objects, false, nil
}

// STIXMark tells whether the objects of a type in a collection are others than they were:
// how many versions there are, and when the last of them was added, microseconds.
func (s *Store) STIXMark(ctx context.Context, collection, kind string) (count, newest int64, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT count(*), coalesce(max(added), 0) FROM stix_object INDEXED BY stix_object_type WHERE collection = ? AND type = ?",
		collection, kind).Scan(&count, &newest)
	return count, newest, wrapf(err, "looking for objects that came or went")
}

// stixQuery says how objects are found: by an index in whose order a page stands, so that
// it costs the same however many are stored. What is asked for by several values of the
// index is several queries that are merged. By id there are few, which are sorted.
func stixQuery(f *fact.STIXFilter, bodies bool) (query string, args []any) {
	columns := "added, id, type, spec, version, NULL"
	if bodies {
		columns = "added, id, type, spec, version, body"
	}
	var parts []string
	part := func(f *fact.STIXFilter, source string) {
		where, some := stixWhere(f)
		parts, args = append(parts, "SELECT "+columns+" FROM stix_object "+source+" WHERE "+strings.Join(where, " AND ")), append(args, some...)
	}
	v := f.Versions
	last := v.Last || !v.All && !v.First && len(v.Exact) == 0
	switch {
	case len(f.IDs) > 0:
		part(f, "INDEXED BY sqlite_autoindex_stix_object_1")
	case len(f.Types) > 0:
		for _, one := range slices.Compact(slices.Sorted(slices.Values(f.Types))) {
			some := *f
			some.Types = []string{one}
			part(&some, "INDEXED BY stix_object_type")
		}
	case v.All || last && (v.First || len(v.Exact) > 0) || v.First && len(v.Exact) > 0:
		part(f, "INDEXED BY stix_object_all")
	case last:
		part(f, "INDEXED BY stix_object_last")
	case v.First:
		part(f, "INDEXED BY stix_object_first")
	default:
		exact := slices.SortedFunc(slices.Values(v.Exact), time.Time.Compare)
		for _, at := range slices.CompactFunc(exact, time.Time.Equal) {
			some := *f
			some.Versions = fact.STIXVersions{Exact: []time.Time{at}}
			part(&some, "INDEXED BY stix_object_version")
		}
	}
	order := " ORDER BY added LIMIT ?"
	if f.Newest {
		order = " ORDER BY added DESC LIMIT ?"
	}
	return strings.Join(parts, " UNION ALL ") + order, args
}

func stixWhere(f *fact.STIXFilter) (where []string, args []any) {
	where, args = []string{"collection = ?"}, []any{f.Collection}
	and := func(condition string, values ...any) { where, args = append(where, condition), append(args, values...) }
	if !f.After.IsZero() {
		and("added > ?", f.After.UnixMicro())
	}
	if !f.Before.IsZero() {
		and("added < ?", f.Before.UnixMicro())
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
		some = append(some, "first = 1")
	}
	if v.Last || !v.All && !v.First && len(v.Exact) == 0 {
		some = append(some, "last = 1")
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
		_, err := t.exec(ctx, `DELETE FROM taxii_status WHERE seq < (SELECT max(seq) FROM taxii_status) AND (seq <= (SELECT max(seq) FROM taxii_status) - ?
			OR seq <= (SELECT max(seq) FROM (SELECT seq, sum(length(doc)) OVER (ORDER BY seq DESC) AS bytes FROM taxii_status) s WHERE bytes > ?))`, maxStatuses, maxStatusBytes)
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

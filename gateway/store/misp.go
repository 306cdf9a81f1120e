package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// PutMISP keeps an event together with the STIX objects that it says. It is made of the
// edition that has the timestamp was, 0: of none, and takes its place; so of two that
// were made of the same edition one is refused, and what the other says is not lost. It
// returns its id at this node. Problems: conflict when another edition is kept, or one as
// new; gone when the event was deleted here.
func (s *Store) PutMISP(ctx context.Context, e *fact.MISPEvent, was int64, objects []fact.STIXObject) (id int64, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		if id, err = t.replacesMISP(ctx, e, was); err != nil {
			return err
		}
		known, err := t.mispAttributeIDs(ctx, id)
		if err != nil {
			return err
		}
		if id, err = t.putMISPEvent(ctx, e, id); err != nil {
			return err
		}
		for i := range e.Attributes {
			if err := t.addMISPAttribute(ctx, id, known[e.Attributes[i].UUID], &e.Attributes[i]); err != nil {
				return err
			}
		}
		if e.Report != "" { // that may have been withdrawn since it was read
			if err := t.dropWithdrawn(ctx, e.Report); err != nil {
				return err
			}
		}
		_, err = s.addAllSTIX(ctx, t, objects)
		return err
	})
	return id, err
}

// replacesMISP returns the id of the edition in whose place an event comes, 0: there is
// none.
func (t *txn) replacesMISP(ctx context.Context, e *fact.MISPEvent, was int64) (id int64, err error) {
	var timestamp int64
	var report string
	there, err := t.get(ctx, "SELECT id, timestamp, report FROM misp_event WHERE uuid = ?", []any{e.UUID}, &id, &timestamp, &report)
	if err != nil {
		return 0, fmt.Errorf("looking for an event: %w", err)
	}
	switch {
	case there && (report != "") != (e.Report != ""):
		return 0, ledger.Problemf(ledger.CodeConflict, "an event of this UUID was shared by a member, or handed in here")
	case there && timestamp != was || !there && was != 0:
		return 0, ledger.Problemf(ledger.CodeConflict, "another edition of the event is kept by now: fetch it and edit that")
	case there && timestamp >= e.Timestamp:
		return 0, ledger.Problemf(ledger.CodeConflict, "the event that is kept is as new as this one")
	case there || e.Report != "":
		return id, nil
	}
	var deleted bool
	if _, err := t.get(ctx, "SELECT EXISTS (SELECT 1 FROM misp_deleted WHERE uuid = ?)", []any{e.UUID}, &deleted); err != nil {
		return 0, fmt.Errorf("looking for a deleted event: %w", err)
	}
	if deleted {
		return 0, ledger.Problemf(ledger.CodeGone, "an event of this UUID was deleted here: hand it in under another one")
	}
	return 0, nil
}

// DeleteMISP deletes an event that was handed in, of which the edition with the timestamp
// was is kept, and adds the objects that say so. It does not come back. Problems:
// not_found; conflict when another edition is kept.
func (s *Store) DeleteMISP(ctx context.Context, uuid string, was int64, objects []fact.STIXObject) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var timestamp int64
		there, err := t.get(ctx, "SELECT timestamp FROM misp_event WHERE uuid = ? AND report = ''", []any{uuid}, &timestamp)
		switch {
		case err != nil:
			return fmt.Errorf("looking for an event: %w", err)
		case !there:
			return notFound("the event")
		case timestamp != was:
			return ledger.Problemf(ledger.CodeConflict, "another edition of the event is kept by now")
		}
		for _, step := range []string{
			"DELETE FROM misp_event WHERE uuid = ?1", "DELETE FROM misp_sighting WHERE event = ?1", "INSERT INTO misp_deleted (uuid) VALUES (?1) ON CONFLICT DO NOTHING",
		} {
			if _, err := t.exec(ctx, step, uuid); err != nil {
				return fmt.Errorf("deleting an event: %w", err)
			}
		}
		_, err = s.addAllSTIX(ctx, t, objects)
		return err
	})
}

// mispAttributeIDs returns the ids of an event's attributes at this node, by UUID: they
// stay the same in all its editions.
func (t *txn) mispAttributeIDs(ctx context.Context, event int64) (map[string]int64, error) {
	query, err := t.stmt(ctx, "SELECT uuid, id FROM misp_attribute WHERE event = ?")
	if err != nil {
		return nil, err
	}
	rows, err := query.QueryContext(ctx, event)
	if err != nil {
		return nil, fmt.Errorf("reading the ids of attributes: %w", err)
	}
	return scanIDs(rows)
}

// MISPAttributeIDs returns the ids of an event's attributes, by UUID, but of deleted ones.
func (s *Store) MISPAttributeIDs(ctx context.Context, event int64) (map[string]int64, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT uuid, id FROM misp_attribute WHERE event = ?", event)
	if err != nil {
		return nil, fmt.Errorf("reading the ids of attributes: %w", err)
	}
	return scanIDs(rows)
}

// scanIDs reads numbers by UUID.
func scanIDs(rows *sql.Rows) (map[string]int64, error) {
	defer rows.Close()
	all := map[string]int64{}
	for rows.Next() {
		var name string
		var id int64
		if err := rows.Scan(&name, &id); err != nil {
			return nil, fmt.Errorf("reading a number: %w", err)
		}
		all[name] = id
	}
	return all, wrapf(rows.Err(), "reading numbers")
}

// MISPKept returns the timestamps of those of some events that are here, by UUID; of those
// of which no edition would be taken, since a member shared them or they were deleted
// here, the highest that there is.
func (s *Store) MISPKept(ctx context.Context, uuids []string) (map[string]int64, error) {
	kept := map[string]int64{}
	for part := range slices.Chunk(uuids, 500) { // question marks
		//nolint:gosec // question marks only
		rows, err := s.reading.QueryContext(ctx, "SELECT uuid, CASE WHEN report = '' THEN timestamp ELSE ? END FROM misp_event WHERE uuid IN ("+marks(len(part))+
			") UNION ALL SELECT uuid, ? FROM misp_deleted WHERE uuid IN ("+marks(len(part))+")",
			slices.Concat([]any{int64(math.MaxInt64)}, anys(part), []any{int64(math.MaxInt64)}, anys(part))...)
		if err != nil {
			return nil, fmt.Errorf("looking for events: %w", err)
		}
		some, err := scanIDs(rows)
		if err != nil {
			return nil, err
		}
		maps.Copy(kept, some)
	}
	return kept, nil
}

// putMISPEvent writes an event without its attributes over the one of an id; 0: over none.
func (t *txn) putMISPEvent(ctx context.Context, e *fact.MISPEvent, id int64) (int64, error) {
	if _, err := t.exec(ctx, "DELETE FROM misp_attribute WHERE event = ?", id); err != nil {
		return 0, fmt.Errorf("dropping what an event was found by: %w", err)
	}
	args := []any{
		e.UUID, e.Info, e.Date, e.Orgc, "\n" + strings.Join(e.Tags, "\n") + "\n", e.Published, e.Timestamp, e.PublishedAt,
		e.ThreatLevel, e.Report, len(e.Attributes), e.Body,
	}
	if id != 0 {
		_, err := t.exec(ctx, `UPDATE misp_event SET uuid = ?, info = ?, date = ?, orgc = ?, tags = ?, published = ?, timestamp = ?, published_at = ?,
			threat_level = ?, report = ?, count = ?, body = ? WHERE id = ?`, append(args, id)...)
		return id, wrapf(err, "keeping an event")
	}
	_, err := t.get(ctx, `INSERT INTO misp_event (uuid, info, date, orgc, tags, published, timestamp, published_at, threat_level, report, count, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`, args, &id)
	return id, wrapf(err, "keeping an event")
}

// addMISPAttribute keeps an attribute under an id; 0: under a new one.
func (t *txn) addMISPAttribute(ctx context.Context, event, id int64, a *fact.MISPAttribute) error {
	columns, args := "event, uuid, type, category, to_ids, timestamp, doc", []any{event, a.UUID, a.Type, a.Category, a.ToIDs, a.Timestamp, []byte(a.Doc)}
	if id != 0 {
		columns, args = columns+", id", append(args, id)
	}
	if _, err := t.get(ctx, "INSERT INTO misp_attribute ("+columns+") VALUES ("+marks(len(args))+") RETURNING id", args, &id); err != nil {
		return fmt.Errorf("keeping an attribute: %w", err)
	}
	for _, v := range a.Values {
		if _, err := t.exec(ctx, "INSERT INTO misp_value (value, attribute) VALUES (?, ?) ON CONFLICT DO NOTHING", plainCase(v), id); err != nil {
			return fmt.Errorf("keeping what an attribute is found by: %w", err)
		}
	}
	return nil
}

// MISPEvents returns a page of events, the oldest first, of at most maxBodies bytes, but
// one event, and how many there are in all.
func (s *Store) MISPEvents(ctx context.Context, f *fact.MISPFilter) (list []fact.MISPEvent, total int, err error) {
	where, args := mispWhere(f)
	if some, more := attributeWhere(f); len(some) > 0 {
		where = append(where, "EXISTS (SELECT 1 FROM misp_attribute a WHERE a.event = e.id AND "+strings.Join(some, " AND ")+")")
		args = append(args, more...)
	}
	condition := "TRUE"
	if len(where) > 0 {
		condition = strings.Join(where, " AND ")
	}
	if err := s.reading.QueryRowContext(ctx, "SELECT count(*) FROM misp_event e WHERE "+condition, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("counting events: %w", err)
	}
	body := "NULL"
	if f.Bodies {
		body = "e.body"
	}
	rows, err := s.reading.QueryContext(ctx, "SELECT "+mispColumns+", "+body+" FROM misp_event e WHERE "+condition+" ORDER BY e.id LIMIT ? OFFSET ?",
		append(args, f.Limit, (f.Page-1)*f.Limit)...)
	if err != nil {
		return nil, 0, fmt.Errorf("reading events: %w", err)
	}
	defer rows.Close()
	bytes := 0
	for rows.Next() {
		var e fact.MISPEvent
		if err := rows.Scan(append(mispFields(&e), &e.Body)...); err != nil {
			return nil, 0, fmt.Errorf("reading an event: %w", err)
		}
		if bytes += len(e.Body); len(list) > 0 && bytes > maxBodies {
			return nil, 0, ledger.Problemf(ledger.CodeTooLarge, "the events of this page have more than %d bytes: ask for fewer (limit)", maxBodies)
		}
		list = append(list, e)
	}
	return list, total, wrapf(rows.Err(), "reading events")
}

// MISPAttributes returns a page of attributes, the oldest first, of at most maxBodies
// bytes, but one attribute. Problems: too_large.
func (s *Store) MISPAttributes(ctx context.Context, f *fact.MISPFilter) (list []fact.MISPAttribute, err error) {
	where, args := mispWhere(f)
	some, more := attributeWhere(f)
	where, args = append(where, some...), append(args, more...)
	condition := "TRUE"
	if len(where) > 0 {
		condition = strings.Join(where, " AND ")
	}
	rows, err := s.reading.QueryContext(ctx, "SELECT "+mispColumns+", a.id, a.uuid, a.type, a.category, a.to_ids, a.timestamp, a.doc FROM misp_attribute a JOIN misp_event e ON e.id = a.event WHERE "+
		condition+" ORDER BY a.id LIMIT ? OFFSET ?", append(args, f.Limit, (f.Page-1)*f.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("reading attributes: %w", err)
	}
	defer rows.Close()
	bytes := 0
	for rows.Next() {
		var a fact.MISPAttribute
		if err := rows.Scan(append(mispFields(&a.Event), &a.ID, &a.UUID, &a.Type, &a.Category, &a.ToIDs, &a.Timestamp, (*[]byte)(&a.Doc))...); err != nil {
			return nil, fmt.Errorf("reading an attribute: %w", err)
		}
		if bytes += len(a.Doc); len(list) > 0 && bytes > maxBodies {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "the attributes of this page have more than %d bytes: ask for fewer (limit)", maxBodies)
		}
		list = append(list, a)
	}
	return list, wrapf(rows.Err(), "reading attributes")
}

const mispColumns = "e.id, e.uuid, e.info, e.date, e.orgc, e.published, e.timestamp, e.published_at, e.threat_level, e.report, e.count, " +
	"coalesce((SELECT max(date) FROM misp_sighting WHERE event = e.uuid), 0)"

func mispFields(e *fact.MISPEvent) []any {
	return []any{&e.ID, &e.UUID, &e.Info, &e.Date, &e.Orgc, &e.Published, &e.Timestamp, &e.PublishedAt, &e.ThreatLevel, &e.Report, &e.Count, &e.Sighted}
}

// mispWhere says which events.
func mispWhere(f *fact.MISPFilter) (where []string, args []any) {
	and := func(condition string, values ...any) { where, args = append(where, condition), append(args, values...) }
	if len(f.UUIDs) > 0 {
		condition, values := eitherName("e.uuid", "e.id", f.UUIDs)
		and(condition, values...)
	}
	if len(f.Orgs) > 0 {
		and("e.orgc IN ("+marks(len(f.Orgs))+")", anys(f.Orgs)...)
	}
	if len(f.NotOrgs) > 0 {
		and("e.orgc NOT IN ("+marks(len(f.NotOrgs))+")", anys(f.NotOrgs)...)
	}
	if len(f.Tags) > 0 {
		var some []string
		for _, tag := range f.Tags {
			some, args = append(some, "instr(e.tags, ?) > 0"), append(args, "\n"+tag+"\n")
		}
		where = append(where, "("+strings.Join(some, " OR ")+")")
	}
	for _, tag := range f.NotTags {
		and("instr(e.tags, ?) = 0", "\n"+tag+"\n")
	}
	if f.Info != "" {
		and("instr(lower(e.info), lower(?)) > 0", f.Info)
	}
	if f.From != "" {
		and("e.date >= ?", f.From)
	}
	if f.To != "" {
		and("e.date <= ?", f.To)
	}
	if f.Since != 0 {
		and("e.timestamp >= ?", f.Since)
	}
	if f.Until != 0 {
		and("e.timestamp <= ?", f.Until)
	}
	if f.Published != nil {
		and("e.published = ?", *f.Published)
	}
	if f.PublishedSince != 0 {
		and("e.published_at >= ?", f.PublishedSince)
	}
	return where, slices.Clip(args)
}

// maxLooked bounds the events, the newest, of which names are listed.
const maxLooked = 10_000

// MISPNames lists the organisations that made events and the tags that these have, each
// once, sorted.
func (s *Store) MISPNames(ctx context.Context) (orgs, tags []string, err error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT orgc, tags FROM misp_event ORDER BY id DESC LIMIT ?", maxLooked)
	if err != nil {
		return nil, nil, fmt.Errorf("reading who made events: %w", err)
	}
	defer rows.Close()
	made, are := map[string]bool{}, map[string]bool{}
	for rows.Next() {
		var org, all string
		if err := rows.Scan(&org, &all); err != nil {
			return nil, nil, fmt.Errorf("reading who made an event: %w", err)
		}
		made[org] = true
		for tag := range strings.SplitSeq(strings.Trim(all, "\n"), "\n") {
			are[tag] = true
		}
	}
	delete(are, "") // of events that have none
	return slices.Sorted(maps.Keys(made)), slices.Sorted(maps.Keys(are)), wrapf(rows.Err(), "reading who made events")
}

// plainCase is a value as it is kept and asked for: a case of ASCII letters tells none
// from another, in every database.
func plainCase(v string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, v)
}

// eitherName says that something has one of some names, which are UUIDs or ids at this
// node.
func eitherName(uuid, id string, names []string) (condition string, args []any) {
	var ids []any
	for _, one := range names {
		if n, err := strconv.ParseInt(one, 10, 64); err == nil {
			ids = append(ids, n)
		}
	}
	condition = uuid + " IN (" + marks(len(names)) + ")"
	if len(ids) > 0 {
		condition += " OR " + id + " IN (" + marks(len(ids)) + ")"
	}
	return "(" + condition + ")", slices.Concat(anys(names), ids)
}

// attributeWhere says which attributes.
func attributeWhere(f *fact.MISPFilter) (where []string, args []any) {
	if len(f.Attributes) > 0 {
		condition, values := eitherName("a.uuid", "a.id", f.Attributes)
		where, args = append(where, condition), append(args, values...)
	}
	for _, l := range []struct {
		column string
		values []string
	}{{"a.type", f.Types}, {"a.category", f.Categories}} {
		if len(l.values) > 0 {
			where, args = append(where, l.column+" IN ("+marks(len(l.values))+")"), append(args, anys(l.values)...)
		}
	}
	if len(f.Values) > 0 {
		var exact []any
		var some []string
		for _, v := range f.Values {
			if !f.Literal && strings.Contains(v, "%") { // the value's own percent signs and underscores cannot be told from MISP's
				some, args = append(some, "v.value LIKE ?"), append(args, plainCase(v))
			} else {
				exact = append(exact, plainCase(v))
			}
		}
		if len(exact) > 0 {
			some, args = append(some, "v.value IN ("+marks(len(exact))+")"), append(args, exact...)
		}
		where = append(where, "a.id IN (SELECT v.attribute FROM misp_value v WHERE "+strings.Join(some, " OR ")+")")
	}
	if f.ToIDs != nil {
		where, args = append(where, "a.to_ids = ?"), append(args, *f.ToIDs)
	}
	return where, slices.Clip(args)
}

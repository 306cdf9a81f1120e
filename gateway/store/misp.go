package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// PutMISP keeps an event, in the place of an older one of the same UUID, together with
// the STIX objects that it says. It returns its id at this node. Problems: conflict when
// what is kept is as new.
func (s *Store) PutMISP(ctx context.Context, e *fact.MISPEvent, objects []fact.STIXObject) (id int64, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		var timestamp int64
		var report string
		there, err := t.get(ctx, "SELECT id, timestamp, report FROM misp_event WHERE uuid = ?", []any{e.UUID}, &id, &timestamp, &report)
		switch {
		case err != nil:
			return fmt.Errorf("looking for an event: %w", err)
		case there && (report != "") != (e.Report != ""):
			return ledger.Problemf(ledger.CodeConflict, "an event of this UUID was shared by a member, or handed in here")
		case there && timestamp >= e.Timestamp:
			return ledger.Problemf(ledger.CodeConflict, "the event that is kept is as new as this one")
		}
		if id, err = t.putMISPEvent(ctx, e, id); err != nil {
			return err
		}
		for i := range e.Attributes {
			if err := t.addMISPAttribute(ctx, id, &e.Attributes[i]); err != nil {
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

func (t *txn) addMISPAttribute(ctx context.Context, event int64, a *fact.MISPAttribute) error {
	var id int64
	if _, err := t.get(ctx, `INSERT INTO misp_attribute (event, uuid, type, category, to_ids, timestamp, doc) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{event, a.UUID, a.Type, a.Category, a.ToIDs, a.Timestamp, []byte(a.Doc)}, &id); err != nil {
		return fmt.Errorf("keeping an attribute: %w", err)
	}
	for _, v := range a.Values {
		if _, err := t.exec(ctx, "INSERT OR IGNORE INTO misp_value (value, attribute) VALUES (?, ?)", v, id); err != nil {
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
	rows, err := s.reading.QueryContext(ctx, "SELECT "+mispColumns+", a.uuid, a.type, a.category, a.to_ids, a.timestamp, a.doc FROM misp_attribute a JOIN misp_event e ON e.id = a.event WHERE "+
		condition+" ORDER BY a.id LIMIT ? OFFSET ?", append(args, f.Limit, (f.Page-1)*f.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("reading attributes: %w", err)
	}
	defer rows.Close()
	bytes := 0
	for rows.Next() {
		var a fact.MISPAttribute
		if err := rows.Scan(append(mispFields(&a.Event), &a.UUID, &a.Type, &a.Category, &a.ToIDs, &a.Timestamp, (*[]byte)(&a.Doc))...); err != nil {
			return nil, fmt.Errorf("reading an attribute: %w", err)
		}
		if bytes += len(a.Doc); len(list) > 0 && bytes > maxBodies {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "the attributes of this page have more than %d bytes: ask for fewer (limit)", maxBodies)
		}
		list = append(list, a)
	}
	return list, wrapf(rows.Err(), "reading attributes")
}

const mispColumns = "e.id, e.uuid, e.info, e.date, e.orgc, e.published, e.timestamp, e.published_at, e.threat_level, e.report, e.count"

func mispFields(e *fact.MISPEvent) []any {
	return []any{&e.ID, &e.UUID, &e.Info, &e.Date, &e.Orgc, &e.Published, &e.Timestamp, &e.PublishedAt, &e.ThreatLevel, &e.Report, &e.Count}
}

// mispWhere says which events.
func mispWhere(f *fact.MISPFilter) (where []string, args []any) {
	and := func(condition string, values ...any) { where, args = append(where, condition), append(args, values...) }
	if len(f.UUIDs) > 0 {
		var ids []any // of this node
		for _, one := range f.UUIDs {
			if n, err := strconv.ParseInt(one, 10, 64); err == nil {
				ids = append(ids, n)
			}
		}
		and("(e.uuid IN ("+marks(len(f.UUIDs))+") OR e.id IN ("+marks(len(ids))+"))", slices.Concat(anys(f.UUIDs), ids)...)
	}
	if len(f.Orgs) > 0 {
		and("e.orgc IN ("+marks(len(f.Orgs))+")", anys(f.Orgs)...)
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

// attributeWhere says which attributes.
func attributeWhere(f *fact.MISPFilter) (where []string, args []any) {
	for _, l := range []struct {
		column string
		values []string
	}{{"a.uuid", f.Attributes}, {"a.type", f.Types}, {"a.category", f.Categories}} {
		if len(l.values) > 0 {
			where, args = append(where, l.column+" IN ("+marks(len(l.values))+")"), append(args, anys(l.values)...)
		}
	}
	if len(f.Values) > 0 {
		var exact []any
		var some []string
		for _, v := range f.Values {
			if strings.Contains(v, "%") { // the value's own percent signs and underscores cannot be told from MISP's
				some, args = append(some, "v.value LIKE ?"), append(args, v)
			} else {
				exact = append(exact, v)
			}
		}
		some, args = append(some, "v.value IN ("+marks(len(exact))+")"), append(args, exact...)
		where = append(where, "a.id IN (SELECT v.attribute FROM misp_value v WHERE "+strings.Join(some, " OR ")+")")
	}
	if f.ToIDs != nil {
		where, args = append(where, "a.to_ids = ?"), append(args, *f.ToIDs)
	}
	return where, slices.Clip(args)
}

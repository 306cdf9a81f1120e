package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// PutResources keeps versions of resources, all of them or none, in their order,
// and has those be told who subscribed to such. A condition that does not hold is a
// *fhir.ConditionError.
func (s *Store) PutResources(ctx context.Context, writes []fhir.Write) (done []fhir.Written, err error) {
	var told []string
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		done, told = done[:0], nil
		now := time.Now()
		for i := range writes {
			w, err := t.putResource(ctx, i, &writes[i], now)
			if err != nil {
				return err
			}
			done = append(done, w)
			if w.Found {
				continue
			}
			some, err := s.notify(ctx, t, &w.Version, &writes[i])
			if err != nil {
				return err
			}
			told = append(told, some...)
		}
		return nil
	})
	if err == nil {
		s.tellQueued(told)
	}
	return done, err
}

func (t *txn) putResource(ctx context.Context, at int, w *fhir.Write, now time.Time) (fhir.Written, error) {
	done := fhir.Written{Version: w.Version}
	if before, there, err := t.cameBy(ctx, w.Request); there || err != nil {
		return fhir.Written{Version: before, Found: true}, err
	}
	if w.Absent != nil {
		found, err := t.matching(ctx, w.Absent)
		if err != nil {
			return done, err
		}
		if len(found) > 1 {
			return done, &fhir.ConditionError{Write: at, Matches: len(found)}
		}
		if len(found) == 1 {
			return fhir.Written{Version: found[0], Found: true}, nil
		}
	}
	var num, current int64
	var before []byte
	there, err := t.get(ctx, "SELECT num, version, terms FROM fhir_resource WHERE type = ? AND id = ?", []any{w.Type, w.ID}, &num, &current, &before)
	if err != nil {
		return done, fmt.Errorf("reading a resource's version: %w", err)
	}
	if w.Match != 0 && w.Match != current {
		return done, &fhir.ConditionError{Write: at}
	}
	done.Number, done.Updated, done.First = current+1, fromMillis(millis(now)), !there
	terms, err := json.Marshal(w.Keys)
	if err != nil {
		return done, fmt.Errorf("encoding what a resource is found by: %w", err)
	}
	if there {
		err = t.replaceResource(ctx, num, &done.Version, before, terms)
	} else {
		num, err = t.addResource(ctx, &done.Version, terms)
	}
	if err != nil {
		return done, err
	}
	return done, t.indexResource(ctx, num, w)
}

// cameBy finds the version that came by a request. A device that signed and sends again
// what it signed, because it saw no answer, sends no other resource.
func (t *txn) cameBy(ctx context.Context, request string) (v fhir.Version, there bool, err error) {
	one, err := t.stmt(ctx, "SELECT "+resourceColumns+" FROM fhir_version v JOIN fhir_resource r ON r.num = v.num WHERE v.request = ?")
	if err != nil {
		return v, false, err
	}
	v, err = scanResource(one.QueryRowContext(ctx, request))
	if errors.Is(err, sql.ErrNoRows) {
		return fhir.Version{}, false, nil
	}
	if err != nil {
		return v, false, fmt.Errorf("reading what came by a request: %w", err)
	}
	return v, true, nil
}

func (t *txn) addResource(ctx context.Context, v *fhir.Version, terms []byte) (num int64, err error) {
	if _, err := t.get(ctx, "INSERT INTO fhir_resource (type, id, version, unit, updated, terms) VALUES (?, ?, ?, ?, ?, ?) RETURNING num",
		[]any{v.Type, v.ID, v.Number, v.Unit, millis(v.Updated), terms}, &num); err != nil {
		return 0, fmt.Errorf("keeping a resource: %w", err)
	}
	return num, t.addVersion(ctx, num, v)
}

func (t *txn) replaceResource(ctx context.Context, num int64, v *fhir.Version, before, terms []byte) error {
	if _, err := t.exec(ctx, "UPDATE fhir_resource SET version = ?, unit = ?, updated = ?, terms = ? WHERE num = ?",
		v.Number, v.Unit, millis(v.Updated), terms, num); err != nil {
		return fmt.Errorf("keeping a resource: %w", err)
	}
	if err := t.forgetTerms(ctx, num, v.Type, before); err != nil {
		return err
	}
	return t.addVersion(ctx, num, v)
}

// forgetTerms takes a resource out of the indexes.
func (t *txn) forgetTerms(ctx context.Context, num int64, typ string, terms []byte) error {
	var old []fhir.Key
	if err := json.Unmarshal(terms, &old); err != nil {
		return fmt.Errorf("reading what a resource was found by: %w", err)
	}
	for _, k := range old {
		if _, err := t.exec(ctx, "DELETE FROM fhir_term WHERE type = ? AND param = ? AND value = ? AND num = ?", typ, k.Param, k.Value, num); err != nil {
			return fmt.Errorf("forgetting what a resource was found by: %w", err)
		}
	}
	if _, err := t.exec(ctx, "DELETE FROM fhir_time WHERE num = ?", num); err != nil {
		return fmt.Errorf("forgetting the time of a resource: %w", err)
	}
	return nil
}

// forgetResource has the version that came by a request be found by nothing but its id,
// under which is told that it was erased. What it was found by says of whom it was to
// whoever asks for that person.
func (t *txn) forgetResource(ctx context.Context, request string) error {
	var num, version, current int64
	var typ string
	var terms []byte
	there, err := t.get(ctx, `SELECT v.num, v.version, r.version, r.type, r.terms FROM fhir_version v JOIN fhir_resource r ON r.num = v.num
		WHERE v.request = ?`, []any{request}, &num, &version, &current, &typ, &terms)
	if err != nil {
		return fmt.Errorf("reading which resource was erased: %w", err)
	}
	if !there {
		return nil
	}
	if _, err := t.exec(ctx, "UPDATE fhir_version SET links = NULL WHERE num = ? AND version = ?", num, version); err != nil {
		return fmt.Errorf("forgetting the links of a resource: %w", err)
	}
	if version != current {
		return nil
	}
	if _, err := t.exec(ctx, "UPDATE fhir_resource SET terms = '[]' WHERE num = ?", num); err != nil {
		return fmt.Errorf("forgetting what a resource was found by: %w", err)
	}
	return t.forgetTerms(ctx, num, typ, terms)
}

func (t *txn) addVersion(ctx context.Context, num int64, v *fhir.Version) error {
	var links any
	if len(v.Links) > 0 {
		b, err := json.Marshal(v.Links)
		if err != nil {
			return fmt.Errorf("encoding links: %w", err)
		}
		links = b
	}
	if _, err := t.exec(ctx, "INSERT INTO fhir_version (num, version, request, created, updated, links) VALUES (?, ?, ?, ?, ?, ?)",
		num, v.Number, v.Request, v.Created, millis(v.Updated), links); err != nil {
		return fmt.Errorf("keeping a version: %w", err)
	}
	return nil
}

func (t *txn) indexResource(ctx context.Context, num int64, w *fhir.Write) error {
	for _, k := range w.Keys {
		if _, err := t.exec(ctx, "INSERT INTO fhir_term (type, param, value, num) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", w.Type, k.Param, k.Value, num); err != nil {
			return fmt.Errorf("keeping what a resource is found by: %w", err)
		}
	}
	for _, p := range w.Spans {
		low, high := bounds(p.Range)
		if _, err := t.exec(ctx, "INSERT INTO fhir_time (num, param, low, high) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", num, p.Param, low, high); err != nil {
			return fmt.Errorf("keeping the time of a resource: %w", err)
		}
	}
	return nil
}

// bounds are an interval's in milliseconds; an open one is the least or greatest.
func bounds(i fhir.Interval) (low, high int64) {
	low, high = math.MinInt64, math.MaxInt64
	if !i.Low.IsZero() {
		low = millis(i.Low)
	}
	if !i.High.IsZero() {
		high = millis(i.High)
	}
	return low, high
}

const resourceColumns = "r.type, r.id, v.version, v.request, r.unit, v.updated, v.created, v.links"

func scanResource(from scanner, more ...any) (v fhir.Version, err error) {
	var ms int64
	var links []byte
	if err := from.Scan(append([]any{&v.Type, &v.ID, &v.Number, &v.Request, &v.Unit, &ms, &v.Created, &links}, more...)...); err != nil {
		return v, err
	}
	v.Updated = fromMillis(ms)
	if links != nil {
		if err := json.Unmarshal(links, &v.Links); err != nil {
			return v, fmt.Errorf("reading links: %w", err)
		}
	}
	return v, nil
}

// Resource returns a version of a resource; 0 is the current one. Problems: not_found.
func (s *Store) Resource(ctx context.Context, typ, id string, version int64) (fhir.Version, error) {
	v, err := scanResource(s.reading.QueryRowContext(ctx, "SELECT "+resourceColumns+` FROM fhir_resource r
		JOIN fhir_version v ON v.num = r.num AND v.version = CASE WHEN ?1 = 0 THEN r.version ELSE ?1 END WHERE r.type = ?2 AND r.id = ?3`, version, typ, id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return v, ledger.Problemf(ledger.CodeNotFound, "there is no such resource here, or not in this version")
	case err != nil:
		return v, fmt.Errorf("reading a resource: %w", err)
	}
	return v, nil
}

// ResourceHistory lists the versions of a resource, the newest first. Problems:
// not_found.
func (s *Store) ResourceHistory(ctx context.Context, typ, id string, req ledger.PageRequest) ([]fhir.Version, string, error) {
	l := listing{
		table: "fhir_resource r JOIN fhir_version v ON v.num = r.num", order: []string{"v.version"}, newest: true,
		where: []string{"r.type = ?", "r.id = ?"}, args: []any{typ, id},
	}
	all, next, err := s.resources(ctx, l, req)
	if err == nil && len(all) == 0 {
		err = ledger.Problemf(ledger.CodeNotFound, "there is no such resource here")
	}
	return all, next, err
}

func (s *Store) resources(ctx context.Context, l listing, req ledger.PageRequest) ([]fhir.Version, string, error) {
	all := []fhir.Version{}
	next, err := eachOf(ctx, s, s.reading, l, resourceColumns, req, func(from scanner, more ...any) error {
		v, err := scanResource(from, more...)
		all = append(all, v)
		return err
	})
	return all, next, err
}

// ResourcesUntil returns a time up to which every version that was kept is there to be
// found: none with that time or an earlier one is still being written.
func (s *Store) ResourcesUntil(ctx context.Context) (until time.Time, err error) {
	err = s.update(ctx, func(context.Context, *txn) error { // behind all writes that have their time already
		until = fromMillis(millis(time.Now()) - 1)
		return nil
	})
	return until, err
}

// FHIRSchema returns FHIR's JSON schema as it was imported, with its digest. Problems:
// not_found.
func (s *Store) FHIRSchema(ctx context.Context) (text []byte, digest string, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT body, digest FROM fhir_schema").Scan(&text, &digest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", notFound("FHIR's schema")
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading FHIR's schema: %w", err)
	}
	return text, digest, nil
}

// PutFHIRSchema keeps FHIR's JSON schema in place of the one before.
func (s *Store) PutFHIRSchema(ctx context.Context, text []byte, digest string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, `INSERT INTO fhir_schema (one, digest, stored, body) VALUES (1, ?, ?, ?)
			ON CONFLICT (one) DO UPDATE SET digest = excluded.digest, stored = excluded.stored, body = excluded.body`, digest, millis(time.Now()), text); err != nil {
			return fmt.Errorf("keeping FHIR's schema: %w", err)
		}
		return nil
	})
}

package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// TypeAdvisory is the type in the keys of events about advisories.
const TypeAdvisory = "advisory"

// maxNamed bounds the units that an event names; the list has all.
const maxNamed = 100

// PutMatches keeps which releases an advisory concerns, in place of what was found
// before. It adds an event when releases that it did not concern before are run by
// own units.
func (s *Store) PutMatches(ctx context.Context, advisory, basis string, matches []fact.ReleaseMatch) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var list []byte
		known, err := t.get(ctx, `SELECT (SELECT json_group_array(m.id) FROM advisory_match m WHERE m.advisory = a.id AND `+concerning+`)
			FROM advisory a WHERE a.id = ?`, []any{advisory}, &list)
		if err != nil {
			return fmt.Errorf("reading the matches before: %w", err)
		}
		if !known {
			return nil // it went away meanwhile
		}
		var before []string
		if err := json.Unmarshal(list, &before); err != nil {
			return fmt.Errorf("reading the matches before: %w", err)
		}
		was, err := t.matched(ctx, advisory)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, "DELETE FROM advisory_match WHERE advisory = ?", advisory); err != nil {
			return fmt.Errorf("replacing matches: %w", err)
		}
		found := []string{}
		for i := range matches {
			m := &matches[i]
			doc, err := json.Marshal(m.MatchText)
			if err != nil {
				return fmt.Errorf("encoding a match: %w", err)
			}
			if _, err := t.exec(ctx, "INSERT INTO advisory_match (id, advisory, di, version, state, basis, confidence, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				m.ID, advisory, m.DI, m.Version, m.State, m.Basis, m.Confidence, doc); err != nil {
				return fmt.Errorf("keeping a match: %w", err)
			}
			if (m.State == "affected" || m.State == "possible") && !slices.Contains(before, m.ID) && len(found) < maxNamed {
				if found, err = s.runningInto(ctx, t, found, m); err != nil {
					return err
				}
			}
		}
		if _, err := t.exec(ctx, "UPDATE advisory SET basis = ? WHERE id = ?", basis, advisory); err != nil {
			return fmt.Errorf("noting that an advisory was matched: %w", err)
		}
		if err := s.reviewMatched(ctx, t, was, advisory); err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		return s.addLocalEvent(ctx, t, fact.EventAdvisoryMatched, []string{TypeAdvisory, advisory}, found)
	})
}

// runningInto adds own units that run the release of a match.
func (s *Store) runningInto(ctx context.Context, t *txn, found []string, m *fact.ReleaseMatch) ([]string, error) {
	var list []byte
	org := s.options.Organisation
	if _, err := t.get(ctx, `SELECT json_group_array(id) FROM (SELECT u.id FROM unit u WHERE u.di = ? AND u.version = ? AND `+ownUnit+` ORDER BY u.id LIMIT ?) run`,
		[]any{m.DI, m.Version, org, org, maxNamed - len(found)}, &list); err != nil {
		return nil, fmt.Errorf("reading which units run a release: %w", err)
	}
	var units []string
	if err := json.Unmarshal(list, &units); err != nil {
		return nil, fmt.Errorf("reading which units run a release: %w", err)
	}
	return append(found, units...), nil
}

const matchColumns = "m.id, m.advisory, m.di, m.version, m.state, m.basis, m.confidence, m.doc"

func scanMatch(from scanner, more ...any) (fact.ReleaseMatch, error) {
	var m fact.ReleaseMatch
	var doc []byte
	dest := append([]any{&m.ID, &m.Advisory, &m.DI, &m.Version, &m.State, &m.Basis, &m.Confidence, &doc}, more...)
	if err := from.Scan(dest...); err != nil {
		return m, err
	}
	return m, json.Unmarshal(doc, &m.MatchText)
}

// AdvisoryMatch returns a match by its id.
func (s *Store) AdvisoryMatch(ctx context.Context, id string) (fact.ReleaseMatch, error) {
	m, err := scanMatch(s.reading.QueryRowContext(ctx, "SELECT "+matchColumns+" FROM advisory_match m WHERE m.id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return m, notFound("the match")
	}
	if err != nil {
		return m, fmt.Errorf("reading a match: %w", err)
	}
	return m, nil
}

// AffectedUnits lists the units of an advisory that the filter leaves, the surest
// matches first.
func (s *Store) AffectedUnits(ctx context.Context, f fact.AffectedFilter, req ledger.PageRequest) (fact.AffectedPage, error) {
	org := s.options.Organisation
	l := listing{
		table: "advisory_match m JOIN unit u ON u.di = m.di AND u.version = m.version LEFT JOIN model ON model.di = u.di",
		where: []string{"m.advisory = ?", ownUnit}, args: []any{f.Advisory, org, org},
		order: []string{"m.confidence", "u.id"}, newest: true,
	}
	if f.State == "" {
		l.where = append(l.where, concerning)
	}
	l.narrow("m.state", f.State)
	l.narrow("u.owner", f.Owner)
	l.narrow("u.di", f.DI)
	p := fact.AffectedPage{Items: []fact.AffectedUnit{}}
	var units []*ledger.Unit
	next, err := eachOf(ctx, s, s.reading, l, matchColumns+", u.doc, model.doc", req, func(from scanner, more ...any) error {
		var doc, model []byte
		m, err := scanMatch(from, append([]any{&doc, &model}, more...)...)
		if err != nil {
			return err
		}
		u, named := new(ledger.Unit), ledger.Model{}
		if err := json.Unmarshal(doc, u); err != nil {
			return err
		}
		if model != nil {
			if err := json.Unmarshal(model, &named); err != nil {
				return err
			}
		}
		units = append(units, u)
		p.Items = append(p.Items, fact.AffectedUnit{Unit: u.ID, Owner: u.Owner, Model: named.Name, Match: m})
		return nil
	})
	if err != nil {
		return p, err
	}
	p.Next = next
	if err := s.deriveUnits(ctx, units...); err != nil {
		return p, err
	}
	for i, u := range units {
		p.Items[i].State = u.State
	}
	return p, nil
}

// maxOfUnit bounds the advisories that are told of one unit.
const maxOfUnit = 1_000

// UnitVulnerabilities lists the advisories that concern the release that a unit
// runs, in whatever state the match is: affected ones first, then by what is
// exploited, likely and severe.
func (s *Store) UnitVulnerabilities(ctx context.Context, unit string) ([]fact.UnitVulnerability, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT "+matchColumns+", "+advisoryColumns+`
		FROM unit u JOIN advisory_match m ON m.di = u.di AND m.version = u.version JOIN advisory ON advisory.id = m.advisory
		WHERE u.id = ? AND `+ownUnit+` ORDER BY m.state = 'affected' DESC, m.state = 'possible' DESC, exploited DESC, likelihood DESC, score DESC, m.confidence DESC, m.advisory
		LIMIT ?`, unit, s.options.Organisation, s.options.Organisation, maxOfUnit)
	if err != nil {
		return nil, fmt.Errorf("reading the advisories about a unit: %w", err)
	}
	defer rows.Close()
	all := []fact.UnitVulnerability{}
	for rows.Next() {
		var v fact.UnitVulnerability
		var published, updated, imported int64
		var doc []byte
		a := &v.Advisory
		v.Match, err = scanMatch(rows, &a.ID, &a.Format, &a.Tracking, &a.Namespace, &a.Publisher, &a.Title, &a.Version, &a.Status, &a.Marking,
			&published, &updated, &imported, &a.Score, &a.Exploited, &a.Likelihood, &a.Digest, &doc)
		if err != nil {
			return nil, fmt.Errorf("reading an advisory about a unit: %w", err)
		}
		a.Published, a.Updated, a.Imported = fromMillis(published), fromMillis(updated), fromMillis(imported)
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the advisories about a unit: %w", err)
	}
	return all, nil
}

// Landscape returns all that advisories are matched with; when its basis is the
// known one, without the statements on exploitability, which are large. Of these it
// has those of makers of what units run.
func (s *Store) Landscape(ctx context.Context, known string) (fact.Landscape, error) {
	var l fact.Landscape
	tx, err := s.reading.BeginTx(ctx, nil)
	if err != nil {
		return l, fmt.Errorf("reading what advisories are matched with: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // only reads
	h := sha256.New()
	rows, err := tx.QueryContext(ctx, `WITH run AS (SELECT DISTINCT u.di, u.version FROM unit u WHERE u.version <> '' AND `+ownUnit+`)
		SELECT run.di, run.version, m.doc, o.doc,
			coalesce((SELECT d.digest FROM release r JOIN document d ON d.kind = 'sbom' AND d.digest = r.sbom WHERE r.di = run.di AND r.version = run.version), '')
		FROM run LEFT JOIN model m ON m.di = run.di LEFT JOIN organisation o ON o.id = m.manufacturer ORDER BY run.di, run.version`,
		s.options.Organisation, s.options.Organisation)
	if err != nil {
		return l, fmt.Errorf("reading the releases that units run: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r fact.RunRelease
		var model, maker []byte
		if err := rows.Scan(&r.DI, &r.Version, &model, &maker, &r.Bill); err != nil {
			return l, fmt.Errorf("reading a release that units run: %w", err)
		}
		var m ledger.Model
		var o ledger.Organisation
		if model != nil {
			if err := json.Unmarshal(model, &m); err != nil {
				return l, fmt.Errorf("reading a model: %w", err)
			}
		}
		if maker != nil {
			if err := json.Unmarshal(maker, &o); err != nil {
				return l, fmt.Errorf("reading a manufacturer: %w", err)
			}
		}
		r.Model, r.Number, r.Manufacturer, r.ManufacturerName = m.Name, m.ModelNumber, m.Manufacturer, o.Name
		for _, part := range []string{"release", r.DI, r.Version, r.Model, r.Number, r.Manufacturer, r.ManufacturerName, r.Bill} {
			text(h, []byte(part))
		}
		l.Releases = append(l.Releases, r)
	}
	if err := rows.Err(); err != nil {
		return l, fmt.Errorf("reading the releases that units run: %w", err)
	}
	if l.Decisions, err = s.Decisions(ctx, ""); err != nil {
		return l, err
	}
	for _, d := range l.Decisions {
		for _, part := range []string{"decision", d.Subject, d.DI, strconv.FormatBool(d.Confirmed)} {
			text(h, []byte(part))
		}
	}
	if l.VEX, err = carriedVEX(ctx, tx); err != nil {
		return l, err
	}
	// Nobody else's word counts, and what does not count makes no work and takes no memory.
	makers := map[string]bool{}
	for i := range l.Releases {
		makers[l.Releases[i].Manufacturer] = true
	}
	l.VEX = slices.DeleteFunc(l.VEX, func(v fact.CarriedVEX) bool { return !makers[v.Sharer] })
	for _, v := range l.VEX {
		for _, part := range []string{"vex", v.Digest, v.Sharer} {
			text(h, []byte(part))
		}
	}
	if l.Basis = hex.EncodeToString(h.Sum(nil)[:16]); l.Basis == known {
		return l, nil
	}
	for i := range l.VEX {
		if err := tx.QueryRowContext(ctx, "SELECT doc FROM vex WHERE digest = ?", l.VEX[i].Digest).Scan(&l.VEX[i].Doc); err != nil {
			return l, fmt.Errorf("reading statements on exploitability: %w", err)
		}
	}
	return l, nil
}

// carriedVEX lists the statements on exploitability that somebody stands by, with
// each who does, without what they say.
func carriedVEX(ctx context.Context, q querier) ([]fact.CarriedVEX, error) {
	rows, err := q.QueryContext(ctx, `SELECT v.digest, t.sharer FROM vex v JOIN threat t ON t.digest = v.digest
		WHERE NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.digest = t.digest AND w.sharer = t.sharer) ORDER BY t.block, t.idx, t.sharer`)
	if err != nil {
		return nil, fmt.Errorf("reading statements on exploitability: %w", err)
	}
	defer rows.Close()
	var all []fact.CarriedVEX
	for rows.Next() {
		var v fact.CarriedVEX
		if err := rows.Scan(&v.Digest, &v.Sharer); err != nil {
			return nil, fmt.Errorf("reading statements on exploitability: %w", err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading statements on exploitability: %w", err)
	}
	return all, nil
}

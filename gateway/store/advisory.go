package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// What became of an advisory that was handed in.
const (
	AdvisoryAdded     = "added"
	AdvisoryUpdated   = "updated"
	AdvisoryUnchanged = "unchanged" // the same bytes, or an edition that is not newer
)

// PutAdvisory keeps an advisory in place of an earlier edition of it, and says
// which. An edition that is older than the one that is kept changes nothing, so
// that importing a folder again in any order does no harm.
func (s *Store) PutAdvisory(ctx context.Context, a fact.Advisory, body []byte) (outcome string, err error) {
	doc, err := json.Marshal(a.AdvisoryText)
	if err != nil {
		return "", fmt.Errorf("encoding an advisory: %w", err)
	}
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		var digest string
		var updated int64
		known, err := t.get(ctx, "SELECT digest, updated FROM advisory WHERE id = ?", []any{a.ID}, &digest, &updated)
		if err != nil {
			return fmt.Errorf("reading the advisory before: %w", err)
		}
		outcome = AdvisoryAdded
		if known {
			if outcome = AdvisoryUpdated; digest == a.Digest || millis(a.Updated) < updated {
				outcome = AdvisoryUnchanged
				return nil
			}
		}
		if _, err := t.exec(ctx, `INSERT INTO advisory (id, format, tracking, namespace, publisher, title, version, status, marking,
				published, updated, imported, score, exploited, likelihood, digest, basis, doc, body)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, '', ?, ?)
			ON CONFLICT (id) DO UPDATE SET format = excluded.format, tracking = excluded.tracking, namespace = excluded.namespace,
				publisher = excluded.publisher, title = excluded.title, version = excluded.version, status = excluded.status, marking = excluded.marking,
				published = excluded.published, updated = excluded.updated, imported = excluded.imported, score = excluded.score,
				exploited = excluded.exploited, likelihood = excluded.likelihood, digest = excluded.digest, basis = excluded.basis,
				doc = excluded.doc, body = excluded.body`,
			a.ID, a.Format, a.Tracking, a.Namespace, a.Publisher, a.Title, a.Version, a.Status, a.Marking,
			millis(a.Published), millis(a.Updated), millis(s.now()), a.Score, a.Digest, doc, body); err != nil {
			return fmt.Errorf("keeping an advisory: %w", err)
		}
		if _, err := t.exec(ctx, "DELETE FROM advisory_vulnerability WHERE advisory = ?", a.ID); err != nil {
			return fmt.Errorf("replacing an advisory's vulnerabilities: %w", err)
		}
		for _, v := range a.Vulnerabilities {
			if _, err := t.exec(ctx, "INSERT INTO advisory_vulnerability (advisory, vulnerability) VALUES (?, ?) ON CONFLICT DO NOTHING", a.ID, v.ID); err != nil {
				return fmt.Errorf("keeping an advisory's vulnerabilities: %w", err)
			}
		}
		return t.rankAdvisories(ctx, a.ID)
	})
	return outcome, err
}

// ranks sets what is known of the exploitation of advisories.
const ranks = `UPDATE advisory SET
	exploited = CASE WHEN EXISTS (SELECT 1 FROM advisory_vulnerability v JOIN exploited e USING (vulnerability) WHERE v.advisory = advisory.id) THEN 1 ELSE 0 END,
	likelihood = coalesce((SELECT max(probability) FROM advisory_vulnerability v JOIN likelihood l USING (vulnerability) WHERE v.advisory = advisory.id), 0)`

// rankOne ranks one advisory, and reads no others.
const rankOne = ranks + " WHERE id = ?"

// rankAdvisories sets what is known of exploitation for one advisory, or with an
// empty id for all.
func (t *txn) rankAdvisories(ctx context.Context, id string) error {
	query, args := ranks, []any(nil)
	if id != "" {
		query, args = rankOne, []any{id}
	}
	if _, err := t.exec(ctx, query, args...); err != nil {
		return fmt.Errorf("ranking advisories: %w", err)
	}
	return nil
}

const advisoryColumns = `advisory.id, format, tracking, namespace, publisher, title, advisory.version, status, marking, published, updated, imported,
	score, exploited, likelihood, digest, advisory.doc`

func scanAdvisory(from scanner, more ...any) (fact.Advisory, error) {
	var a fact.Advisory
	var published, updated, imported int64
	var doc []byte
	dest := append([]any{
		&a.ID, &a.Format, &a.Tracking, &a.Namespace, &a.Publisher, &a.Title, &a.Version, &a.Status, &a.Marking, &published, &updated, &imported,
		&a.Score, &a.Exploited, &a.Likelihood, &a.Digest, &doc,
	}, more...)
	if err := from.Scan(dest...); err != nil {
		return a, err
	}
	a.Published, a.Updated, a.Imported = fromMillis(published), fromMillis(updated), fromMillis(imported)
	return a, json.Unmarshal(doc, &a.AdvisoryText)
}

// Advisory returns an advisory with how many units it concerns and what is known
// of the exploitation of its vulnerabilities.
func (s *Store) Advisory(ctx context.Context, id string) (fact.Advisory, error) {
	a, err := scanAdvisory(s.reading.QueryRowContext(ctx, "SELECT "+advisoryColumns+" FROM advisory WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return a, notFound("the advisory")
	}
	if err != nil {
		return a, fmt.Errorf("reading an advisory: %w", err)
	}
	all := []fact.Advisory{a}
	err = s.completeAdvisories(ctx, all)
	return all[0], err
}

// AdvisoryBody returns an advisory as it came.
func (s *Store) AdvisoryBody(ctx context.Context, id string) (digest string, body []byte, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT digest, body FROM advisory WHERE id = ?", id).Scan(&digest, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, notFound("the advisory")
	}
	if err != nil {
		return "", nil, fmt.Errorf("reading an advisory: %w", err)
	}
	return digest, body, nil
}

// concerning is the condition under which a match counts.
const concerning = "m.state IN ('affected', 'possible')"

// ownUnit is the condition under which a unit is one of this node's: its own, or
// made by its organisation, and not retired. It has two arguments, both the
// organisation.
const ownUnit = "(u.owner = ? OR u.manufacturer = ?) AND u.state <> '" + ledger.StateRetired + "'"

// Advisories lists the advisories that the filter leaves.
func (s *Store) Advisories(ctx context.Context, f fact.AdvisoryFilter, req ledger.PageRequest) (fact.AdvisoryPage, error) {
	l := listing{table: "advisory", newest: true}
	switch f.Sort {
	case "updated":
		l.order = []string{"updated", "advisory.id"}
	case "score":
		l.order = []string{"score", "updated", "advisory.id"}
	case "likelihood":
		l.order = []string{"likelihood", "updated", "advisory.id"}
	default:
		l.order = []string{"exploited", "likelihood", "score", "updated", "advisory.id"}
	}
	if f.Vulnerability != "" {
		l.where = append(l.where, "EXISTS (SELECT 1 FROM advisory_vulnerability v WHERE v.advisory = advisory.id AND v.vulnerability = ?)")
		l.args = append(l.args, f.Vulnerability)
	}
	if f.Matching {
		l.where = append(l.where, "EXISTS (SELECT 1 FROM advisory_match m JOIN unit u ON u.di = m.di AND u.version = m.version WHERE m.advisory = advisory.id AND "+
			concerning+" AND "+ownUnit+")")
		l.args = append(l.args, s.options.Organisation, s.options.Organisation)
	}
	if f.Exploited {
		l.where = append(l.where, "exploited = 1")
	}
	p := fact.AdvisoryPage{Items: []fact.Advisory{}}
	next, err := eachOf(ctx, s, s.reading, l, advisoryColumns, req, func(from scanner, more ...any) error {
		a, err := scanAdvisory(from, more...)
		p.Items = append(p.Items, a)
		return err
	})
	if err != nil {
		return p, err
	}
	p.Next = next
	return p, s.completeAdvisories(ctx, p.Items)
}

// completeAdvisories adds what changes without the advisories.
func (s *Store) completeAdvisories(ctx context.Context, all []fact.Advisory) error {
	org := s.options.Organisation
	for i := range all {
		a := &all[i]
		err := s.reading.QueryRowContext(ctx, `SELECT
			(SELECT count(*) FROM advisory_match m JOIN unit u ON u.di = m.di AND u.version = m.version WHERE m.advisory = ? AND `+concerning+` AND `+ownUnit+`),
			(SELECT count(*) FROM advisory_match m WHERE m.advisory = ? AND m.state = 'possible')`, a.ID, org, org, a.ID).Scan(&a.Units, &a.Open)
		if err != nil {
			return fmt.Errorf("counting the units that an advisory concerns: %w", err)
		}
		if err := s.exploitationInto(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// exploitationInto adds what is known of the exploitation of an advisory's
// vulnerabilities.
func (s *Store) exploitationInto(ctx context.Context, a *fact.Advisory) error {
	rows, err := s.reading.QueryContext(ctx, `SELECT v.vulnerability, e.added, e.due, e.ransomware, e.action, l.probability
		FROM advisory_vulnerability v LEFT JOIN exploited e USING (vulnerability) LEFT JOIN likelihood l USING (vulnerability)
		WHERE v.advisory = ? AND (e.added IS NOT NULL OR l.probability IS NOT NULL)`, a.ID)
	if err != nil {
		return fmt.Errorf("reading what is exploited: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var added, due, probability sql.NullInt64
		var ransomware sql.NullBool
		var action sql.NullString
		if err := rows.Scan(&id, &added, &due, &ransomware, &action, &probability); err != nil {
			return fmt.Errorf("reading what is exploited: %w", err)
		}
		for i := range a.Vulnerabilities {
			v := &a.Vulnerabilities[i]
			if v.ID != id {
				continue
			}
			if added.Valid {
				v.Exploited = &fact.Exploited{Added: fromMillis(added.Int64), Due: fromMillis(due.Int64), Ransomware: ransomware.Bool, Action: action.String}
			}
			if probability.Valid {
				n := int(probability.Int64)
				v.Probability = &n
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading what is exploited: %w", err)
	}
	return nil
}

// ExploitedRow is an entry of the catalogue of exploited vulnerabilities.
type ExploitedRow struct {
	Vulnerability string
	fact.Exploited
}

// PutExploited puts a catalogue of exploited vulnerabilities in place of the one
// before, and ranks all advisories and reviews all devices anew when it names others.
func (s *Store) PutExploited(ctx context.Context, list []ExploitedRow) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		before, err := t.exploited(ctx)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, "DELETE FROM exploited"); err != nil {
			return fmt.Errorf("replacing the catalogue: %w", err)
		}
		for _, e := range list {
			if _, err := t.exec(ctx, `INSERT INTO exploited (vulnerability, added, due, ransomware, action) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (vulnerability) DO UPDATE SET added = excluded.added, due = excluded.due, ransomware = excluded.ransomware, action = excluded.action`,
				e.Vulnerability, millis(e.Added), millis(e.Due), e.Ransomware, e.Action); err != nil {
				return fmt.Errorf("keeping the catalogue: %w", err)
			}
		}
		after, err := t.exploited(ctx)
		if err != nil || after == before { // a new edition often has the same
			return err
		}
		if err := s.reviewAll(ctx, t); err != nil {
			return err
		}
		return t.rankAdvisories(ctx, "")
	})
}

// exploited lists the ids of what is exploited as one text.
func (t *txn) exploited(ctx context.Context) (ids string, err error) {
	_, err = t.get(ctx, "SELECT coalesce(group_concat(vulnerability, ' '), '') FROM (SELECT vulnerability FROM exploited ORDER BY vulnerability) e", nil, &ids)
	return ids, wrapped("reading what is exploited", err)
}

// LikelihoodRow is how likely a vulnerability is exploited.
type LikelihoodRow struct {
	Vulnerability           string
	Probability, Percentile int // parts of a million
}

// PutLikelihoods keeps how likely vulnerabilities are exploited, in place of what
// was known of the same ones. Call it with parts of a file, so that no write waits
// for all of it; with last the advisories are ranked anew.
func (s *Store) PutLikelihoods(ctx context.Context, list []LikelihoodRow, last bool) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		for _, l := range list {
			if _, err := t.exec(ctx, `INSERT INTO likelihood (vulnerability, probability, percentile) VALUES (?, ?, ?)
				ON CONFLICT (vulnerability) DO UPDATE SET probability = excluded.probability, percentile = excluded.percentile`,
				l.Vulnerability, l.Probability, l.Percentile); err != nil {
				return fmt.Errorf("keeping likelihoods: %w", err)
			}
		}
		if !last {
			return nil
		}
		return t.rankAdvisories(ctx, "")
	})
}

// AdvisoryKnown reports whether an edition of an advisory of one of the publishers
// is kept that is not older than a time.
func (s *Store) AdvisoryKnown(ctx context.Context, tracking string, publishers []string, updated time.Time) (known bool, err error) {
	list, err := json.Marshal(publishers)
	if err != nil {
		return false, fmt.Errorf("encoding the publishers: %w", err)
	}
	err = s.reading.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM advisory WHERE tracking = ? AND updated >= ?
		AND namespace IN (SELECT value FROM json_each(?)))`, tracking, millis(updated), string(list)).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("looking for an advisory: %w", err)
	}
	return known, nil
}

// dueAdvisories reads those of which the index says that they are due, and no others.
const dueAdvisories = `SELECT * FROM (SELECT id, tracking, body FROM advisory WHERE basis < ?1 ORDER BY basis LIMIT ?2) lower
	UNION ALL SELECT * FROM (SELECT id, tracking, body FROM advisory WHERE basis > ?1 ORDER BY basis LIMIT ?2) higher LIMIT ?2`

// DueAdvisories returns up to limit advisories that were not matched with the
// landscape of that basis; those never matched come first.
func (s *Store) DueAdvisories(ctx context.Context, basis string, limit int) ([]fact.DueAdvisory, error) {
	return s.dueAdvisories(ctx, dueAdvisories, basis, limit)
}

// AdvisoryToMatch returns one advisory as DueAdvisories does.
func (s *Store) AdvisoryToMatch(ctx context.Context, id string) (fact.DueAdvisory, error) {
	list, err := s.dueAdvisories(ctx, "SELECT id, tracking, body FROM advisory WHERE id = ?", id)
	if err == nil && len(list) == 0 {
		err = notFound("the advisory")
	}
	if err != nil {
		return fact.DueAdvisory{}, err
	}
	return list[0], nil
}

func (s *Store) dueAdvisories(ctx context.Context, query string, args ...any) ([]fact.DueAdvisory, error) {
	rows, err := s.reading.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading advisories to match: %w", err)
	}
	defer rows.Close()
	var all []fact.DueAdvisory
	for rows.Next() {
		var d fact.DueAdvisory
		if err := rows.Scan(&d.ID, &d.Tracking, &d.Body); err != nil {
			return nil, fmt.Errorf("reading an advisory to match: %w", err)
		}
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading advisories to match: %w", err)
	}
	return all, nil
}

// Decide keeps what a person said of a match, under each of its subjects, in place
// of what was said before.
func (s *Store) Decide(ctx context.Context, decisions []fact.AdvisoryDecision) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		for _, d := range decisions {
			if _, err := t.exec(ctx, `INSERT INTO advisory_decision (subject, di, confirmed, by, role, note, advisory, time)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (subject, di) DO UPDATE SET confirmed = excluded.confirmed, by = excluded.by, role = excluded.role,
					note = excluded.note, advisory = excluded.advisory, time = excluded.time`,
				d.Subject, d.DI, d.Confirmed, d.By, d.Role, d.Note, d.Advisory, millis(s.now())); err != nil {
				return fmt.Errorf("keeping a decision: %w", err)
			}
		}
		return nil
	})
}

// Decisions lists what persons said of matches, by subject; with a model's di only
// of that model.
func (s *Store) Decisions(ctx context.Context, di string) ([]fact.AdvisoryDecision, error) {
	rows, err := s.reading.QueryContext(ctx, `SELECT subject, di, confirmed, by, role, note, advisory, time FROM advisory_decision
		WHERE ?1 = '' OR di = ?1 ORDER BY subject, di`, di)
	if err != nil {
		return nil, fmt.Errorf("reading decisions: %w", err)
	}
	defer rows.Close()
	all := []fact.AdvisoryDecision{}
	for rows.Next() {
		var d fact.AdvisoryDecision
		var ms int64
		if err := rows.Scan(&d.Subject, &d.DI, &d.Confirmed, &d.By, &d.Role, &d.Note, &d.Advisory, &ms); err != nil {
			return nil, fmt.Errorf("reading a decision: %w", err)
		}
		d.Time = fromMillis(ms)
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading decisions: %w", err)
	}
	return all, nil
}

// PutVEX keeps the statements on exploitability that a report carries.
func (s *Store) PutVEX(ctx context.Context, digest string, doc []byte) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "INSERT INTO vex (digest, doc) VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET doc = excluded.doc", digest, doc); err != nil {
			return fmt.Errorf("keeping statements on exploitability: %w", err)
		}
		return nil
	})
}

package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/secant-platform/secant/analytics/fact"
)

// maxExposures bounds the vulnerabilities that are told of one release.
const maxExposures = 500

// ExploitedDigest names the catalogue of exploited vulnerabilities that is known
// here: SHA-256 over the ids in order, a line each. Empty: there is none.
func (s *Store) ExploitedDigest(ctx context.Context) (string, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT vulnerability FROM exploited ORDER BY vulnerability")
	if err != nil {
		return "", fmt.Errorf("reading what is exploited: %w", err)
	}
	defer rows.Close()
	sum := sha256.New()
	some := false
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return "", fmt.Errorf("reading what is exploited: %w", err)
		}
		some = true
		_, _ = sum.Write([]byte(id + "\n"))
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("reading what is exploited: %w", err)
	}
	if !some {
		return "", nil
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// statuses are those of a vulnerability in a release, the gravest last.
var statuses = []string{"not_affected", "fixed", "under_investigation", "affected"}

// Exposures lists the vulnerabilities of a release by id: those of matches that are
// certain or that a person confirmed, and those that its maker says it has not. Where
// advisories differ on one, the gravest word counts: it may be in two components, and
// the maker have spoken of one. Where there are too many, exploited ones go first.
func (s *Store) Exposures(ctx context.Context, di, version string) ([]fact.Exposure, error) {
	rows, err := s.reading.QueryContext(ctx, `SELECT m.doc, a.published FROM advisory_match m JOIN advisory a ON a.id = m.advisory
		WHERE m.di = ? AND m.version = ? AND m.state IN ('affected', 'not_affected') ORDER BY a.exploited DESC, a.published, a.id LIMIT ?`, di, version, maxExposures)
	if err != nil {
		return nil, fmt.Errorf("reading the vulnerabilities of a release: %w", err)
	}
	defer rows.Close()
	found := map[string]fact.Exposure{}
	for rows.Next() {
		var doc []byte
		var published int64
		var m fact.MatchText
		if err := rows.Scan(&doc, &published); err != nil {
			return nil, fmt.Errorf("reading the vulnerabilities of a release: %w", err)
		}
		if err := json.Unmarshal(doc, &m); err != nil {
			return nil, fmt.Errorf("reading a match: %w", err)
		}
		for _, c := range m.Vulnerabilities {
			e, known := found[c.ID]
			if !known {
				if len(found) >= maxExposures {
					continue
				}
				e = fact.Exposure{ID: c.ID, Status: c.Status, Published: fromMillis(published)}
			}
			if at := fromMillis(published); at.Before(e.Published) {
				e.Published = at // the first to tell of it dates it
			}
			if slices.Index(statuses, c.Status) > slices.Index(statuses, e.Status) {
				e.Status = c.Status
			}
			e.Score = max(e.Score, c.Score)
			e.Answered = e.Answered || len(m.Actions) > 0
			found[c.ID] = e
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the vulnerabilities of a release: %w", err)
	}
	list := make([]fact.Exposure, 0, len(found))
	for _, id := range slices.Sorted(maps.Keys(found)) {
		e := found[id]
		if err := s.reading.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM exploited WHERE vulnerability = ?)", id).Scan(&e.Exploited); err != nil {
			return nil, fmt.Errorf("reading what is exploited: %w", err)
		}
		list = append(list, e)
	}
	return list, nil
}

// matched returns what an advisory says of each release, by model and version.
func (t *txn) matched(ctx context.Context, advisory string) (map[[2]string]string, error) {
	var list []byte
	if _, err := t.get(ctx, "SELECT json_group_array(json_array(di, version, state || ' ' || CAST(doc AS TEXT))) FROM advisory_match WHERE advisory = ?",
		[]any{advisory}, &list); err != nil {
		return nil, fmt.Errorf("reading matches: %w", err)
	}
	var rows [][3]string
	if err := json.Unmarshal(list, &rows); err != nil {
		return nil, fmt.Errorf("reading matches: %w", err)
	}
	said := map[[2]string]string{}
	for _, r := range rows {
		said[[2]string{r[0], r[1]}] = r[2]
	}
	return said, nil
}

// reviewMatched makes those own units due of whose releases an advisory says something
// else than it did.
func (s *Store) reviewMatched(ctx context.Context, t *txn, was map[[2]string]string, advisory string) error {
	is, err := t.matched(ctx, advisory)
	if err != nil {
		return err
	}
	for _, release := range slices.SortedFunc(maps.Keys(join(was, is)), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		if was[release] == is[release] {
			continue
		}
		if err := s.dueGroup(ctx, t, "release", release[0], release[1]); err != nil {
			return err
		}
	}
	return nil
}

func join(a, b map[[2]string]string) map[[2]string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

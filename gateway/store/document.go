package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// PutDocument keeps a document under its digest, and ends all fetches of it;
// keeping it again changes nothing. It fails with an invalid problem when the digest is not the body's.
func (s *Store) PutDocument(ctx context.Context, d fact.Document) error {
	if d.Digest != d.Kind.Digest(d.Body) {
		return ledger.Problemf(ledger.CodeInvalid, "the document's digest is not the one of its content")
	}
	if len(d.Body) == 0 {
		return ledger.Problemf(ledger.CodeInvalid, "the document is empty")
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		added, err := t.exec(ctx, "INSERT INTO document (kind, digest, media_type, stored, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			string(d.Kind), d.Digest, d.MediaType, millis(time.Now()), d.Body)
		if err != nil {
			return fmt.Errorf("keeping a document: %w", err)
		}
		if _, err := t.exec(ctx, `DELETE FROM "fetch" WHERE kind = ? AND digest = ?`, string(d.Kind), d.Digest); err != nil {
			return fmt.Errorf("ending a fetch: %w", err)
		}
		switch {
		case added == 0:
		case d.Kind == fact.DocumentSBOM:
			if err := s.reviewBill(ctx, t, d.Digest); err != nil {
				return err
			}
			return t.devicesChanged(ctx)
		case d.Kind == fact.DocumentCatalogue:
			return s.reviewAll(ctx, t)
		case d.Kind == fact.DocumentReport:
			if _, err := t.exec(ctx, `INSERT INTO assessment (report, title, severity, version, attempts, next)
				VALUES (?, '', 0, -1, 0, 0)
				ON CONFLICT DO NOTHING`, d.Digest); err != nil {
				return fmt.Errorf("noting a report to assess: %w", err)
			}
		}
		return nil
	})
}

// Document returns a document by its digest; it fails with a not_found problem
// when the node does not hold it.
func (s *Store) Document(ctx context.Context, kind fact.DocumentKind, digest string) (fact.Document, error) {
	d := fact.Document{Kind: kind, Digest: digest}
	var stored int64
	err := s.reading.QueryRowContext(ctx, "SELECT media_type, stored, body FROM document WHERE kind = ? AND digest = ?",
		string(kind), digest).Scan(&d.MediaType, &stored, &d.Body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return d, notFound("the document")
	case err != nil:
		return d, fmt.Errorf("reading a document: %w", err)
	}
	d.Stored = fromMillis(stored)
	return d, nil
}

// want notes documents that a write makes this node want and that it does not
// hold: the body of another member's report, the bill of materials of a release
// that an own unit in service runs, and the schemas of credential types.
func (s *Store) want(ctx context.Context, t *txn, w *ledger.Write) error {
	if s.options.Organisation == "" || w.Delete {
		return nil
	}
	switch {
	case w.Key.Type == ledger.TypeThreat && len(w.Key.Parts) == 2:
		return s.wantReport(ctx, t, w.Key.Parts[0], w.Key.Parts[1])
	case w.Key.Type == ledger.TypeUnit && len(w.Key.Parts) == 1:
		return s.wantSBOM(ctx, t, w.Key.Parts[0])
	case w.Key.Type == ledger.TypeSchema && len(w.Key.Parts) == 2:
		return s.wantSchema(ctx, t, w.Key.Parts[0], w.Key.Parts[1])
	case w.Key.Type == ledger.TypeCatalogue && len(w.Key.Parts) == 2:
		return s.wantCatalogue(ctx, t, w.Key.Parts[0], w.Key.Parts[1])
	}
	return nil
}

func (s *Store) wantReport(ctx context.Context, t *txn, digest, sharer string) error {
	var doc []byte
	found, err := t.get(ctx, `SELECT doc FROM threat WHERE digest = ?1 AND sharer = ?2 AND sharer <> ?3
		AND NOT EXISTS (SELECT 1 FROM document WHERE kind = 'report' AND digest = ?1)`, []any{digest, sharer, s.options.Organisation}, &doc)
	if err != nil {
		return fmt.Errorf("reading a report of another member: %w", err)
	}
	if !found {
		return nil
	}
	var threat ledger.Threat
	if err := json.Unmarshal(doc, &threat); err != nil {
		return fmt.Errorf("reading a report of another member: %w", err)
	}
	if ledger.Sealed(threat.Marking) {
		return nil // its body goes to whom its sharer named, and is not served
	}
	return t.fetch(ctx, fact.Fetch{
		Kind: fact.DocumentReport, Digest: digest, MediaType: threat.MediaType, Size: threat.Size, Holder: threat.Sharer,
		Path: "/v1/threats/" + url.PathEscape(digest) + "/body",
	})
}

// fetch notes a document to fetch from one holder.
func (t *txn) fetch(ctx context.Context, f fact.Fetch) error {
	_, err := t.exec(ctx, `INSERT INTO "fetch" (kind, digest, media_type, size, holder, path, attempts, next)
		VALUES (?, ?, ?, ?, ?, ?, 0, 0)
		ON CONFLICT DO NOTHING`, string(f.Kind), f.Digest, f.MediaType, f.Size, f.Holder, f.Path)
	if err != nil {
		return fmt.Errorf("noting a wanted document: %w", err)
	}
	return nil
}

func (s *Store) wantSBOM(ctx context.Context, t *txn, unit string) error {
	var di, version, digest, maker, state string
	var held bool
	own, err := t.get(ctx, `SELECT u.di, u.version, coalesce(r.sbom, ''), u.manufacturer, u.state,
			EXISTS (SELECT 1 FROM document d WHERE d.kind = 'sbom' AND d.digest = r.sbom)
		FROM unit u LEFT JOIN release r ON r.di = u.di AND r.version = u.version WHERE u.id = ? AND u.owner = ?`,
		[]any{unit, s.options.Organisation}, &di, &version, &digest, &maker, &state, &held)
	if err != nil {
		return fmt.Errorf("reading an own unit: %w", err)
	}
	if !own {
		return nil
	}
	if err := t.devicesChanged(ctx); err != nil {
		return err
	}
	// A maker registers units for others as it likes; only one that the own
	// hospital took into service makes its bill worth having.
	if digest == "" || held || maker == s.options.Organisation || state != ledger.StateInService {
		return nil
	}
	return t.fetch(ctx, fact.Fetch{
		Kind: fact.DocumentSBOM, Digest: digest, Holder: maker,
		Path: "/v1/models/" + url.PathEscape(di) + "/releases/" + url.PathEscape(version) + "/sbom",
	})
}

// Holders lists the members (MSP ids) whose nodes serve documents that this
// node wants, by name.
func (s *Store) Holders(ctx context.Context) ([]string, error) {
	// One step of the index for each holder, however many documents it holds.
	rows, err := s.reading.QueryContext(ctx, `WITH RECURSIVE h (id) AS (SELECT min(holder) FROM "fetch"
			UNION ALL SELECT (SELECT min(holder) FROM "fetch" WHERE holder > h.id) FROM h WHERE h.id IS NOT NULL)
		SELECT id FROM h WHERE id IS NOT NULL`)
	if err != nil {
		return nil, fmt.Errorf("reading the holders of wanted documents: %w", err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading a holder of wanted documents: %w", err)
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the holders of wanted documents: %w", err)
	}
	return all, nil
}

// Wanted returns the document that is to be fetched from a holder now: of those
// that are due, the one that failed least, then the one that the ledger named
// first. It is nil when none is due;
// next says then when one will be, and is zero when the holder has none at all.
func (s *Store) Wanted(ctx context.Context, holder string, now time.Time) (f *fact.Fetch, next time.Time, err error) {
	f = &fact.Fetch{}
	var ms int64
	err = s.reading.QueryRowContext(ctx, `SELECT kind, digest, media_type, size, holder, path, attempts, next
		FROM "fetch" INDEXED BY fetch_holder WHERE holder = ? AND next <= ? ORDER BY attempts, seq LIMIT 1`, holder, millis(now)).
		Scan(&f.Kind, &f.Digest, &f.MediaType, &f.Size, &f.Holder, &f.Path, &f.Attempts, &ms)
	if err == nil {
		f.Next = fromMillis(ms)
		return f, time.Time{}, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, time.Time{}, fmt.Errorf("reading a wanted document: %w", err)
	}
	var later sql.NullInt64
	if err := s.reading.QueryRowContext(ctx, `SELECT min(next) FROM "fetch" WHERE holder = ?`, holder).Scan(&later); err != nil {
		return nil, time.Time{}, fmt.Errorf("reading when a document is wanted: %w", err)
	}
	if later.Valid {
		next = fromMillis(later.Int64)
	}
	return nil, next, nil
}

// Postpone notes that a fetch failed and when to try it again from this holder.
func (s *Store) Postpone(ctx context.Context, f fact.Fetch, next time.Time) error {
	return s.derive(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, `UPDATE "fetch" SET attempts = attempts + 1, next = ? WHERE kind = ? AND digest = ? AND holder = ?`,
			millis(next), string(f.Kind), f.Digest, f.Holder)
		if err != nil {
			return fmt.Errorf("postponing a fetch: %w", err)
		}
		return nil
	})
}

package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// ControlCatalogue returns one version of a catalogue of controls.
func (s *Store) ControlCatalogue(ctx context.Context, name, version string) (fact.Row[ledger.Catalogue], error) {
	return one[ledger.Catalogue](ctx, s, "the catalogue", "control_catalogue WHERE name = ? AND version = ?", name, version)
}

// CatalogueInUse returns which version of a catalogue the members use, and false
// when they accepted none.
func (s *Store) CatalogueInUse(ctx context.Context, name string) (fact.Row[ledger.CatalogueInUse], bool, error) {
	return find[ledger.CatalogueInUse](ctx, s.reading, "the catalogue in use", "catalogue_in_use WHERE name = ?", name)
}

// ControlAssessments lists the assessments of a unit by controls, newest first.
func (s *Store) ControlAssessments(ctx context.Context, unit string, req ledger.PageRequest) (fact.Page[ledger.ControlAssessment], error) {
	l := listing{
		table: "control_assessment", order: []string{"block", "idx", "result", "assessor"}, newest: true,
		where: []string{"unit = ?"}, args: []any{unit},
	}
	return page[ledger.ControlAssessment](ctx, s, l, req)
}

// ControlAssessment returns one.
func (s *Store) ControlAssessment(ctx context.Context, unit, result, assessor string) (fact.Row[ledger.ControlAssessment], error) {
	return one[ledger.ControlAssessment](ctx, s, "the assessment", "control_assessment WHERE unit = ? AND result = ? AND assessor = ?", unit, result, assessor)
}

// Evidence returns up to limit rows of evidence of a unit and of its model, newest
// on the ledger first: of each control the last that each organisation recorded of
// either under a catalogue, so that nobody crowds out what others say.
func (s *Store) Evidence(ctx context.Context, unit, di string, limit int) ([]fact.Row[ledger.Evidence], error) {
	return many[ledger.Evidence](ctx, s, "evidence", `(SELECT *, row_number() OVER (
			PARTITION BY kind, control, witness, json_extract(CAST(doc AS TEXT), '$.catalogue') ORDER BY block DESC, idx DESC) AS nth
			FROM evidence WHERE (kind = 'device' AND subject = ?1 OR kind = 'model' AND subject = ?2)) e WHERE nth = 1
		ORDER BY block DESC, idx DESC LIMIT ?3`, unit, di, limit)
}

// ControlExceptions returns up to limit exceptions of a unit and of its model that
// were not ended, newest on the ledger first.
func (s *Store) ControlExceptions(ctx context.Context, unit, di string, limit int) ([]fact.Row[ledger.Exception], error) {
	return many[ledger.Exception](ctx, s, "exceptions", `control_exception x WHERE (kind = 'device' AND subject = ?1 OR kind = 'model' AND subject = ?2)
		AND NOT EXISTS (SELECT 1 FROM control_exception_end e WHERE e.kind = x.kind AND e.subject = x.subject AND e.control = x.control AND e.reason = x.reason)
		ORDER BY block DESC, idx DESC LIMIT ?3`, unit, di, limit)
}

func many[T any](ctx context.Context, s *Store, what, from string, args ...any) ([]fact.Row[T], error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT "+placeColumns+" FROM "+from, args...) //nolint:gosec // both are this package's own text
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	defer rows.Close()
	all := []fact.Row[T]{}
	for rows.Next() {
		row, err := scanRow[T](rows)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", what, err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return all, nil
}

// wantCatalogue notes the document of a catalogue that another member published.
func (s *Store) wantCatalogue(ctx context.Context, t *txn, name, version string) error {
	var doc []byte
	found, err := t.get(ctx, `SELECT doc FROM control_catalogue c WHERE name = ? AND version = ?
		AND NOT EXISTS (SELECT 1 FROM document WHERE kind = 'catalogue' AND digest = c.digest)`, []any{name, version}, &doc)
	if err != nil || !found {
		return wrapped("reading a catalogue", err)
	}
	var c ledger.Catalogue
	if err := json.Unmarshal(doc, &c); err != nil {
		return fmt.Errorf("reading a catalogue: %w", err)
	}
	if c.Author == s.options.Organisation {
		return nil
	}
	return t.fetch(ctx, fact.Fetch{
		Kind: fact.DocumentCatalogue, Digest: c.Digest, Holder: c.Author,
		Size: fact.MaxCatalogue, // the ledger does not state it; none is larger
		Path: "/v1/compliance/catalogues/" + c.Digest,
	})
}

func wrapped(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// WantBill notes that the bill of materials of a release is wanted though no own
// unit in service runs it, and reports whether it is here already.
func (s *Store) WantBill(ctx context.Context, r ledger.Release, maker, path string) (here bool, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.get(ctx, "SELECT EXISTS (SELECT 1 FROM document WHERE kind = 'sbom' AND digest = ?)", []any{r.SBOMDigest}, &here); err != nil {
			return fmt.Errorf("looking for a bill of materials: %w", err)
		}
		if here || maker == s.options.Organisation {
			return nil
		}
		return t.fetch(ctx, fact.Fetch{Kind: fact.DocumentSBOM, Digest: r.SBOMDigest, Holder: maker, Path: path})
	})
	return here, err
}

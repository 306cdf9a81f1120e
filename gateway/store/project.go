package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// place is where a write stands; its values fill the columns that every table
// of the projection has.
type place struct {
	block int64
	idx   int64
	tx    string
	org   string
	time  int64 // ms
	late  int64
}

const placeColumns = "block, idx, tx, org, time, late, doc"

// table is one table of the projection.
type table struct {
	name   string
	object ledger.ObjectType
	key    []string // columns of the key's parts, the primary key
	extra  []string // columns for searching
	// values decodes a stored record into the extra columns' values. It refuses
	// a record that is not readable, or that stands under another key than its own.
	values func(key ledger.Key, doc []byte) ([]any, error)

	upsert, remove string
}

// errUnreadable marks a record that this version cannot read.
var errUnreadable = errors.New("the record is not readable")

// tables lists the projection's tables in the order of the digest.
var tables = []*table{
	newTable("organisation", ledger.TypeOrganisation, []string{"id"}, nil,
		func(*ledger.Organisation) []any { return nil }),
	newTable("model", ledger.TypeModel, []string{"di"}, []string{"manufacturer"},
		func(m *ledger.Model) []any { return []any{m.Manufacturer} }),
	newTable("release", ledger.TypeRelease, []string{"di", "version"}, []string{"sbom"},
		func(r *ledger.Release) []any { return []any{r.SBOMDigest} }),
	newTable("unit", ledger.TypeUnit, []string{"id"},
		[]string{"owner", "manufacturer", "di", "version", "state", "lot", "chunk", "cleared_lot", "cleared_release"},
		func(u *ledger.Unit) []any {
			var c ledger.Cleared
			if u.Cleared != nil {
				c = *u.Cleared
			}
			return []any{u.Owner, u.Manufacturer, u.DI, u.Release, u.State, u.Lot, u.Chunk, c.Lot, c.Release}
		}),
	newTable("recall", ledger.TypeRecall, []string{"di", "kind", "value"}, []string{"revision", "ended"},
		func(r *ledger.Recall) []any { return []any{r.Revision, r.Ended} }),
	newTable("unit_change", ledger.TypeUnitHistory, []string{"unit", "change"}, nil,
		func(*ledger.UnitChange) []any { return nil }),
	newTable("unit_chunk", ledger.TypeUnitChunk, []string{"id"}, nil,
		func(*ledger.UnitChunk) []any { return nil }),
	newTable("stream", ledger.TypeStream, []string{"id"}, []string{"owner"},
		func(s *ledger.Stream) []any { return []any{s.Owner} }),
	newTable("stream_owner", ledger.TypeStreamOwner, []string{"owner"}, []string{"stream"},
		func(o *ledger.StreamOwner) []any { return []any{o.Stream} }),
	newTable("anchor", ledger.TypeAnchor, []string{"stream", "sequence"}, []string{"size"},
		func(a *ledger.Anchor) []any {
			if a.Size > math.MaxInt64 {
				return nil
			}
			return []any{int64(a.Size)}
		}),
	newTable("equivocation", ledger.TypeEquivocation, []string{"stream"}, nil,
		func(*ledger.Equivocation) []any { return nil }),
	newTable("threat", ledger.TypeThreat, []string{"digest", "sharer"}, []string{"marking"},
		func(t *ledger.Threat) []any { return []any{t.Marking} }),
	newTable("withdrawal", ledger.TypeWithdrawal, []string{"digest", "sharer"}, []string{"reason", "superseded_by"},
		func(w *ledger.Withdrawal) []any { return []any{w.Reason, w.SupersededBy} }),
	newTable("sighting", ledger.TypeSighting, []string{"digest", "sharer", "witness", "sighted"}, []string{"count"},
		func(s *ledger.Sighting) []any { return []any{s.Count} }),
	newTable("opinion", ledger.TypeOpinion, []string{"digest", "sharer", "judge"}, []string{"opinion", "weight"},
		func(o *ledger.Opinion) []any { return []any{o.Opinion, o.Weight} }),
	newTable("score", ledger.TypeScore, []string{"subject", "model", "inputs"}, nil,
		func(*ledger.Score) []any { return nil }),
	newTable("recomputation", ledger.TypeRecomputation, []string{"subject", "model", "inputs", "witness"}, []string{"agrees"},
		func(r *ledger.Recomputation) []any { return []any{r.Agrees} }),
	newTable("roster", ledger.TypeRoster, []string{"members"}, nil,
		func(*ledger.Roster) []any { return nil }),
	newTable("proposal", ledger.TypeProposal, []string{"id"}, []string{"kind", "base", "expires"},
		func(p *ledger.Proposal) []any { return []any{p.Kind, p.Base, millis(p.Expires)} }),
	newTable("vote", ledger.TypeVote, []string{"proposal", "voter"}, []string{"approve"},
		func(v *ledger.Vote) []any { return []any{v.Approve} }),
	newTable("enactment", ledger.TypeEnactment, []string{"proposal"}, nil,
		func(*ledger.Enactment) []any { return nil }),
	newTable("trust_row", ledger.TypeTrust, []string{"issuer", "type"}, []string{"state", "revision"},
		func(r *ledger.TrustRow) []any { return []any{r.State, r.Revision} }),
	newTable("credential_schema", ledger.TypeSchema, []string{"type", "version"}, []string{"digest"},
		func(s *ledger.Schema) []any { return []any{s.Digest} }),
	newTable("did", ledger.TypeDID, []string{"id"}, []string{"kind", "organisation", "revision"},
		func(d *ledger.DID) []any { return []any{d.Kind, d.Organisation, d.Revision} }),
	newTable("did_version", ledger.TypeDIDVersion, []string{"did", "revision"}, nil,
		func(*ledger.DIDVersion) []any { return nil }),
	newTable("status_list", ledger.TypeStatusList, []string{"issuer", "list"}, nil,
		func(*ledger.StatusList) []any { return nil }),
	newTable("control_catalogue", ledger.TypeCatalogue, []string{"name", "version"}, []string{"digest"},
		func(c *ledger.Catalogue) []any { return []any{c.Digest} }),
	newTable("catalogue_in_use", ledger.TypeCatalogueInUse, []string{"name"}, []string{"revision"},
		func(c *ledger.CatalogueInUse) []any { return []any{c.Revision} }),
	newTable("evidence", ledger.TypeEvidence, []string{"kind", "subject", "control", "digest", "witness"}, nil,
		func(*ledger.Evidence) []any { return nil }),
	newTable("control_assessment", ledger.TypeControlAssessment, []string{"unit", "result", "assessor"}, nil,
		func(*ledger.ControlAssessment) []any { return nil }),
	newTable("control_exception", ledger.TypeException, []string{"kind", "subject", "control", "reason"}, nil,
		func(*ledger.Exception) []any { return nil }),
	newTable("control_exception_end", ledger.TypeExceptionEnd, []string{"kind", "subject", "control", "reason"}, nil,
		func(*ledger.ExceptionEnd) []any { return nil }),
	newTable("closure", ledger.TypeClosure, []string{"proposal"}, []string{"outcome"},
		func(c *ledger.Closure) []any { return []any{c.Outcome} }),
	newTable("vocabulary", ledger.TypeVocabulary, []string{"id"}, []string{"version"},
		func(v *ledger.Vocabulary) []any { return []any{v.Version} }),
	newTable("vocabulary_version", ledger.TypeVocabularyVersion, []string{"vocabulary", "number"}, nil,
		func(*ledger.VocabularyVersion) []any { return nil }),
	newTable("vocabulary_manifest", ledger.TypeVocabularyManifest, []string{"vocabulary", "number"}, nil,
		func(*ledger.VocabularyManifest) []any { return nil }),
	newTable("vocabulary_node", ledger.TypeVocabularyNode, []string{"vocabulary", "node", "since"}, nil,
		func(*ledger.Node) []any { return nil }),
	newTable("vocabulary_change", ledger.TypeVocabularyChange, []string{"vocabulary", "proposal"}, []string{"change", "node"},
		func(c *ledger.VocabularyChange) []any { return []any{c.Change, c.About()} }),
	newTable("threat_escrow", ledger.TypeThreatEscrow, []string{"digest", "sharer"}, nil,
		func(*ledger.ThreatEscrow) []any { return nil }),
	newTable("opening_request", ledger.TypeOpeningRequest, []string{"digest", "sharer", "asker"}, nil,
		func(*ledger.OpeningRequest) []any { return nil }),
	newTable("opening_share", ledger.TypeOpeningShare, []string{"digest", "sharer", "holder"}, nil,
		func(*ledger.OpeningShare) []any { return nil }),
}

// tableOf finds the table of an object type; other holds the rest.
var tableOf = func() map[ledger.ObjectType]*table {
	m := make(map[ledger.ObjectType]*table, len(tables))
	for _, t := range tables {
		m[t.object] = t
	}
	return m
}()

func newTable[T any, P interface {
	*T
	Key() ledger.Key
}](name string, object ledger.ObjectType, key, extra []string, values func(*T) []any,
) *table {
	return &table{
		name: name, object: object, key: key, extra: extra,
		values: func(k ledger.Key, doc []byte) ([]any, error) {
			var record T
			if err := json.Unmarshal(doc, &record); err != nil {
				return nil, errUnreadable
			}
			if own := P(&record).Key(); own.Type != k.Type || !slices.Equal(own.Parts, k.Parts) {
				return nil, errUnreadable
			}
			v := values(&record)
			if len(v) != len(extra) {
				return nil, errUnreadable
			}
			return v, nil
		},
		upsert: upsertInto(name, key, extra),
		remove: fmt.Sprintf("DELETE FROM %s WHERE %s = ?", name, strings.Join(key, " = ? AND ")),
	}
}

// upsertInto writes a row in place of the one with the same key.
func upsertInto(name string, key, extra []string) string {
	rest := slices.Concat(extra, strings.Split(placeColumns, ", "))
	columns := slices.Concat(key, rest)
	set := make([]string, len(rest))
	for i, c := range rest {
		set[i] = c + " = excluded." + c
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%s) DO UPDATE SET %s", name, strings.Join(columns, ", "),
		strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", "), strings.Join(key, ", "), strings.Join(set, ", "))
}

var upsertOther = upsertInto("other", []string{"type", "parts"}, nil)

const removeOther = "DELETE FROM other WHERE type = ? AND parts = ?"

// project carries one write over into its table. What this version cannot read
// is kept as it is, for a later version; it never stops the projection.
func project(ctx context.Context, t *txn, w *ledger.Write, at *place) error {
	table := tableOf[w.Key.Type]
	if table == nil || len(w.Key.Parts) != len(table.key) {
		return projectOther(ctx, t, w, at)
	}
	if w.Delete {
		return removeRow(ctx, t, table, w)
	}
	extra, err := table.values(w.Key, w.Value)
	if err != nil {
		// An older row of the same key would be out of date.
		if err := removeRow(ctx, t, table, w); err != nil {
			return err
		}
		return projectOther(ctx, t, w, at)
	}
	args := make([]any, 0, len(w.Key.Parts)+len(extra)+7)
	for _, p := range w.Key.Parts {
		args = append(args, p)
	}
	args = append(args, extra...)
	args = append(args, at.block, at.idx, at.tx, at.org, at.time, at.late, w.Value)
	if _, err := t.exec(ctx, table.upsert, args...); err != nil {
		return fmt.Errorf("writing a row of %s: %w", table.name, err)
	}
	return nil
}

func removeRow(ctx context.Context, t *txn, table *table, w *ledger.Write) error {
	args := make([]any, len(w.Key.Parts))
	for i, p := range w.Key.Parts {
		args[i] = p
	}
	if _, err := t.exec(ctx, table.remove, args...); err != nil {
		return fmt.Errorf("removing a row of %s: %w", table.name, err)
	}
	return nil
}

func projectOther(ctx context.Context, t *txn, w *ledger.Write, at *place) error {
	parts, err := json.Marshal(w.Key.Parts)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	if w.Delete {
		_, err = t.exec(ctx, removeOther, string(w.Key.Type), string(parts))
	} else {
		value := w.Value
		if value == nil {
			value = []byte{}
		}
		_, err = t.exec(ctx, upsertOther, string(w.Key.Type), string(parts), at.block, at.idx, at.tx, at.org, at.time, at.late, value)
	}
	if err != nil {
		return fmt.Errorf("writing a row of other: %w", err)
	}
	return nil
}

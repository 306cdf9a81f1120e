package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const attestationColumns = "unit, nonce, release, status, reasons, version, digest, receipt, time, expires"

// The statuses that are told apart here.
const (
	statusUnknown = "unknown"
	statusAgainst = "contraindicated"
)

const (
	keptAttestations = 64        // of a unit; of more the oldest go
	keptAnswered     = time.Hour // the challenges that were answered: longer than they live
)

// errAnswered is the refusal of what answers a challenge again.
func errAnswered() error {
	return ledger.Problemf(ledger.CodeConflict, "the challenge was answered before: ask for another one")
}

// PutAttestation keeps what came of an attestation, and makes its unit due for
// review. It fails with a conflict when its challenge was answered before. When the
// unit stands otherwise than before, there is an event.
func (s *Store) PutAttestation(ctx context.Context, a *fact.Attestation) error {
	reasons, err := json.Marshal(a.Reasons)
	if err != nil {
		return fmt.Errorf("encoding the reasons of an attestation: %w", err)
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var before string
		if _, err := t.get(ctx, "SELECT coalesce((SELECT status FROM ("+standing+") s), '')", []any{a.Unit, a.Release}, &before); err != nil {
			return fmt.Errorf("reading an attestation: %w", err)
		}
		added, err := t.exec(ctx, "INSERT INTO attestation ("+attestationColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			a.Unit, a.Nonce, a.Release, a.Status, string(reasons), a.Version, a.Digest, a.Receipt, millis(a.Time), millis(a.Expires))
		switch {
		case err != nil:
			return fmt.Errorf("keeping an attestation: %w", err)
		case added == 0:
			return errAnswered()
		}
		// What speaks against a unit stays, however often it says less afterwards.
		if _, err := t.exec(ctx, `DELETE FROM attestation WHERE unit = ?1 AND time < ?2
			AND seq NOT IN (SELECT seq FROM attestation WHERE unit = ?1 ORDER BY seq DESC LIMIT ?3)
			AND seq NOT IN (SELECT max(seq) FROM attestation WHERE unit = ?1 AND status <> 'unknown' GROUP BY release)`,
			a.Unit, millis(a.Time.Add(-keptAnswered)), keptAttestations); err != nil {
			return fmt.Errorf("letting old attestations go: %w", err)
		}
		if err := s.due(ctx, t, "id = ?", a.Unit); err != nil {
			return err
		}
		if now := a.Status; before == now || before == statusAgainst && now == statusUnknown {
			return nil
		}
		return s.addLocalEvent(ctx, t, fact.EventUnitAttested, []string{string(ledger.TypeUnit), a.Unit}, []string{a.Unit, a.Status})
	})
}

// standing selects the attestation of a unit that counts while it runs a release: the
// last, but one that showed nothing leaves standing what spoke against the unit.
const standing = "SELECT " + attestationColumns + ` FROM attestation a WHERE unit = ?1 AND release = ?2 AND (status <> 'unknown'
		OR coalesce((SELECT status FROM attestation b WHERE b.unit = a.unit AND b.release = a.release AND b.status <> 'unknown'
			ORDER BY b.seq DESC LIMIT 1), '') <> 'contraindicated') ORDER BY seq DESC LIMIT 1`

// Attestation returns what counts of a unit's attestations while it runs a release,
// and false when it made none.
func (s *Store) Attestation(ctx context.Context, unit, release string) (fact.Attestation, bool, error) {
	rows, err := s.reading.QueryContext(ctx, standing, unit, release)
	if err != nil {
		return fact.Attestation{}, false, fmt.Errorf("reading an attestation: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		return fact.Attestation{}, false, wrapped("reading an attestation", rows.Err())
	}
	var a fact.Attestation
	var reasons []byte
	var at, until int64
	if err := rows.Scan(&a.Unit, &a.Nonce, &a.Release, &a.Status, &reasons, &a.Version, &a.Digest, &a.Receipt, &at, &until); err != nil {
		return fact.Attestation{}, false, fmt.Errorf("reading an attestation: %w", err)
	}
	if err := json.Unmarshal(reasons, &a.Reasons); err != nil {
		return fact.Attestation{}, false, fmt.Errorf("reading an attestation: %w", err)
	}
	a.Time, a.Expires = fromMillis(at), fromMillis(until)
	return a, true, nil
}

// Answered fails with a conflict when a unit's challenge was answered before.
func (s *Store) Answered(ctx context.Context, unit, nonce string) error {
	var n int
	if err := s.reading.QueryRowContext(ctx, "SELECT count(*) FROM attestation WHERE unit = ? AND nonce = ?", unit, nonce).Scan(&n); err != nil {
		return fmt.Errorf("looking for an attestation: %w", err)
	}
	if n > 0 {
		return errAnswered()
	}
	return nil
}

// Attested counts the attestations of a unit that were taken since a time, in the last
// hour at most: those of before may be gone.
func (s *Store) Attested(ctx context.Context, unit string, since time.Time) (n int, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT count(*) FROM attestation WHERE unit = ? AND time > ?", unit, millis(since)).Scan(&n)
	return n, wrapped("counting attestations", err)
}

// Contraindicated returns up to limit own units that serve, or may be put into
// service, against which their own attestation stands: those behind an id, by id.
func (s *Store) Contraindicated(ctx context.Context, after string, limit int) ([]fact.Row[ledger.Unit], error) {
	return many[ledger.Unit](ctx, s, "units", `unit WHERE owner = ?1 AND state IN ('`+ledger.StateInService+`', '`+ledger.StateCertified+`')
		AND EXISTS (SELECT 1 FROM attestation a WHERE a.unit = unit.id AND a.release = unit.version AND a.status = 'contraindicated'
			AND NOT EXISTS (SELECT 1 FROM attestation b WHERE b.unit = a.unit AND b.release = a.release AND b.status = 'affirming' AND b.seq > a.seq))
		AND id > ?2 ORDER BY id LIMIT ?3`, s.options.Organisation, after, limit)
}

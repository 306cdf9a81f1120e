package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// PutRelayed keeps a report that is to be shared by a relay, and queues it for that one's
// node, encrypted as sealed reports are. Keeping it again changes nothing. Problems:
// conflict, when this organisation shared it under its own name.
func (s *Store) PutRelayed(ctx context.Context, r *fact.SealedReport, relay string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var one int
		own, err := t.get(ctx, "SELECT 1 FROM threat WHERE digest = ? AND sharer = ?", []any{r.Digest, r.Sharer}, &one)
		if err != nil {
			return fmt.Errorf("reading who shared a report: %w", err)
		}
		if own {
			return ledger.Problemf(ledger.CodeConflict, "this organisation shared the report under its own name before")
		}
		added, err := t.exec(ctx, "INSERT INTO sealed_report (digest, sharer, slot, wrapped, sealed, stored, erased) VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
			r.Digest, r.Sharer, int64(r.Slot), r.Wrapped, r.Sealed, millis(r.Stored)) //nolint:gosec // a vault has fewer slots
		if err != nil || added == 0 {
			return wrapf(err, "keeping a report that is to be relayed")
		}
		return t.deliver(ctx, fact.DeliveryRelay, r.Digest, "", []string{relay}, r.Stored)
	})
}

// HadRelayed reports whether this organisation had a report shared by a relay.
func (s *Store) HadRelayed(ctx context.Context, digest string) (bool, error) {
	var one int
	err := s.reading.QueryRowContext(ctx, "SELECT 1 FROM exchange_out WHERE kind = ? AND digest = ? LIMIT 1", fact.DeliveryRelay, digest).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, wrapf(err, "reading what was relayed")
}

// Opening returns how far the opening of the name behind a relayed report has come; of
// the relay that is the first on the ledger, when there are several. Problems: not_found.
func (s *Store) Opening(ctx context.Context, digest string) (o ledger.ThreatOpening, err error) {
	tx, err := s.reading.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return o, fmt.Errorf("reading a sealed name: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // only reads
	row, found, err := find[ledger.ThreatEscrow](ctx, tx, "a sealed name", "threat_escrow WHERE digest = ? ORDER BY block, idx, sharer LIMIT 1", digest)
	switch {
	case err != nil:
		return o, err
	case !found:
		return o, ledger.Problemf(ledger.CodeNotFound, "the report is not one that an authority relayed for another")
	}
	o = ledger.ThreatOpening{Escrow: row.Record, Requests: []ledger.OpeningRequest{}, Shares: []ledger.OpeningShare{}, Needed: len(row.Record.Relay.Commitment)}
	if err := rowsInto(ctx, tx, &o.Requests, "opening_request WHERE digest = ? AND sharer = ? ORDER BY asker", digest, o.Escrow.Sharer); err != nil {
		return o, err
	}
	if err := rowsInto(ctx, tx, &o.Shares, "opening_share WHERE digest = ? AND sharer = ? ORDER BY holder", digest, o.Escrow.Sharer); err != nil {
		return o, err
	}
	o.Opened = o.Needed > 0 && len(o.Shares) >= o.Needed
	return o, nil
}

func rowsInto[T any](ctx context.Context, q querier, into *[]T, from string, args ...any) error {
	rows, err := q.QueryContext(ctx, "SELECT "+placeColumns+" FROM "+from, args...)
	if err != nil {
		return fmt.Errorf("reading what was done to open a name: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		row, err := scanRow[T](rows)
		if err != nil {
			return fmt.Errorf("reading what was done to open a name: %w", err)
		}
		*into = append(*into, row.Record)
	}
	return wrapf(rows.Err(), "reading what was done to open a name")
}

// ShareKey returns what a member said last of the key to which its shares are sealed; nil
// when nothing is known.
func (s *Store) ShareKey(ctx context.Context, member string) ([]byte, error) {
	var statement []byte
	err := s.reading.QueryRowContext(ctx, "SELECT statement FROM share_key WHERE member = ?", member).Scan(&statement)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return statement, wrapf(err, "reading a member's key")
}

// SetShareKey keeps what a member says of it.
func (s *Store) SetShareKey(ctx context.Context, member string, statement []byte) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, `INSERT INTO share_key (member, statement) VALUES (?, ?)
			ON CONFLICT (member) DO UPDATE SET statement = excluded.statement`, member, statement)
		return wrapf(err, "keeping a member's key")
	})
}

// SetRelayHandle keeps by what the sharer of a report that is to be relayed is known again.
// sealed is the SHA-256 of its sealed name: of what was sealed and came to nothing, or was
// another's, the handle opens nothing.
func (s *Store) SetRelayHandle(ctx context.Context, sealed, handle string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, "INSERT INTO relay_handle (digest, handle) VALUES (?, ?) ON CONFLICT DO NOTHING", sealed, handle)
		return wrapf(err, "keeping the handle of a relayed report")
	})
}

// RelayHandle returns the handle of a report that a relay shared. Problems: not_found, when
// it did not, or in its own name.
func (s *Store) RelayHandle(ctx context.Context, digest, relay string) (handle string, err error) {
	row, found, err := find[ledger.ThreatEscrow](ctx, s.reading, "a sealed name", "threat_escrow WHERE digest = ? AND sharer = ?", digest, relay)
	if err != nil {
		return "", err
	}
	if !found {
		return "", notFound("the relayed report")
	}
	err = s.reading.QueryRowContext(ctx, "SELECT handle FROM relay_handle WHERE digest = ?", ledger.BodyDigest([]byte(row.Record.Relay.Name))).Scan(&handle)
	if errors.Is(err, sql.ErrNoRows) {
		return "", notFound("the relayed report")
	}
	return handle, wrapf(err, "reading the handle of a relayed report")
}

// WithdrawRelayed queues for the relay of an own report that it is to be withdrawn; id
// says why. Problems: not_found, when no relay was to share it; conflict, while it has
// not; already_exists.
func (s *Store) WithdrawRelayed(ctx context.Context, digest, id string, now time.Time) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var relay string
		found, err := t.get(ctx, "SELECT member FROM exchange_out WHERE kind = ? AND digest = ?", []any{fact.DeliveryRelay, digest}, &relay)
		if err != nil {
			return fmt.Errorf("reading who relays a report: %w", err)
		}
		if !found {
			return notFound("the relayed report")
		}
		var one int
		if found, err = t.get(ctx, "SELECT 1 FROM threat WHERE digest = ? AND sharer = ?", []any{digest, relay}, &one); err != nil {
			return fmt.Errorf("reading what was relayed: %w", err)
		}
		if !found {
			return ledger.Problemf(ledger.CodeConflict, "%s has not shared the report yet: withdraw it once it has", relay)
		}
		if found, err = t.get(ctx, "SELECT 1 FROM exchange_out WHERE kind = ? AND digest = ?", []any{fact.DeliveryRelayWithdrawal, digest}, &one); err != nil {
			return fmt.Errorf("reading what is withdrawn: %w", err)
		}
		if found {
			return ledger.Problemf(ledger.CodeAlreadyExists, "the report is being withdrawn, or is")
		}
		return t.deliver(ctx, fact.DeliveryRelayWithdrawal, digest, id, []string{relay}, now)
	})
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// PutInventory keeps what the hospital knows of an own unit, in place of what
// it knew before. It never leaves the node. Problems: already_exists when another
// unit has one of its names; then nothing is kept.
func (s *Store) PutInventory(ctx context.Context, i fact.Inventory) error {
	services, err := json.Marshal(slices.Concat([]fact.Service{}, i.Services))
	if err != nil {
		return fmt.Errorf("encoding services: %w", err)
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, `INSERT INTO inventory (unit, ward, address, services, updated) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (unit) DO UPDATE SET ward = excluded.ward, address = excluded.address, services = excluded.services, updated = excluded.updated`,
			i.Unit, i.Ward, i.Address, string(services), millis(time.Now()))
		if err != nil {
			return fmt.Errorf("keeping inventory: %w", err)
		}
		if err := t.putNames(ctx, i.Unit, i.Names); err != nil {
			return err
		}
		return t.devicesChanged(ctx)
	})
}

// Inventory returns what the hospital knows of an own unit, and false when it
// is not in the inventory.
func (s *Store) Inventory(ctx context.Context, unit string) (fact.Inventory, bool, error) {
	i := fact.Inventory{Unit: unit}
	var services []byte
	var updated int64
	err := s.reading.QueryRowContext(ctx, "SELECT ward, address, services, updated FROM inventory WHERE unit = ?", unit).
		Scan(&i.Ward, &i.Address, &services, &updated)
	if errors.Is(err, sql.ErrNoRows) {
		return fact.Inventory{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(services, &i.Services)
	}
	if err != nil {
		return fact.Inventory{}, false, fmt.Errorf("reading inventory: %w", err)
	}
	if i.Services == nil { // "null" stands for none
		i.Services = []fact.Service{}
	}
	i.Updated = fromMillis(updated)
	i.Names, err = s.names(ctx, unit)
	return i, err == nil, err
}

// PutSerial keeps the serial number from which a unit's id was made. Only the
// manufacturer's node knows it.
func (s *Store) PutSerial(ctx context.Context, unit, serial string) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "INSERT INTO serial (unit, serial) VALUES (?, ?) ON CONFLICT (unit) DO UPDATE SET serial = excluded.serial", unit, serial); err != nil {
			return fmt.Errorf("keeping a serial number: %w", err)
		}
		return nil
	})
}

// Serial returns a unit's serial number, and false when this node does not know it.
func (s *Store) Serial(ctx context.Context, unit string) (string, bool, error) {
	var serial string
	err := s.reading.QueryRowContext(ctx, "SELECT serial FROM serial WHERE unit = ?", unit).Scan(&serial)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("reading a serial number: %w", err)
	}
	return serial, true, nil
}

// Devices returns all units that an organisation owns, with what this node
// knows about each, by unit id. They are in their own states: which reports
// concern a unit does not depend on a recall.
func (s *Store) Devices(ctx context.Context, owner string) ([]fact.Device, error) {
	rows, err := s.reading.QueryContext(ctx, `SELECT u.block, u.idx, u.tx, u.org, u.time, u.late, u.doc,
			m.doc, r.doc, i.ward, i.address, i.services, i.updated
		FROM unit u LEFT JOIN model m ON m.di = u.di
			LEFT JOIN release r ON r.di = u.di AND r.version = u.version
			LEFT JOIN inventory i ON i.unit = u.id
		WHERE u.owner = ? ORDER BY u.id`, owner)
	if err != nil {
		return nil, fmt.Errorf("listing own devices: %w", err)
	}
	defer rows.Close()
	devices := []fact.Device{}
	for rows.Next() {
		d, err := scanDevice(rows)
		if err != nil {
			return nil, fmt.Errorf("reading an own device: %w", err)
		}
		devices = append(devices, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing own devices: %w", err)
	}
	return devices, nil
}

func scanDevice(rows *sql.Rows) (fact.Device, error) {
	var d fact.Device
	var model, release, services []byte
	var ward, address sql.NullString
	var updated sql.NullInt64
	var err error
	if d.Unit, err = scanRow[ledger.Unit](rows, &model, &release, &ward, &address, &services, &updated); err != nil {
		return d, err
	}
	for _, part := range []struct {
		stored []byte
		into   any
	}{{model, &d.Model}, {release, &d.Release}, {services, &d.Inventory.Services}} {
		if part.stored == nil {
			continue
		}
		if err := json.Unmarshal(part.stored, part.into); err != nil {
			return d, err
		}
	}
	if updated.Valid {
		d.Inventory.Unit, d.Inventory.Updated = d.Unit.Record.ID, fromMillis(updated.Int64)
		d.Inventory.Ward, d.Inventory.Address = ward.String, address.String
	}
	return d, nil
}

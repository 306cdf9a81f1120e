package store

import (
	"context"
	"fmt"
)

// DeviceState is the message that is a device's retained state.
type DeviceState struct {
	Source, Device string // the device's name at the source
	Receipt        string // of the message
}

// PutDeviceState makes a message a device's retained state, in place of the one
// that was. Without a receipt the device has none.
func (s *Store) PutDeviceState(ctx context.Context, d DeviceState) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var err error
		if d.Receipt == "" {
			_, err = t.exec(ctx, "DELETE FROM device_state WHERE source = ? AND device = ?", d.Source, d.Device)
		} else {
			_, err = t.exec(ctx, `INSERT INTO device_state (source, device, receipt) VALUES (?, ?, ?)
				ON CONFLICT (source, device) DO UPDATE SET receipt = excluded.receipt`, d.Source, d.Device, d.Receipt)
		}
		if err != nil {
			return fmt.Errorf("keeping a device's state: %w", err)
		}
		return nil
	})
}

// DeviceStates lists the retained states of a source's devices, by name.
func (s *Store) DeviceStates(ctx context.Context, source string) ([]DeviceState, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT device, receipt FROM device_state WHERE source = ? ORDER BY device", source)
	if err != nil {
		return nil, fmt.Errorf("reading devices' states: %w", err)
	}
	defer rows.Close()
	var states []DeviceState
	for rows.Next() {
		d := DeviceState{Source: source}
		if err := rows.Scan(&d.Device, &d.Receipt); err != nil {
			return nil, fmt.Errorf("reading devices' states: %w", err)
		}
		states = append(states, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading devices' states: %w", err)
	}
	return states, nil
}

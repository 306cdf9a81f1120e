package store

import (
	"context"
	"fmt"
)

// PutSerials is PutSerial for many units at once, by unit id: all are kept, or
// none.
func (s *Store) PutSerials(ctx context.Context, serials map[string]string) error {
	if len(serials) == 0 {
		return nil
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		for unit, serial := range serials {
			if _, err := t.exec(ctx, "INSERT INTO serial (unit, serial) VALUES (?, ?) ON CONFLICT (unit) DO UPDATE SET serial = excluded.serial", unit, serial); err != nil {
				return fmt.Errorf("keeping serial numbers: %w", err)
			}
		}
		return nil
	})
}

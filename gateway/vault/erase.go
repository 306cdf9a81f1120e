package vault

import (
	"errors"
	"fmt"
	"os"
)

// Erase destroys the key of a record, and returns when that is durable: its bytes can
// no longer be read by anybody, and every other record stays as it is. A record that is
// erased already stays erased. It fails with a not_found Problem.
//
// The slot is overwritten in place. Whether the medium keeps an old copy of the sector
// is the medium's to say, and what it held is wrapped under the vault's key.
func (v *Vault) Erase(id ID) error {
	at, err := v.head(id)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(at.segment.path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("erasing a record: %w", err)
	}
	_, err = f.WriteAt(emptySlot[:], at.offset+headerSize)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("erasing a record: %w", err)
	}
	return nil
}

package vault

import (
	"errors"
	"fmt"
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
	v.erasing.RLock()
	defer v.erasing.RUnlock()
	v.mu.RLock()
	k, doubt := at.segment.kept, at.segment.tended.doubt
	v.mu.RUnlock()
	path, slot := at.segment.path, at.offset+headerSize
	switch {
	case doubt:
		return errors.New("erasing a record: what the disk holds of its segment is unknown until the node is started again")
	case k != nil:
		position, _, err := k.head(at.offset)
		if err != nil {
			return err
		}
		path, slot = k.path, position+headerSize
	}
	if err := overwrite(path, emptySlot[:], slot); err != nil {
		return fmt.Errorf("erasing a record: %w", err)
	}
	v.mu.Lock()
	at.segment.tended.looked = false
	v.mu.Unlock()
	return nil
}

// Erased reports whether the key of a record was destroyed. It needs no object. It fails
// with a not_found Problem.
func (v *Vault) Erased(id ID) (bool, error) {
	at, err := v.head(id)
	if err != nil {
		return false, err
	}
	k, done := v.hold(at.segment)
	defer done()
	head := make([]byte, recordHead)
	if k != nil {
		_, head, err = k.head(at.offset)
	} else {
		err = at.read(head)
	}
	if err != nil {
		return false, err
	}
	_, state := readSlot(head[headerSize:])
	return state == slotErased, nil
}

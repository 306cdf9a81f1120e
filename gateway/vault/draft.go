package vault

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// Draft is a record in the making. It is filled and sealed by one goroutine,
// then given to Append. Its memory comes from a pool; Release gives it back.
type Draft struct {
	vault  *Vault
	buf    []byte // header, slot, then plain bytes, and after Seal the whole record with its padding
	header header
	sealed bool
}

// keptDraft is up to what size a draft's memory goes back to the pool.
const keptDraft = 4 << 20

// NewDraft begins a record.
func (v *Vault) NewDraft() *Draft {
	d, ok := v.drafts.Get().(*Draft)
	if !ok {
		d = &Draft{buf: make([]byte, sealedOffset, 4096)}
	}
	d.vault, d.sealed, d.header = v, false, header{}
	d.buf = d.buf[:sealedOffset]
	clear(d.buf)
	return d
}

// Append lets fill append plain bytes; fill returns the slice that it was given,
// grown. It must be called before Seal.
func (d *Draft) Append(fill func(dst []byte) []byte) { d.buf = fill(d.buf) }

// Seal encrypts the draft under a new key and binds it to id and entry, the
// commitment that the integrity log will hold for it. It costs CPU only.
func (d *Draft) Seal(id ID, entry [32]byte) error {
	if d.sealed {
		return errors.New("sealing a record: it is sealed already")
	}
	n := len(d.buf)
	if int64(n)+tagSize > maxRecord {
		return fmt.Errorf("sealing a record: more than %d bytes", maxRecord)
	}
	whole := int(padded(int64(n) + tagSize))
	d.buf = slices.Grow(d.buf, whole-n)[:whole]
	clear(d.buf[n:])
	sealed, err := d.vault.key.seal(id, &entry, d.buf[headerSize:sealedOffset], d.buf[sealedOffset:n])
	if err != nil {
		return err
	}
	d.header = header{
		Size: uint32(sealedOffset + len(sealed)), //nolint:gosec // bounded above
		ID:   id, Entry: entry, Digest: sha256.Sum256(sealed),
	}
	d.sealed = true
	return nil
}

// Size returns the bytes that the draft takes on disk once it is sealed.
func (d *Draft) Size() int { return len(d.buf) }

// Release gives the draft's memory back; nothing of it may be used afterwards.
func (d *Draft) Release() {
	if cap(d.buf) <= keptDraft {
		d.vault.drafts.Put(d)
	}
}

// Entry returns the commitment that a sealed draft is bound to.
func (d *Draft) Entry() [32]byte { return d.header.Entry }

package vault

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// FindSubject returns the slot of a subject's key, when it has one.
func (v *Vault) FindSubject(subject ID) (slot uint64, found bool) { return v.subjects.slot(subject) }

// NeedSubject returns the slot of a subject's key, and makes a new one for a subject
// without. subject is blinded: what ID makes of its name. It fails with ErrFull when
// there is no room.
func (v *Vault) NeedSubject(subject ID) (slot uint64, err error) { return v.subjects.need(subject) }

// SyncSubjects makes the keys durable that NeedSubject made, for parts that are kept
// elsewhere than in a record.
func (v *Vault) SyncSubjects() error { return v.subjects.sync() }

// EraseSubject destroys the key of a subject, and returns when that is durable: no part
// that was sealed under it can be opened by anybody, and every other stays as it is. It
// returns the slots of which FinishSubject has not been told yet; a subject that has no
// key, and none that remains to be finished, has none.
//
// What the medium keeps of a sector that was overwritten is as for Erase.
func (v *Vault) EraseSubject(subject ID) ([]uint64, error) {
	s := v.subjects
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen {
		return nil, errors.New("erasing a subject: the vault is open for reading only")
	}
	if slot, ok := s.live[subject]; ok {
		if err := s.zero(slotAt(slot)); err != nil {
			return nil, err
		}
		delete(s.live, subject)
		s.ended[slot] = subject
	}
	var slots []uint64
	for slot, ended := range s.ended {
		if ended == subject {
			slots = append(slots, slot)
		}
	}
	return slots, nil
}

// ErasedSubjects returns the slots of subjects that were erased, and of which
// FinishSubject has not been told.
func (v *Vault) ErasedSubjects() []uint64 {
	s := v.subjects
	s.mu.RLock()
	defer s.mu.RUnlock()
	slots := make([]uint64, 0, len(s.ended))
	for slot := range s.ended {
		slots = append(slots, slot)
	}
	return slots
}

// FinishSubject says that nothing remains to be done about a subject that was erased:
// its slot forgets which subject it was.
func (v *Vault) FinishSubject(slot uint64) error {
	s := v.subjects
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.ended[slot]; !ok || s.frozen {
		return nil
	}
	if err := s.zero(slotAt(slot) + slotSize); err != nil {
		return err
	}
	delete(s.ended, slot)
	return nil
}

// SubjectErased reports whether the key in a slot was destroyed, and whether
// FinishSubject was told of it. It fails with a *DamageError for a slot that is not one.
func (v *Vault) SubjectErased(slot uint64) (erased, finished bool, err error) {
	_, err = v.subjects.secret(slot)
	if !errors.Is(err, ErrSubjectErased) {
		return false, false, err
	}
	v.subjects.mu.RLock()
	defer v.subjects.mu.RUnlock()
	_, ends := v.subjects.ended[slot]
	return true, !ends, nil
}

// SealPart encrypts plain in place under a new data key, which it wraps under the key of
// the subject in slot and appends to wrapped. bound says what the part is and where it
// belongs, and is needed to open it. plain must have PartOverhead bytes of room behind
// it. It fails with ErrSubjectErased.
func (v *Vault) SealPart(slot uint64, bound, wrapped, plain []byte) (newWrapped, sealed []byte, err error) {
	wrapping, err := v.subjects.wrapping(slot, bound)
	if err != nil {
		return nil, nil, err
	}
	var secret [keySize + nonceSize]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand
	key, nonce := secret[:keySize], secret[keySize:]
	aead, err := newAEAD(key)
	if err != nil {
		return nil, nil, fmt.Errorf("sealing a part: %w", err)
	}
	wrapped = append(wrapped, nonce...)
	wrapped = wrapping.Seal(wrapped, nonce, key, bound)
	return wrapped, aead.Seal(plain[:0], zeroNonce[:], plain, bound), nil //nolint:gosec // the key is new and encrypts nothing else
}

// OpenPart decrypts in place what SealPart made. It fails with ErrSubjectErased when the
// subject's key is gone.
func (v *Vault) OpenPart(slot uint64, bound, wrapped, sealed []byte) ([]byte, error) {
	wrapping, err := v.subjects.wrapping(slot, bound)
	if err != nil {
		return nil, err
	}
	if len(wrapped) != wrappedSize {
		return nil, errors.New("unwrapping the key of a part: it has another length")
	}
	key, err := wrapping.Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], bound)
	if err != nil {
		return nil, fmt.Errorf("unwrapping the key of a part: %w", err)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("opening a part: %w", err)
	}
	plain, err := aead.Open(sealed[:0], zeroNonce[:], sealed, bound)
	if err != nil {
		return nil, fmt.Errorf("opening a part: %w", err)
	}
	return plain, nil
}

// wrapping returns the AEAD that wraps the data key of the part that bound tells of.
// Each has its own, as records have.
func (s *subjects) wrapping(slot uint64, bound []byte) (cipher.AEAD, error) {
	secret, err := s.secret(slot)
	if err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, secret)
	m.Write(bound)
	return newAEAD(m.Sum(nil))
}

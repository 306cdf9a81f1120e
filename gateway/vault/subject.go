package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// A person, or whatever else can be erased alone, is a subject. Each has a key of its
// own, under which the data keys of all that is about it are wrapped, whichever records
// that lies in. The keys stand in one file of the vault's directory, and nowhere else,
// wrapped under the vault's key. It begins with a head of subjectSlot bytes:
//
//	  0  8  magic
//	  8 16  identity of the vault
//	124  4  CRC-32C of all before it
//
// and continues with slots of subjectSlot bytes, numbered from 0, none of which is ever
// used again:
//
//	  0 60  wrapped key: nonce (12), AES-256-GCM of the key (32 + 16)
//	 60  4  CRC-32C of the wrapped key
//	 64 16  the subject, blinded
//	 80 44  zero
//	124  4  CRC-32C of the subject
//
// Erasing a subject zeroes its key first, which is what erases, and the subject when
// nothing remains to be done. Each half lies within one disk sector.
const (
	subjectMagic = "SECANTK\x01"
	subjectSlot  = 2 * slotSize
	subjectFile  = "subjects.keys"

	// WrappedSize is the size in bytes of the wrapped data key of a part.
	WrappedSize = wrappedSize
	// PartOverhead is by how many bytes a sealed part is longer than its plain bytes.
	PartOverhead = tagSize
)

// ErrSubjectErased says that a part cannot be opened, or sealed, since the key of its
// subject was destroyed.
var ErrSubjectErased = errors.New("the subject was erased")

// subjects are the keys of a vault's subjects.
type subjects struct {
	path string
	key  *masterKey

	mu     sync.RWMutex // held for writing while slots change
	file   *os.File     // nil until there is a subject
	frozen bool         // open for reading only
	count  uint64       // slots
	live   map[ID]uint64
	ended  map[uint64]ID // the key is gone, and what was done about it is not finished
	dirty  bool          // slots were written that are not durable

	syncing sync.Mutex // held while they become durable
}

// openSubjects reads the keys of the vault in dir. It fails with a *DamageError when a
// slot is neither full nor erased.
func openSubjects(dir string, key *masterKey, readOnly bool) (_ *subjects, err error) {
	s := &subjects{
		path: filepath.Join(dir, subjectFile), key: key, frozen: readOnly,
		live: map[ID]uint64{}, ended: map[uint64]ID{},
	}
	flag := os.O_RDWR
	if readOnly {
		flag = os.O_RDONLY
	}
	f, err := os.OpenFile(s.path, flag, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the subjects' keys: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	err = s.walk(f, func(slot uint64, subject ID, state subjectState) error {
		switch state {
		case subjectLive:
			if _, twice := s.live[subject]; twice {
				return s.damage(slot, "the subject has two keys")
			}
			s.live[subject] = slot
		case subjectEnded:
			s.ended[slot] = subject
		case subjectErased:
		}
		s.count++
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.file = f
	return s, nil
}

type subjectState int

const (
	subjectLive   subjectState = iota
	subjectEnded               // without a key
	subjectErased              // without anything
)

// walk visits the slots of a keys file. What stands behind the last whole slot was
// never durable and is nobody's.
func (s *subjects) walk(f io.ReaderAt, visit func(slot uint64, subject ID, state subjectState) error) error {
	const step = 512
	buf := make([]byte, step*subjectSlot)
	if _, err := f.ReadAt(buf[:subjectSlot], 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the subjects' keys: %w", err)
	}
	if !bytes.Equal(buf[:subjectSlot], s.head()) {
		return &DamageError{Segment: s.path, Detail: "the head is not that of this vault's keys of subjects"}
	}
	for from := uint64(0); ; from += step {
		n, err := f.ReadAt(buf, slotAt(from))
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading the subjects' keys: %w", err)
		}
		for i := 0; i+subjectSlot <= n; i += subjectSlot {
			slot := from + uint64(i/subjectSlot)
			subject, state, _, err := s.parse(slot, buf[i:i+subjectSlot])
			if err != nil {
				return err
			}
			if err := visit(slot, subject, state); err != nil {
				return err
			}
		}
		if n < len(buf) {
			return nil
		}
	}
}

// parse reads one slot, and its key when it has one.
func (s *subjects) parse(slot uint64, b []byte) (subject ID, state subjectState, key []byte, err error) {
	named := b[slotSize:subjectSlot]
	copy(subject[:], named)
	wrapped, full := readSlot(b)
	anonymous := bytes.Equal(named, emptySlot[:])
	switch {
	case full == slotErased && anonymous:
		return subject, subjectErased, nil, nil
	case full == slotDamaged, anonymous, len(bytes.Trim(named[len(subject):slotSize-4], "\x00")) != 0,
		binary.BigEndian.Uint32(named[slotSize-4:]) != crc32.Checksum(named[:slotSize-4], castagnoli):
		return subject, 0, nil, s.damage(slot, "the slot is neither full nor erased")
	case full == slotErased:
		return subject, subjectEnded, nil, nil
	}
	wrapping, err := newAEAD(s.key.subjects)
	if err != nil {
		return subject, 0, nil, fmt.Errorf("unwrapping a subject's key: %w", err)
	}
	if key, err = wrapping.Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], s.bound(slot, subject)); err != nil {
		return subject, 0, nil, s.damage(slot, "the key is not the one that was put there")
	}
	return subject, subjectLive, key, nil
}

func slotAt(slot uint64) int64 { return int64(1+slot) * subjectSlot } //nolint:gosec // a file has fewer slots

func (s *subjects) damage(slot uint64, detail string) error {
	return &DamageError{Segment: s.path, Offset: slotAt(slot), Ordinal: slot, Detail: detail}
}

func (s *subjects) head() []byte {
	b := make([]byte, subjectSlot)
	copy(b, subjectMagic)
	copy(b[8:], s.key.vault[:])
	binary.BigEndian.PutUint32(b[subjectSlot-4:], crc32.Checksum(b[:subjectSlot-4], castagnoli))
	return b
}

// bound is what a subject's wrapped key is bound to: its vault, slot and subject.
func (s *subjects) bound(slot uint64, subject ID) []byte {
	b := make([]byte, 0, len(subjectMagic)+16+8+16)
	b = append(b, subjectMagic...)
	b = append(b, s.key.vault[:]...)
	b = binary.BigEndian.AppendUint64(b, slot)
	return append(b, subject[:]...)
}

// slot returns the slot of a subject that has a key.
func (s *subjects) slot(subject ID) (uint64, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	slot, ok := s.live[subject]
	return slot, ok
}

// need returns the slot of a subject, with a new key if it has none. The key is durable
// before any record is written.
func (s *subjects) need(subject ID) (uint64, error) {
	if slot, ok := s.slot(subject); ok {
		return slot, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot, ok := s.live[subject]; ok {
		return slot, nil
	}
	if s.frozen {
		return 0, errors.New("the vault is open for reading only")
	}
	if s.file == nil {
		if err := writeDurably(s.path, s.head(), 0o600); err != nil {
			return 0, orFull(fmt.Errorf("making a file for subjects' keys: %w", err))
		}
		f, err := os.OpenFile(s.path, os.O_RDWR, 0)
		if err != nil {
			return 0, fmt.Errorf("making a file for subjects' keys: %w", err)
		}
		s.file = f
	}
	wrapping, err := newAEAD(s.key.subjects)
	if err != nil {
		return 0, fmt.Errorf("wrapping a subject's key: %w", err)
	}
	var secret [keySize + nonceSize]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand
	b := make([]byte, subjectSlot)
	copy(b, secret[keySize:])
	wrapping.Seal(b[:nonceSize], b[:nonceSize], secret[:keySize], s.bound(s.count, subject))
	putSlot(b)
	copy(b[slotSize:], subject[:])
	binary.BigEndian.PutUint32(b[subjectSlot-4:], crc32.Checksum(b[slotSize:subjectSlot-4], castagnoli))
	if _, err := s.file.WriteAt(b, slotAt(s.count)); err != nil {
		return 0, orFull(fmt.Errorf("keeping a subject's key: %w", err)) // the next one is put in its place
	}
	slot := s.count
	s.live[subject] = slot
	s.count++
	s.dirty = true
	return slot, nil
}

// sync makes the keys durable that were made since it was called last.
func (s *subjects) sync() error {
	s.syncing.Lock() // whoever finds nothing to do must not go on before it is durable
	defer s.syncing.Unlock()
	s.mu.Lock()
	f := s.file
	dirty := s.dirty
	s.dirty = false
	s.mu.Unlock()
	if !dirty {
		return nil
	}
	if err := syncData(f); err != nil {
		return fmt.Errorf("syncing the subjects' keys: %w", err)
	}
	return nil
}

// read reads a slot; mu is held.
func (s *subjects) read(slot uint64) (subject ID, state subjectState, key []byte, err error) {
	b := make([]byte, subjectSlot)
	switch n, err := s.file.ReadAt(b, slotAt(slot)); {
	case errors.Is(err, io.EOF) && n < len(b):
		return subject, 0, nil, s.damage(slot, "the slot is missing")
	case err != nil && !errors.Is(err, io.EOF):
		return subject, 0, nil, fmt.Errorf("reading a subject's key: %w", err)
	}
	return s.parse(slot, b)
}

// secret reads the key of a slot. It fails with ErrSubjectErased, or with a
// *DamageError.
func (s *subjects) secret(slot uint64) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case slot >= s.count:
		return nil, s.damage(slot, "the slot is missing")
	case s.file == nil:
		return nil, errors.New("reading a subject's key: the vault is closed")
	}
	_, state, key, err := s.read(slot)
	if err != nil {
		return nil, err
	}
	if state != subjectLive {
		return nil, ErrSubjectErased
	}
	return key, nil
}

// check reads every slot again and compares it with what is known of it.
func (s *subjects) check() error {
	for slot := uint64(0); ; slot++ {
		if more, err := s.checkSlot(slot); err != nil || !more {
			return err
		}
	}
}

func (s *subjects) checkSlot(slot uint64) (more bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil || slot >= s.count {
		return false, nil
	}
	subject, state, _, err := s.read(slot)
	if err != nil {
		return false, err
	}
	live, known := s.live[subject]
	ended, ends := s.ended[slot]
	if (state == subjectLive) != (known && live == slot) || (state == subjectEnded) != (ends && ended == subject) {
		return false, s.damage(slot, "the slot is another than it was")
	}
	return true, nil
}

// zero overwrites half a slot, and returns when that is durable.
func (s *subjects) zero(at int64) error {
	if _, err := s.file.WriteAt(emptySlot[:], at); err != nil {
		return fmt.Errorf("erasing a subject: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("erasing a subject: %w", err)
	}
	return nil
}

func (s *subjects) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file, s.frozen = nil, true
	return f.Close() //nolint:wrapcheck // its caller says what was closed
}

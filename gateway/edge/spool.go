package edge

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	extension = ".msg"     // of a message that the node does not have yet
	refused   = ".refused" // of one that it will never take
	partial   = ".part"    // of one that was being written
)

// message is what the spool keeps of one message, encrypted.
type message struct {
	Unit      proof.Hash      `json:"unit"`
	MediaType string          `json:"mediaType"`
	Seed      []byte          `json:"seed"`
	Signature proof.Signature `json:"signature"`
	Body      []byte          `json:"body"`
}

// item is a message on the disk.
type item struct {
	sequence uint64
	name     proof.Hash // what the message is known by, wherever it comes from
	size     int64
	sending  bool
	tries    int
	after    time.Time // not to be sent before
}

func (i *item) file() string { return fmt.Sprintf("%020d-%s%s", i.sequence, i.name, extension) }

// spool keeps messages in a directory, one file each, in the order in which they came.
type spool struct {
	dir   string
	limit int64 // bytes of all files
	aead  cipher.AEAD
	names []byte        // key of what names a message
	wake  chan struct{} // holds a token when there may be something to send

	mu    sync.Mutex
	items []*item // in order
	known map[proof.Hash]bool
	bytes int64
	next  uint64
	tries int       // that the node did not answer, one after the other
	after time.Time // nothing is to be sent before
}

// derive makes a secret of the box's key for one purpose.
func derive(key ed25519.PrivateKey, purpose string) ([]byte, error) {
	secret, err := hkdf.Key(sha256.New, key.Seed(), nil, purpose, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("deriving a secret: %w", err)
	}
	return secret, nil
}

// openSpool opens the spool in a directory, or makes it. What was being written when
// the box stopped is removed: nobody was answered for it.
func openSpool(dir string, key ed25519.PrivateKey, limit int64) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the spool: %w", err)
	}
	secret, err := derive(key, "secant/edge/spool/v1")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	s := &spool{dir: dir, limit: limit, wake: make(chan struct{}, 1), known: map[proof.Hash]bool{}}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	if s.names, err = derive(key, "secant/edge/names/v1"); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir) // sorted, so in order
	if err != nil {
		return nil, fmt.Errorf("reading the spool: %w", err)
	}
	for _, f := range files {
		if err := s.find(f); err != nil {
			return nil, err
		}
	}
	s.ring()
	return s, nil
}

// find takes up what lies in the spool's directory.
func (s *spool) find(f fs.DirEntry) error {
	if strings.HasSuffix(f.Name(), partial) {
		if err := os.Remove(filepath.Join(s.dir, f.Name())); err != nil {
			return fmt.Errorf("clearing the spool: %w", err)
		}
		return nil
	}
	stem, ours := strings.CutSuffix(f.Name(), extension)
	if !ours {
		return nil
	}
	number, name, _ := strings.Cut(stem, "-")
	i := &item{}
	info, err := f.Info()
	if err == nil {
		i.size = info.Size()
		i.sequence, err = strconv.ParseUint(number, 10, 64)
	}
	if err == nil {
		err = i.name.UnmarshalText([]byte(name))
	}
	if err != nil || i.file() != f.Name() {
		return fmt.Errorf("reading the spool: %s is no message of this box", f.Name())
	}
	s.items, s.known[i.name] = append(s.items, i), true
	s.bytes += i.size
	s.next = max(s.next, i.sequence+1)
	return nil
}

// name derives what a message is known by from what makes it the same message.
func (s *spool) name(unit proof.Hash, once []byte) proof.Hash {
	mac := hmac.New(sha256.New, s.names)
	_, _ = mac.Write(unit[:])
	_, _ = mac.Write(once)
	return proof.Hash(mac.Sum(nil))
}

// put makes a message durable, and does nothing when it is there already. Problems:
// busy when the spool is full.
func (s *spool) put(name proof.Hash, m *message) error {
	plain, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails: crypto/rand
	sealed := s.aead.Seal(nonce, nonce, plain, name[:])
	i := &item{name: name, size: int64(len(sealed))}

	s.mu.Lock()
	switch {
	case s.known[name]: // it is durable already
		s.mu.Unlock()
		return nil
	case s.bytes+i.size > s.limit:
		s.mu.Unlock()
		return ledger.Problemf(ledger.CodeBusy, "the edge box has no room for more until the node takes what waits")
	}
	i.sequence = s.next
	s.next++
	s.bytes += i.size
	s.mu.Unlock()

	err = s.write(i.file(), sealed)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.bytes -= i.size
		return err
	}
	if s.known[name] { // the same message by another connection meanwhile
		s.bytes -= i.size
		return wrap("clearing the spool", os.Remove(filepath.Join(s.dir, i.file())))
	}
	at, _ := slices.BinarySearchFunc(s.items, i.sequence, func(have *item, n uint64) int {
		if have.sequence < n {
			return -1
		}
		return 1
	})
	s.items, s.known[name] = slices.Insert(s.items, at, i), true
	s.ring()
	return nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// write makes a file durable under its name.
func (s *spool) write(name string, b []byte) (err error) {
	path := filepath.Join(s.dir, name)
	f, err := os.OpenFile(path+partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // a name of its own
	if err != nil {
		return fmt.Errorf("writing to the spool: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path + partial)
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing to the spool: %w", err)
	}
	if err := os.Rename(path+partial, path); err != nil {
		return fmt.Errorf("writing to the spool: %w", err)
	}
	return s.sync()
}

func (s *spool) sync() error {
	d, err := os.Open(s.dir)
	if err != nil {
		return fmt.Errorf("syncing the spool: %w", err)
	}
	return wrap("syncing the spool", errors.Join(d.Sync(), d.Close()))
}

func (s *spool) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take gives the first message that is due, and how long until another is when none
// is. Whoever has it gives it back or lets it go.
func (s *spool) take(now time.Time) (i *item, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait = s.after.Sub(now); wait > 0 {
		return nil, wait
	}
	wait = -1
	for _, have := range s.items {
		switch due := have.after.Sub(now); {
		case have.sending:
		case due <= 0:
			have.sending = true
			return have, 0
		case wait < 0 || due < wait:
			wait = due
		}
	}
	return nil, wait
}

// errDisk says that the spool cannot be read now, which says nothing about the message.
var errDisk = errors.New("reading the spool")

// read opens a message that was taken. It fails with errDisk where it may be read later.
func (s *spool) read(i *item) (*message, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, i.file()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the spool: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDisk, err)
	}
	n := s.aead.NonceSize()
	if len(b) < n {
		return nil, errors.New("reading the spool: a message is cut off")
	}
	plain, err := s.aead.Open(nil, b[:n], b[n:], i.name[:])
	if err != nil {
		return nil, fmt.Errorf("reading the spool: a message is not what was written: %w", err)
	}
	m := &message{}
	return m, wrap("reading the spool", json.Unmarshal(plain, m))
}

const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

func pause(tries int) time.Duration { return min(firstPause<<min(tries, 12), longestPause) }

// later has a message sent again after a while.
func (s *spool) later(i *item, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i.sending, i.after = false, now.Add(pause(i.tries))
	i.tries++
}

// rest has a message sent again after a while, and no other before.
func (s *spool) rest(i *item, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i.sending = false
	if now.Before(s.after) { // others on their way met the same
		return
	}
	s.after = now.Add(pause(s.tries))
	s.tries++
}

// done lets a message go that the node has.
func (s *spool) done(i *item) error {
	return s.leave(i, os.Remove(filepath.Join(s.dir, i.file())))
}

// refuse puts a message aside that the node will never take, for a person to see.
func (s *spool) refuse(i *item) error {
	from := filepath.Join(s.dir, i.file())
	return s.leave(i, os.Rename(from, strings.TrimSuffix(from, extension)+refused))
}

func (s *spool) leave(i *item, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries = 0
	s.items = slices.DeleteFunc(s.items, func(have *item) bool { return have == i })
	delete(s.known, i.name)
	s.bytes -= i.size
	return wrap("clearing the spool", err)
}

// waiting returns how many messages wait, and their bytes.
func (s *spool) waiting() (count int, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items), s.bytes
}

// seed is that of a message's salts: the same for the same message, and nobody's to
// guess.
func (s *spool) seed(name proof.Hash) proof.Seed {
	mac := hmac.New(sha256.New, s.names)
	_, _ = mac.Write([]byte("seed"))
	_, _ = mac.Write([]byte(hex.EncodeToString(name[:])))
	return proof.Seed(mac.Sum(nil))
}

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
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// message is what the spool keeps of one message, encrypted.
type message struct {
	Unit      proof.Hash      `json:"unit"`
	MediaType string          `json:"mediaType"`
	Encoding  string          `json:"encoding,omitempty"`
	Subject   string          `json:"subject,omitempty"` // whom it is about
	Seed      []byte          `json:"seed"`
	Signature proof.Signature `json:"signature"`
	Sequence  proof.Sequence  `json:"sequence,omitzero"`
	Body      []byte          `json:"body"`
}

// item is a message on the disk.
type item struct {
	entry
	size  int64
	tries int
	after time.Time // not to be sent before
}

// spool keeps messages in a directory, one file each, in the order in which they came.
// What was handed over leaves an empty file for a while: by these a message that comes
// again is known, and where each device's count stands.
type spool struct {
	dir   string
	bound bounds
	aead  cipher.AEAD
	names []byte        // key of what names a message
	wake  chan struct{} // holds a token when there may be something to send

	mu      sync.Mutex
	epoch   uint64 // of the counts
	next    uint64 // place of the next message
	ready   heap   // to be sent now, by place
	delayed heap   // to be sent later, by time
	count   int    // messages that wait, those being sent included
	bytes   int64  // of them
	units   map[proof.Hash]*unit
	known   map[proof.Hash]bool          // messages that wait, and the last that do not
	coming  map[proof.Hash]chan struct{} // being made durable; closed then
	past    past
	tries   int       // that the node did not answer, one after the other
	after   time.Time // nothing is to be sent before
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
func openSpool(dir string, key ed25519.PrivateKey, bound bounds, now time.Time) (*spool, error) {
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
	s := &spool{
		dir: dir, bound: bound, wake: make(chan struct{}, 1), ready: heap{less: byPlace}, delayed: heap{less: byTime},
		units: map[proof.Hash]*unit{}, known: map[proof.Hash]bool{}, coming: map[proof.Hash]chan struct{}{},
	}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	if s.names, err = derive(key, "secant/edge/names/v1"); err != nil {
		return nil, err
	}
	if err := s.resume(); err != nil {
		return nil, err
	}
	if s.epoch == 0 { // nothing was counted in this directory: a count of its own
		s.epoch = uint64(max(now.UnixMilli(), 1))
	}
	s.ring()
	return s, nil
}

// name derives what a message is known by from what makes it the same message.
func (s *spool) name(unit proof.Hash, once []byte) proof.Hash {
	mac := hmac.New(sha256.New, s.names)
	_, _ = mac.Write(unit[:])
	_, _ = mac.Write(once)
	return proof.Hash(mac.Sum(nil))
}

// seed is that of a message's salts: the same for the same message, and nobody's to
// guess.
func (s *spool) seed(name proof.Hash) proof.Seed {
	mac := hmac.New(sha256.New, s.names)
	_, _ = mac.Write([]byte("seed"))
	_, _ = mac.Write([]byte(hex.EncodeToString(name[:])))
	return proof.Seed(mac.Sum(nil))
}

// claim makes the caller the one who makes a message durable: nil, when it is durable
// already. Whoever has claimed it calls what is returned.
func (s *spool) claim(name proof.Hash) (done func()) {
	for {
		s.mu.Lock()
		coming := s.coming[name]
		if s.known[name] {
			s.mu.Unlock()
			return nil
		}
		if coming == nil {
			mine := make(chan struct{})
			s.coming[name] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.coming, name)
				s.mu.Unlock()
				close(mine)
			}
		}
		s.mu.Unlock()
		<-coming // the same message by another connection: it is there in a moment, or it is not
	}
}

// put makes a message durable that sign makes under the number it is given, and does
// nothing when it is there already. Problems: busy when there is no room for it.
func (s *spool) put(name, of proof.Hash, sign func(proof.Sequence) *message) error {
	done := s.claim(name)
	if done == nil {
		return nil
	}
	defer done()
	s.mu.Lock()
	u := s.unit(of)
	i := &item{entry: entry{place: s.next, unit: of, epoch: s.epoch, number: u.take(), name: name}}
	s.next++
	s.mu.Unlock()

	sealed, err := s.seal(sign(proof.Sequence{Epoch: i.epoch, Number: i.number}), name)
	i.size = int64(len(sealed))
	s.mu.Lock()
	if err == nil && !s.room(u, i.size) {
		err = ledger.Problemf(ledger.CodeBusy, "the edge box has no room for more of this device until the node takes what waits")
	}
	if err != nil {
		u.giveBack(i.number)
		s.mu.Unlock()
		return err
	}
	s.hold(u, i.size)
	s.mu.Unlock()

	shown, err := s.write(i.file(waiting), sealed)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.let(u, i.size)
		if !shown { // else it may be there after a power cut, under this number
			u.giveBack(i.number)
		}
		return err
	}
	s.known[name] = true
	s.ready.push(i)
	s.ring()
	return nil
}

func (s *spool) seal(m *message, name proof.Hash) ([]byte, error) {
	plain, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding a message: %w", err)
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails: crypto/rand
	return s.aead.Seal(nonce, nonce, plain, name[:]), nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// write makes a file durable under its name. shown says that it may have that name,
// also where an error came after.
func (s *spool) write(name string, b []byte) (shown bool, err error) {
	path := filepath.Join(s.dir, name)
	f, err := os.OpenFile(path+partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // a name of its own
	if err != nil {
		return false, fmt.Errorf("writing to the spool: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path + partial)
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, fmt.Errorf("writing to the spool: %w", err)
	}
	if err := os.Rename(path+partial, path); err != nil {
		return true, fmt.Errorf("writing to the spool: %w", err)
	}
	return true, s.sync()
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
// is; less than 0: there is none. Whoever has it gives it back or lets it go.
func (s *spool) take(now time.Time) (i *item, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait = s.after.Sub(now); wait > 0 {
		return nil, wait
	}
	for first := s.delayed.first(); first != nil && !first.after.After(now); first = s.delayed.first() {
		s.ready.push(s.delayed.pop())
	}
	if i = s.ready.pop(); i != nil {
		return i, 0
	}
	if first := s.delayed.first(); first != nil {
		return nil, first.after.Sub(now)
	}
	return nil, -1
}

// errDisk says that the spool cannot be read now, which says nothing about the message.
var errDisk = errors.New("reading the spool")

// read opens a message that was taken. It fails with errDisk where it may be read later.
func (s *spool) read(i *item) (*message, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, i.file(waiting)))
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
	i.after = now.Add(pause(i.tries))
	i.tries++
	s.delayed.push(i)
}

// rest has a message sent again after a while, and no other before.
func (s *spool) rest(i *item, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready.push(i)
	if now.Before(s.after) { // others on their way met the same
		return
	}
	s.after = now.Add(pause(s.tries))
	s.tries++
}

// done lets a message go that the node has.
func (s *spool) done(i *item) error { return s.leave(i, handed) }

// refuse puts a message aside that the node will never take, for a person to see.
func (s *spool) refuse(i *item) error { return s.leave(i, refused) }

func (s *spool) leave(i *item, as string) error {
	from, to := filepath.Join(s.dir, i.file(waiting)), filepath.Join(s.dir, i.file(as))
	err := os.Rename(from, to)
	if err == nil && as == handed {
		err = os.Truncate(to, 0)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries = 0
	s.let(s.unit(i.unit), i.size)
	size := i.size
	if as == handed {
		size = 0
	}
	return errors.Join(wrap("clearing the spool", err), s.pass(mark{i.entry, as, size}))
}

// waiting returns how many messages wait, and their bytes.
func (s *spool) waiting() (count int, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, s.bytes
}

package vault

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault/object"
)

// Options are the settings that a vault has a default for.
type Options struct {
	// SegmentSize is how many bytes are reserved for a segment. Default 64 MiB.
	SegmentSize int64
	// Key is the path of the vault's key file, mode 0600. Default: vault.key in
	// the vault's directory. A backup that holds both the key and the segments
	// holds everything; keep them apart.
	Key string
	// ReadOnly opens the vault beside the process that writes it: nothing is
	// locked, repaired or written, and records appended later are not seen.
	ReadOnly bool
	// Objects is where full segments go. Default: nowhere, all stays in the directory.
	Objects object.Store
	// Keep is how many bytes of full segments stay in the directory besides, the newest.
	// Default: none.
	Keep int64
	// Logger takes what nobody is answered with. Default: slog.Default.
	Logger *slog.Logger
}

const (
	defaultSegmentSize = 64 << 20
	minSegmentSize     = 64 << 10
	maxSegmentSize     = 4 << 30
)

func (o Options) validate(dir string) (Options, error) {
	if o.SegmentSize == 0 {
		o.SegmentSize = defaultSegmentSize
	}
	if o.SegmentSize < minSegmentSize || o.SegmentSize > maxSegmentSize {
		return o, fmt.Errorf("a segment has %d to %d bytes", minSegmentSize, int64(maxSegmentSize))
	}
	if o.Keep < 0 {
		return o, errors.New("what stays of full segments is not negative")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Key == "" {
		o.Key = filepath.Join(dir, keyFile)
	}
	return o, nil
}

// Vault is an open vault. One goroutine may call Append and Sync; everything
// else may be called from any.
type Vault struct {
	dir       string
	opts      Options
	key       *masterKey
	subjects  *subjects
	lock      *os.File
	recovered Recovery
	drafts    sync.Pool
	allocate  func(f *os.File, size int64) error // reserves room; tests fill the disk here

	writer writer // of the goroutine that appends

	mu       sync.RWMutex // guards the two below
	segments []*segment   // oldest first; the last is being written
	index    *index

	// erasing is held for reading while a slot is zeroed, and for writing while a
	// segment's slots change their place: at any time, one file holds them.
	erasing sync.RWMutex
	away    away
	step    func(name string) // told of each step of a segment's way; tests stop there
}

// writer is what only the appending goroutine touches.
type writer struct {
	file    *os.File
	end     int64   // where the next record goes
	next    uint64  // its ordinal
	durable uint64  // how many records are durable
	entries []entry // of the last segment, for its index file
	pending int     // of entries: written and not yet durable
	group   []byte
	failed  error // what ended the writing, for ever
}

// Size returns the number of durable records, which is the next one's ordinal.
func (v *Vault) Size() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	last := v.segments[len(v.segments)-1]
	return last.base + last.count
}

// Recovered says what opening the vault found.
func (v *Vault) Recovered() Recovery { return v.recovered }

// ID derives the id of a record from parts that name it: the same parts always
// give the same id, and nobody without the vault's key can tell which.
func (v *Vault) ID(parts ...[]byte) ID { return v.key.id(parts...) }

// Has reports whether a durable record has this id.
func (v *Vault) Has(id ID) (bool, error) {
	_, err := v.head(id)
	if errors.Is(err, &ledger.Problem{Code: ledger.CodeNotFound}) {
		return false, nil
	}
	return err == nil, err
}

// Close ends the writing and lets go of the vault. What was appended and not
// synced is left for the next start to find.
func (v *Vault) Close() error {
	var errs []error
	if v.writer.file != nil {
		errs = append(errs, v.writer.file.Close())
		v.writer.file = nil
	}
	if v.subjects != nil {
		errs = append(errs, v.subjects.close())
	}
	if v.lock != nil {
		errs = append(errs, v.lock.Close())
		v.lock = nil
	}
	if v.writer.failed == nil {
		v.writer.failed = errors.New("the vault is closed")
	}
	return errors.Join(errs...)
}

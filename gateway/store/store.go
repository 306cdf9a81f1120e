package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// fileName is the database in the store's directory; lockName is an empty
// database beside it, held locked by the process that may write.
const (
	fileName = "node.db"
	lockName = "lock.db"
)

// readers bounds the connections that read; a query holds one for milliseconds.
const readers = 8

// Options tunes a store; the zero value suits a node.
type Options struct {
	// Organisation is the MSP id of the node's own organisation. With it, Apply
	// notices own transactions, and documents of others that the node wants.
	// Empty: it notices none of them, as when a replay is compared.
	Organisation string
	// ReadOnly opens the store beside the process that writes it, which may be
	// running. Everything that writes then fails.
	ReadOnly bool
	// KeepOperations is the number of newest operations whose outcome is kept;
	// default 10,000. Unfinished ones are always kept.
	KeepOperations int
	// KeepEvents is the number of newest events that are kept, of the ledger and
	// of this node each; default 10,000. It must not change between two stores
	// whose digests are compared.
	KeepEvents int
}

func (o *Options) validate() error {
	if o.KeepOperations < 0 || o.KeepEvents < 0 {
		return errors.New("the store's bounds must not be negative")
	}
	if o.KeepOperations == 0 {
		o.KeepOperations = 10_000
	}
	if o.KeepEvents == 0 {
		o.KeepEvents = 10_000
	}
	return nil
}

// Store is a node's database. Its methods may be called from many goroutines.
type Store struct {
	options Options
	write   *writer // nil when read-only
	writing *sql.DB
	reading *sql.DB
	locking *sql.DB
	secret  []byte // authenticates bookmarks
	now     func() time.Time
	rooms   rooms // of flows
	queued  queued
}

// Open opens the store in dir, and makes it when there is none. It refuses a
// store that another process has open, unless read-only, and one that a newer
// version of this program wrote.
func Open(ctx context.Context, dir string, options Options) (*Store, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	s := &Store{options: options, now: time.Now, queued: newQueued()}
	if err := s.open(ctx, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store in %s: %w", dir, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, dir string) error {
	file, err := filepath.Abs(filepath.Join(dir, fileName))
	if err != nil {
		return err
	}
	if s.options.ReadOnly {
		if _, err := os.Stat(file); err != nil {
			return err
		}
		return s.openReaders(ctx, file)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := s.lock(ctx, filepath.Join(filepath.Dir(file), lockName)); err != nil {
		return err
	}
	// SQLite gives its further files the mode of this one.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the directory is the operator's choice
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// What is deleted is overwritten: offers hold what credentials say of people. The
	// projection's keys are digests, so that a block touches pages all over the
	// tables: fewer checkpoints write each of them less often.
	if s.writing, err = database(file, "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)", "secure_delete(1)", "cache_size(-16000)",
		"journal_size_limit(67108864)", "wal_autocheckpoint(8000)"); err != nil {
		return err
	}
	conn, err := s.writing.Conn(ctx)
	if err != nil {
		return err
	}
	s.write = &writer{conn: conn, stmts: map[string]*sql.Stmt{}}
	if err := migrate(ctx, conn); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "INSERT OR IGNORE INTO setting (name, value) VALUES ('secret', ?)", []byte(rand.Text()))
	if err != nil {
		return err
	}
	return s.openReaders(ctx, file)
}

func (s *Store) openReaders(ctx context.Context, file string) error {
	var err error
	if s.reading, err = database(file, "query_only(1)", "busy_timeout(5000)", "cache_size(-4000)"); err != nil {
		return err
	}
	s.reading.SetMaxOpenConns(readers)
	s.reading.SetMaxIdleConns(readers)
	var version int
	if err := s.reading.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version != schemaVersion() {
		return fmt.Errorf("its schema is version %d, this program reads %d", version, schemaVersion())
	}
	return s.reading.QueryRowContext(ctx, "SELECT value FROM setting WHERE name = 'secret'").Scan(&s.secret)
}

// lock makes this process the store's only writer until it closes the store or
// ends, however it ends: the lock is the operating system's, by way of SQLite. One
// that was just killed may hold it for a moment more.
func (s *Store) lock(ctx context.Context, file string) error {
	var err error
	if s.locking, err = database(file, "busy_timeout(3000)", "locking_mode(exclusive)"); err != nil {
		return err
	}
	s.locking.SetMaxOpenConns(1)
	s.locking.SetConnMaxIdleTime(0)
	_, err = s.locking.ExecContext(ctx, "BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (by INTEGER); COMMIT")
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == sqlite3.SQLITE_BUSY {
		return ledger.Problemf(ledger.CodeBusy, "another process has this store open")
	}
	return err
}

// database opens a file with pragmas that each of its connections sets.
func database(file string, pragmas ...string) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return sql.Open("sqlite", u.String())
}

// Close closes the store. Writers must have returned.
func (s *Store) Close() error {
	var errs []error
	if s.reading != nil {
		errs = append(errs, s.reading.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.close())
	}
	for _, db := range []*sql.DB{s.writing, s.locking} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// update runs do in a durable transaction that it may share with others.
func (s *Store) update(ctx context.Context, do func(context.Context, *txn) error) error {
	if s.write == nil {
		return errReadOnly
	}
	return s.write.run(ctx, false, do)
}

// derive is update for what can be derived again: it survives the end of the
// process, and a power cut may take its newest part, in order, so that it goes
// on from an earlier block.
func (s *Store) derive(ctx context.Context, do func(context.Context, *txn) error) error {
	if s.write == nil {
		return errReadOnly
	}
	return s.write.run(ctx, true, do)
}

var errReadOnly = errors.New("the store is open for reading only")

// millis and fromMillis are how times stand in the database: UTC, milliseconds.
func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

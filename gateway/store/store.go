package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/gateway/store/postgres"
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
	engine  engine
	write   *writer // nil when read-only
	writing *sql.DB
	reading *sql.DB
	secret  []byte // authenticates bookmarks
	now     func() time.Time
	rooms   rooms // of flows
	queued  queued
}

// Open opens the store at a place, and makes it when there is none: in a directory, kept
// by SQLite, or in the database of a URL (postgres://user@host:port/database), kept by
// PostgreSQL 15 or later. It refuses a store that another process has open, unless
// read-only, and one that a newer version of this program wrote.
func Open(ctx context.Context, place string, options Options) (*Store, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	s := &Store{options: options, engine: engineOf(place), now: time.Now, queued: newQueued()}
	if err := s.open(ctx); err != nil {
		name := place
		if postgres.IsURL(place) {
			name = "PostgreSQL" // there may be a password in the URL
		}
		return nil, errors.Join(fmt.Errorf("opening the store in %s: %w", name, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if !s.options.ReadOnly {
		if err := s.openWriter(ctx); err != nil {
			return err
		}
	}
	var err error
	if s.reading, err = s.engine.reader(); err != nil {
		return err
	}
	s.reading.SetMaxOpenConns(readers)
	s.reading.SetMaxIdleConns(readers)
	version, err := s.engine.version(ctx, s.reading)
	if err != nil {
		return err
	}
	if version != schemaVersion() {
		return fmt.Errorf("its schema is version %d, this program reads %d", version, schemaVersion())
	}
	return s.reading.QueryRowContext(ctx, "SELECT value FROM setting WHERE name = 'secret'").Scan(&s.secret)
}

func (s *Store) openWriter(ctx context.Context) error {
	var conn *sql.Conn
	var err error
	s.writing, conn, err = s.engine.writer(ctx)
	if conn != nil {
		s.write = &writer{engine: s.engine, conn: conn, stmts: map[string]*sql.Stmt{}}
	}
	if err != nil {
		return err
	}
	if err := migrate(ctx, s.engine, conn); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "INSERT INTO setting (name, value) VALUES ('secret', ?) ON CONFLICT DO NOTHING", []byte(rand.Text()))
	return err
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
	if s.writing != nil {
		errs = append(errs, s.writing.Close())
	}
	return errors.Join(append(errs, s.engine.close())...)
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

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

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

// sqliteEngine keeps a store in a directory.
type sqliteEngine struct {
	dir     string
	locking *sql.DB
}

func (e *sqliteEngine) file() (string, error) { return filepath.Abs(filepath.Join(e.dir, fileName)) }

func (e *sqliteEngine) writer(ctx context.Context) (*sql.DB, *sql.Conn, error) {
	file, err := e.file()
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return nil, nil, err
	}
	if err := e.lock(ctx, filepath.Join(filepath.Dir(file), lockName)); err != nil {
		return nil, nil, err
	}
	// SQLite gives its further files the mode of this one.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the directory is the operator's choice
	if err != nil {
		return nil, nil, err
	}
	if err := f.Close(); err != nil {
		return nil, nil, err
	}
	// What is deleted is overwritten: offers hold what credentials say of people. The
	// projection's keys are digests, so that a block touches pages all over the
	// tables: fewer checkpoints write each of them less often.
	db, err := database(file, "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)", "secure_delete(1)", "cache_size(-16000)",
		"journal_size_limit(67108864)", "wal_autocheckpoint(8000)")
	if err != nil {
		return nil, nil, err
	}
	conn, err := db.Conn(ctx)
	return db, conn, err
}

func (e *sqliteEngine) reader() (*sql.DB, error) {
	file, err := e.file()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	return database(file, "query_only(1)", "busy_timeout(5000)", "cache_size(-4000)")
}

// lock makes this process the store's only writer until it closes the store or
// ends, however it ends: the lock is the operating system's, by way of SQLite. One
// that was just killed may hold it for a moment more.
func (e *sqliteEngine) lock(ctx context.Context, file string) error {
	var err error
	if e.locking, err = database(file, "busy_timeout(3000)", "locking_mode(exclusive)"); err != nil {
		return err
	}
	e.locking.SetMaxOpenConns(1)
	e.locking.SetConnMaxIdleTime(0)
	_, err = e.locking.ExecContext(ctx, "BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (by INTEGER); COMMIT")
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == sqlite3.SQLITE_BUSY {
		return errHeld
	}
	return err
}

var errHeld = ledger.Problemf(ledger.CodeBusy, "another process has this store open")

// database opens a file with pragmas that each of its connections sets.
func database(file string, pragmas ...string) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return sql.Open("sqlite", u.String())
}

func (*sqliteEngine) version(ctx context.Context, q querier) (n int, err error) {
	return n, q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&n)
}

func (*sqliteEngine) migrate(ctx context.Context, conn *sql.Conn, file string, version int) error {
	text, err := migrations.ReadFile(file)
	if err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("%s; PRAGMA user_version = %d", text, version))
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		_ = tx.Rollback()
	}
	return err
}

func (*sqliteEngine) pace(lazy bool) string {
	if lazy {
		return "PRAGMA synchronous = normal"
	}
	return "PRAGMA synchronous = full"
}

// passing: the disk was full, and nothing was written.
func (*sqliteEngine) passing(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_FULL
}

func (*sqliteEngine) check(ctx context.Context, q querier) error {
	var verdict string
	if err := q.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("checking the database: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("the database is damaged: %s", verdict)
	}
	return nil
}

// matching: FTS5, in which a string is the words in it one behind the other.
func (*sqliteEngine) matching(_ context.Context, _ querier, l *listing, terms []term) error {
	all := make([]string, len(terms))
	for i, t := range terms {
		all[i] = `"` + strings.ReplaceAll(t.words, "\x00", " ") + `"`
		if t.begins {
			all[i] += "*"
		}
	}
	l.where, l.args = append(l.where, "intelligence_text MATCH ?"), append(l.args, strings.Join(all, " "))
	return nil
}

func (*sqliteEngine) addWords(ctx context.Context, t *txn, added int64, name, words string) error {
	// What was deleted meanwhile is not found.
	_, err := t.exec(ctx, `INSERT INTO intelligence_text (rowid, name, words)
		SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM stix_object WHERE added = ?1)`, added, name, words)
	return err
}

func (*sqliteEngine) clean(context.Context) error { return nil }

// forgetPages is how much of FTS5's index is written in one transaction.
const forgetPages = 500

// forgetWords merges the index: words of what was deleted stay in its files, marked as
// such, until parts of it are.
func (*sqliteEngine) forgetWords(ctx context.Context, t *txn, first bool) (done bool, err error) {
	var before, after int64
	if _, err := t.get(ctx, "SELECT total_changes()", nil, &before); err != nil {
		return false, err
	}
	pages := forgetPages
	if first {
		pages = -forgetPages // marks all there is as to be merged
	}
	if _, err := t.exec(ctx, "INSERT INTO intelligence_text (intelligence_text, rank) VALUES ('merge', ?)", pages); err != nil {
		return false, err
	}
	if _, err := t.get(ctx, "SELECT total_changes()", nil, &after); err != nil {
		return false, err
	}
	return !first && after-before < 2, nil // FTS5's way to say that nothing was done
}

func (e *sqliteEngine) close() error {
	if e.locking == nil {
		return nil
	}
	return e.locking.Close()
}

package store

import (
	"context"
	"database/sql"

	"github.com/secant-platform/secant/gateway/store/postgres"
)

// engine is the database under a store: what SQLite and PostgreSQL do each in its way.
// Everything else is said once, in SQL that holds for both (see package postgres).
type engine interface {
	// writer makes this process the store's only writer, until its last connection is
	// closed or the process ends, and opens what it writes by.
	writer(ctx context.Context) (*sql.DB, *sql.Conn, error)
	// reader opens connections that only read, each transaction at one moment.
	reader() (*sql.DB, error)
	// version is the number of migrations that were run.
	version(ctx context.Context, q querier) (int, error)
	// migrate runs a migration, the file's whole text, and makes it count, or neither.
	migrate(ctx context.Context, conn *sql.Conn, file string, version int) error
	// pace is a statement after which commits wait for the disk, or do not.
	pace(lazy bool) string
	// passing reports whether a failed commit left a known state behind.
	passing(err error) bool
	// check reads what the database itself knows to be damaged.
	check(ctx context.Context, q querier) error

	// matching has a listing find the rows of intelligence_text that have all terms.
	matching(ctx context.Context, q querier, l *listing, terms []term) error
	// addWords indexes the words of the object that was added at a moment.
	addWords(ctx context.Context, t *txn, added int64, name, words string) error
	// clean removes what was deleted from the index's files, where that is not done in a
	// transaction.
	clean(ctx context.Context) error
	// forgetWords goes on removing it in one; first: some was deleted since it was done.
	// It reports whether nothing is left.
	forgetWords(ctx context.Context, t *txn, first bool) (done bool, err error)

	close() error
}

// engineOf tells by a place what a store is kept in.
func engineOf(place string) engine {
	if postgres.IsURL(place) {
		return &postgresEngine{url: place}
	}
	return &sqliteEngine{dir: place}
}

// Package storetest gives each test a place for a store of its own: a directory, or,
// where the tests are to run on PostgreSQL, a database of a throw-away server.
package storetest

import (
	"os"
	"testing"
)

// Variable is the environment variable that, set to 1, has the tests of stores run on
// PostgreSQL. Otherwise they run on SQLite.
const Variable = "SECANT_TEST_POSTGRES"

// PostgreSQL reports whether the places are databases of a PostgreSQL server.
func PostgreSQL() bool { return os.Getenv(Variable) == "1" }

// Place is an empty place for a store, which is gone when the test has ended. Stores in
// it must be closed by then. The test is skipped where PostgreSQL is wanted and not
// installed.
func Place(tb testing.TB) string {
	tb.Helper()
	place, remove := Temporary(tb)
	tb.Cleanup(remove)
	return place
}

// Temporary is Place for a test that needs many, one after the other: the caller calls
// remove as soon as the place's stores are closed.
func Temporary(tb testing.TB) (place string, remove func()) {
	tb.Helper()
	if PostgreSQL() {
		return Database(tb)
	}
	dir := tb.TempDir()
	return dir, func() {
		tb.Helper()
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	}
}

// OnlySQLite skips a test that looks at SQLite itself where the places are PostgreSQL's.
// What it looks at completes a sentence: "it looks at ...".
func OnlySQLite(tb testing.TB, what string) {
	tb.Helper()
	if PostgreSQL() {
		tb.Skip("not on PostgreSQL: it looks at " + what)
	}
}

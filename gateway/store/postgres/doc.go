// Package postgres lets the store's SQL, which is written once in the dialect of SQLite,
// run on PostgreSQL 15 and later: a driver for database/sql over pgx that translates
// each statement once and remembers it.
//
// What both databases say alike is left alone; what differs in meaning the store's own
// statements avoid. Only what the store uses is translated: a statement that needs more
// fails when it is prepared, never silently.
package postgres

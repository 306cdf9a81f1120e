// Package store keeps what a node knows in one SQLite database: the projection
// of the ledger, which a replay from block 0 rebuilds byte for byte, and what
// the node alone knows, which it must not lose (the outbox of commands,
// documents by digest, the inventory of its own devices).
//
// It is the only writer of its directory: a second process is refused. Writers
// that wait at the same time share one transaction and one fsync; readers have
// connections of their own and never wait for a writer.
package store

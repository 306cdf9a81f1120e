// Package statetest is a channel in memory, for tests: the real chaincode over a
// ledger that keeps Fabric's rules where they bite.
//
// A transaction is simulated on a snapshot and does not see its own writes; at
// commit, in block order, it fails when a key that it read has changed or a
// range that it scanned holds other rows. Paged queries and writes exclude each
// other. Proposals, certificates, read sets and endorsements are the bytes that
// Fabric's own would be. What contracts here never use (private data, rich
// queries, key-level policies) is missing and panics.
//
// Check re-derives what must hold from the stored bytes; New calls it at the end
// of every test.
package statetest

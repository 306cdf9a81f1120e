// Package state is what contracts see of Fabric: the transaction's context
// (caller, time, event) and typed tables of records.
//
// It refuses what would break the ledger's promises: a name that is not spelled
// exactly, a caller without a usable certificate, a claimed time that is not the
// endorser's, a write in a transaction that only reads, a change of a record
// that was not read, a transaction that forgot to ask for permission or to say
// what it did.
//
// Helpers hang on Context and never on a contract: the framework exposes every
// exported method of a contract to callers.
package state

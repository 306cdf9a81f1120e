// Package ledger is the language that every room of SECANT shares: the records
// that stand on the ledger, the requests that ask for them, the names, keys and
// events by which they are found, and the one error type that crosses rooms.
//
// It imports the standard library only, so that using it couples nobody to
// Fabric, and it holds no behaviour that needs a service: only validation, key
// parts, digests and pure helpers.
//
// Requests are validated strictly, stored records are read leniently: a record
// written by an older version stays readable for ever.
package ledger

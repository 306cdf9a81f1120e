// Package console is `secant ledger`: it lets an operator call any transaction
// of the ledger with the identities of one organisation's node. What only reads
// is evaluated, all else is submitted to its end. It decides nothing and keeps
// nothing; the ledger's own rules say who may do what.
package console

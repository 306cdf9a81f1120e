package state

import (
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Need says which persons a transaction asks for, and what they must have
// agreed to.
type Need struct {
	Record         ledger.Key // the record that the transaction is about
	Revision       int        // of it, before this transaction; 0 when it does not exist yet
	CredentialType string     // "vct" that each person's credential has
	Count          int        // persons; from two on, of as many organisations
}

// Person is somebody who agreed to this transaction. Who it is stands nowhere.
type Person struct {
	Issuer         string // DID of the credential's issuer
	Organisation   string // MSP id of the organisation that controls the issuer
	CredentialType string // "vct"
	Commitment     string // to the statement: ledger.StatementCommitment
}

// Persons returns those who agreed to this transaction by the holder statements
// in its transient map (ledger.TransientStatements): exactly as many as it needs,
// each with another key and another organisation behind its issuer. It writes a
// create-only mark for each, so that no statement serves twice. Call it after
// Permit, once in a transaction, and before the record is written. The Problems
// are denied (nobody of that kind agreed to this), already_exists (a statement
// has served) and invalid or too_large (no statements at all).
func (c *Context) Persons(need Need) ([]Person, error) {
	return nil, denied("no issuer of credentials is accepted on this channel")
}

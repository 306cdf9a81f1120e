package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The tables of members.
var (
	Organisations = table[ledger.Organisation](ledger.TypeOrganisation, "the organisation")
)

package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The tables of shared threats.
var (
	Threats = table[ledger.Threat](ledger.TypeThreat, "the report")
)

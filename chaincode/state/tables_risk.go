package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The tables of risk scores.
var (
	Scores         = table[ledger.Score](ledger.TypeScore, "the score")
	Recomputations = table[ledger.Recomputation](ledger.TypeRecomputation, "the recomputation")
)

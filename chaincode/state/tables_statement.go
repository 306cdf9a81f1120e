package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The table of holder statements that have served.
var (
	StatementMarks = table[ledger.StatementMark](ledger.TypeStatementMark, "the statement's mark")
)

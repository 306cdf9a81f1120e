package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The tables of medical devices.
var (
	Models      = table[ledger.Model](ledger.TypeModel, "the model")
	Releases    = table[ledger.Release](ledger.TypeRelease, "the release")
	Units       = table[ledger.Unit](ledger.TypeUnit, "the unit")
	UnitChanges = table[ledger.UnitChange](ledger.TypeUnitHistory, "the unit's change")
	Recalls     = table[ledger.Recall](ledger.TypeRecall, "the recall")
)

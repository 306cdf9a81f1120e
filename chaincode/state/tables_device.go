package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The tables of medical devices.
var (
	Models      = table[ledger.Model](ledger.TypeModel, "the model")
	Releases    = table[ledger.Release](ledger.TypeRelease, "the release")
	Units       = table[ledger.Unit](ledger.TypeUnit, "the unit")
	UnitChanges = table[ledger.UnitChange](ledger.TypeUnitHistory, "the unit's change")
	UnitChunks  = table[ledger.UnitChunk](ledger.TypeUnitChunk, "the units' registration")
	UnitIDevIDs = table[ledger.UnitClaim](ledger.TypeUnitIDevID, "a unit with that identity")
	UnitSigning = table[ledger.UnitClaim](ledger.TypeUnitSigning, "a unit with that public key")
	Recalls     = table[ledger.Recall](ledger.TypeRecall, "the recall")
)

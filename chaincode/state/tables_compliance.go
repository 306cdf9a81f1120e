package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The tables of compliance.
var (
	Catalogues         = table[ledger.Catalogue](ledger.TypeCatalogue, "the catalogue")
	CataloguesInUse    = table[ledger.CatalogueInUse](ledger.TypeCatalogueInUse, "the catalogue in use")
	EvidenceRows       = table[ledger.Evidence](ledger.TypeEvidence, "the evidence")
	ControlAssessments = table[ledger.ControlAssessment](ledger.TypeControlAssessment, "the assessment")
	Exceptions         = table[ledger.Exception](ledger.TypeException, "the exception")
	ExceptionEnds      = table[ledger.ExceptionEnd](ledger.TypeExceptionEnd, "the end of the exception")
)

package fact

import "github.com/secant-platform/secant/chaincode/ledger"

// VocabularyChange is a proposed change of a vocabulary with what became of it.
type VocabularyChange struct {
	Proposal
	Change ledger.VocabularyChange
}

// VocabularyChangePage is one page of them, newest on the ledger first.
type VocabularyChangePage struct {
	Items []VocabularyChange
	Next  string
}

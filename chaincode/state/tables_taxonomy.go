package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The tables of vocabularies.
var (
	Vocabularies        = table[ledger.Vocabulary](ledger.TypeVocabulary, "the vocabulary")
	VocabularyVersions  = table[ledger.VocabularyVersion](ledger.TypeVocabularyVersion, "the version of the vocabulary")
	VocabularyManifests = table[ledger.VocabularyManifest](ledger.TypeVocabularyManifest, "the manifest of the vocabulary")
	VocabularyNodes     = table[ledger.Node](ledger.TypeVocabularyNode, "the node")
	VocabularyChanges   = table[ledger.VocabularyChange](ledger.TypeVocabularyChange, "the proposed change")
)

package ledger

// The transactions of the contract "taxonomy".
const (
	TaxonomyCreate       = "taxonomy:Create"
	TaxonomyPropose      = "taxonomy:Propose"
	TaxonomyAdopt        = "taxonomy:Adopt"
	TaxonomyWithdraw     = "taxonomy:Withdraw"
	TaxonomyReject       = "taxonomy:Reject"
	TaxonomyGet          = "taxonomy:Get"
	TaxonomyList         = "taxonomy:List"
	TaxonomyGetVersion   = "taxonomy:GetVersion"
	TaxonomyListVersions = "taxonomy:ListVersions"
	TaxonomyListNodes    = "taxonomy:ListNodes"
	TaxonomyGetChange    = "taxonomy:GetChange"
	TaxonomyListChanges  = "taxonomy:ListChanges"
)

var (
	taxonomyWrites = []string{TaxonomyCreate, TaxonomyPropose, TaxonomyAdopt, TaxonomyWithdraw, TaxonomyReject}
	taxonomyReads  = []string{
		TaxonomyGet, TaxonomyList, TaxonomyGetVersion, TaxonomyListVersions, TaxonomyListNodes, TaxonomyGetChange, TaxonomyListChanges,
	}
)

// The object types of vocabularies.
const (
	TypeVocabulary         ObjectType = "voc"    // parts: vocabulary
	TypeVocabularyVersion  ObjectType = "voc.v"  // parts: vocabulary, number (6 digits)
	TypeVocabularyManifest ObjectType = "voc.mf" // parts: vocabulary, number (6 digits)
	TypeVocabularyNode     ObjectType = "voc.n"  // parts: vocabulary, node, number of the version that made it so (6 digits)
	TypeVocabularyChange   ObjectType = "voc.ch" // parts: vocabulary, proposal id
)

// The events of vocabularies.
const (
	EventVocabularyCreated EventKind = "vocabulary.created"
	EventVocabularyAdopted EventKind = "vocabulary.adopted"
	EventProposalWithdrawn EventKind = "proposal.withdrawn"
	EventProposalRejected  EventKind = "proposal.rejected"
)

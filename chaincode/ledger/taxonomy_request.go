package ledger

// AdoptChange carries out a proposed change of a vocabulary, as the members voted.
type AdoptChange struct {
	Proposal string   `json:"proposal"`
	Voters   []string `json:"voters,omitempty" metadata:",optional"` // MSP ids whose approving votes make a majority
}

// Validate returns a Problem that lists every fault.
func (r *AdoptChange) Validate() error {
	var c check
	c.digest("proposal", r.Proposal)
	c.voters(r.Voters)
	return c.problem("the adoption")
}

// WithdrawChange withdraws a proposal of the caller's organisation.
type WithdrawChange struct {
	Proposal string `json:"proposal"`
}

// Validate returns a Problem that lists every fault.
func (r *WithdrawChange) Validate() error {
	var c check
	c.digest("proposal", r.Proposal)
	return c.problem("the withdrawal")
}

// RejectChange closes a proposal that can no longer be carried, because too many
// members voted against it.
type RejectChange struct {
	Proposal string   `json:"proposal"`
	Voters   []string `json:"voters,omitempty" metadata:",optional"` // MSP ids whose votes against it leave no majority
}

// Validate returns a Problem that lists every fault.
func (r *RejectChange) Validate() error {
	var c check
	c.digest("proposal", r.Proposal)
	c.voters(r.Voters)
	return c.problem("the rejection")
}

// GetVocabulary asks for a vocabulary as it is now.
type GetVocabulary struct {
	ID string `json:"id"`
}

// VocabularyPage is one page of vocabularies, by id.
type VocabularyPage struct {
	Items []Vocabulary `json:"items"`
	Next  string       `json:"next"`
}

// GetVocabularyVersion asks for one version of a vocabulary.
type GetVocabularyVersion struct {
	Vocabulary string `json:"vocabulary"`
	Number     int    `json:"number"`
}

// ListVocabularyVersions asks for the versions of a vocabulary.
type ListVocabularyVersions struct {
	Vocabulary string      `json:"vocabulary"`
	Page       PageRequest `json:"page"`
}

// VocabularyVersionPage is one page of versions, the first one first.
type VocabularyVersionPage struct {
	Items []VocabularyVersion `json:"items"`
	Next  string              `json:"next"`
}

// ListNodes asks for the nodes of one version of a vocabulary.
type ListNodes struct {
	Vocabulary string      `json:"vocabulary"`
	Number     int         `json:"number"` // of the version
	Page       PageRequest `json:"page"`
}

// NodePage is one page of nodes, by id.
type NodePage struct {
	Items []Node `json:"items"`
	Next  string `json:"next"` // id of the first node of the next page; empty at the end
}

// GetVocabularyChange asks for a proposed change with what became of it.
type GetVocabularyChange struct {
	Proposal string `json:"proposal"`
}

// VocabularyChangeView is a proposed change with its proposal, its votes and what
// became of it.
type VocabularyChangeView struct {
	Change   VocabularyChange `json:"change"`
	Proposal ProposalView     `json:"proposal"`
}

// ListVocabularyChanges asks for the changes proposed to one vocabulary, or to all.
type ListVocabularyChanges struct {
	Vocabulary string      `json:"vocabulary,omitempty" metadata:",optional"` // empty: to all
	Page       PageRequest `json:"page"`
}

// VocabularyChangePage is one page of changes, by vocabulary and proposal.
type VocabularyChangePage struct {
	Items []VocabularyChange `json:"items"`
	Next  string             `json:"next"`
}

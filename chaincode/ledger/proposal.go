package ledger

import (
	"fmt"
	"time"
)

// What can be proposed. The first four are enacted by identity:Enact, the others
// by the transactions that are named.
const (
	ProposeAcceptIssuer        = "accept_issuer"        // an issuer may issue a credential type
	ProposeStrikeIssuer        = "strike_issuer"        // it may no longer
	ProposeRemoveOrganisation  = "remove_organisation"  // from the roster
	ProposeReadmitOrganisation = "readmit_organisation" // to the roster, after a removal
	ProposeRecoverDID          = "recover_did"          // a DID whose keys are lost, to a new key: identity:RecoverDID
	ProposeAssignModel         = "assign_model"         // a model that another registered, to its maker: device:AssignModel
	ProposeSucceedStream       = "succeed_stream"       // a new stream in place of an organisation's lost one: anchor:Succeed
	ProposeAcceptCatalogue     = "accept_catalogue"     // a version of a catalogue of controls, by which the members assess from then on: compliance:AcceptCatalogue
)

// ProposalKinds lists those that identity:Propose makes.
var ProposalKinds = []string{
	ProposeAcceptIssuer, ProposeStrikeIssuer, ProposeRemoveOrganisation, ProposeReadmitOrganisation,
	ProposeRecoverDID, ProposeAssignModel, ProposeSucceedStream, ProposeAcceptCatalogue,
}

// ProposeChangeVocabulary is the kind of what taxonomy:Propose proposes and
// taxonomy:Adopt carries out. identity:Propose makes none: its subject is a
// VocabularyChange, which is written with it.
const ProposeChangeVocabulary = "change_vocabulary"

// ProposalLife is how long a proposal can be voted on and enacted.
const ProposalLife = 30 * 24 * time.Hour

// ProposalSubject is what a proposal is about. Of its fields each kind states its own
// and no others.
type ProposalSubject struct {
	// accept_issuer and strike_issuer.
	Issuer         string `json:"issuer,omitempty" metadata:",optional"` // DID
	CredentialType string `json:"credentialType,omitempty" metadata:",optional"`
	Schema         string `json:"schema,omitempty" metadata:",optional"` // accept_issuer: version of the type's schema

	// remove_organisation, readmit_organisation, and assign_model: to whom.
	Organisation string `json:"organisation,omitempty" metadata:",optional"` // MSP id

	// recover_did.
	DID string `json:"did,omitempty" metadata:",optional"`
	Key string `json:"key,omitempty" metadata:",optional"` // RFC 7638 thumbprint of the key that may change the document from then on

	// assign_model.
	DI string `json:"di,omitempty" metadata:",optional"`

	// succeed_stream.
	Stream       string `json:"stream,omitempty" metadata:",optional"`       // id of the stream that ends
	Successor    string `json:"successor,omitempty" metadata:",optional"`    // id of the one that follows: StreamID of its verifier key
	LastSequence uint64 `json:"lastSequence,omitempty" metadata:",optional"` // of the anchor that the successor builds on; left out for 0

	// accept_catalogue.
	Catalogue string `json:"catalogue,omitempty" metadata:",optional"` // CatalogueID

	// change_vocabulary: with the proposal's id the key of the VocabularyChange.
	Vocabulary string `json:"vocabulary,omitempty" metadata:",optional"`
}

// Proposal is a question to the members.
type Proposal struct {
	V       int             `json:"v"`
	ID      string          `json:"id"` // id of the transaction that proposed it
	Kind    string          `json:"kind"`
	Subject ProposalSubject `json:"subject"`
	Reason  string          `json:"reason"` // for the members to read; names no person

	// Base is what the members decide on, as it was when it was proposed: the
	// revision of the trust registry's row, 0 when there is none (accept_issuer,
	// strike_issuer), of the roster (remove_organisation, readmit_organisation) or
	// of the DID (recover_did), the model's manufacturer (assign_model), or of
	// the row of the catalogue in use, 0 when there is none (accept_catalogue), or the
	// version since which the node stands, 0 when there is none, and for an import
	// that of the vocabulary (change_vocabulary). Once it is another the proposal
	// cannot be enacted. Left out for succeed_stream, whose
	// subject names the last anchor.
	Base string `json:"base,omitempty" metadata:",optional"`

	By       string    `json:"by"` // MSP id
	Proposed time.Time `json:"proposed"`
	Expires  time.Time `json:"expires"` // neither voted on nor enacted from then on
}

// Key returns the record's key.
func (p *Proposal) Key() Key { return ProposalKey(p.ID) }

// ProposalKey returns the key of a proposal.
func ProposalKey(id string) Key { return Key{TypeProposal, []string{id}} }

// Propose asks the members.
type Propose struct {
	Kind    string          `json:"kind"`
	Subject ProposalSubject `json:"subject"`
	Reason  string          `json:"reason"`
}

// Validate returns a Problem that lists every fault.
func (r *Propose) Validate() error {
	var c check
	c.oneOf("kind", r.Kind, ProposalKinds...)
	r.Subject.validate(&c, r.Kind)
	c.text("reason", r.Reason)
	return c.problem("the proposal")
}

// validate wants the fields of the kind, and no others.
func (s *ProposalSubject) validate(c *check, kind string) {
	issuer := kind == ProposeAcceptIssuer || kind == ProposeStrikeIssuer
	organisation := kind == ProposeRemoveOrganisation || kind == ProposeReadmitOrganisation || kind == ProposeAssignModel
	stream := kind == ProposeSucceedStream
	only := func(wanted bool, field, value string, valid func(field, value string)) {
		field = "subject." + field
		switch {
		case wanted:
			valid(field, value)
		case value != "":
			c.fail(field, "is not part of a proposal of this kind")
		}
	}
	token := func(field, value string) { c.token(field, value, 64) }
	only(issuer, "issuer", s.Issuer, c.issuer)
	only(issuer, "credentialType", s.CredentialType, c.credentialType)
	only(kind == ProposeAcceptIssuer, "schema", s.Schema, c.version)
	only(organisation, "organisation", s.Organisation, token)
	only(kind == ProposeRecoverDID, "did", s.DID, c.did)
	only(kind == ProposeRecoverDID, "key", s.Key, c.thumbprint)
	only(kind == ProposeAssignModel, "di", s.DI, token)
	only(stream, "stream", s.Stream, c.digest)
	only(stream, "successor", s.Successor, c.digest)
	only(kind == ProposeAcceptCatalogue, "catalogue", s.Catalogue, c.catalogueID)
	only(false, "vocabulary", s.Vocabulary, token)
	switch {
	case stream && s.LastSequence > MaxSequence:
		c.fail("subject.lastSequence", "must be at most %d", uint64(MaxSequence))
	case !stream && s.LastSequence > 0:
		c.fail("subject.lastSequence", "is not part of a proposal of this kind")
	}
	if stream && s.Stream != "" && s.Stream == s.Successor {
		c.fail("subject.successor", "must be another stream")
	}
}

// Vote is one organisation's answer to a proposal. It has one, for good.
type Vote struct {
	V            int       `json:"v"`
	Proposal     string    `json:"proposal"`
	Organisation string    `json:"organisation"` // MSP id
	Approve      bool      `json:"approve"`
	Time         time.Time `json:"time"`
}

// Key returns the record's key.
func (v *Vote) Key() Key { return VoteKey(v.Proposal, v.Organisation) }

// VoteKey returns the key of an organisation's vote.
func VoteKey(proposal, org string) Key { return Key{TypeVote, []string{proposal, org}} }

// CastVote answers a proposal for the caller's organisation.
type CastVote struct {
	Proposal string `json:"proposal"`
	Approve  bool   `json:"approve"`
}

// Validate returns a Problem that lists every fault.
func (r *CastVote) Validate() error {
	var c check
	c.digest("proposal", r.Proposal)
	return c.problem("the vote")
}

// Enactment marks a proposal as carried out, once.
type Enactment struct {
	V        int       `json:"v"`
	Proposal string    `json:"proposal"`
	Kind     string    `json:"kind"`
	Voters   []string  `json:"voters"` // MSP ids whose approving votes were counted, sorted
	By       string    `json:"by"`     // MSP id
	Tx       string    `json:"tx"`
	Time     time.Time `json:"time"`
}

// Key returns the record's key.
func (e *Enactment) Key() Key { return EnactmentKey(e.Proposal) }

// EnactmentKey returns the key of a proposal's enactment.
func EnactmentKey(proposal string) Key { return Key{TypeEnactment, []string{proposal}} }

// How a proposal ends before it expires without being carried out.
const (
	ClosedWithdrawn = "withdrawn" // by who made it
	ClosedRejected  = "rejected"  // so many voted against it that no majority is left
)

// Closure marks a proposal that is neither voted on nor carried out any more.
type Closure struct {
	V        int       `json:"v"`
	Proposal string    `json:"proposal"`
	Outcome  string    `json:"outcome"`
	Voters   []string  `json:"voters,omitempty" metadata:",optional"` // rejected: MSP ids whose votes against it were counted, sorted
	By       string    `json:"by"`                                    // MSP id
	Time     time.Time `json:"time"`
}

// Key returns the record's key.
func (c *Closure) Key() Key { return ClosureKey(c.Proposal) }

// ClosureKey returns the key of a proposal's closure.
func ClosureKey(proposal string) Key { return Key{TypeClosure, []string{proposal}} }

// Enact carries out a proposal of one of the identity kinds.
type Enact struct {
	Proposal string   `json:"proposal"`
	Voters   []string `json:"voters,omitempty" metadata:",optional"` // MSP ids of members that approved it, more than half of the roster
}

// Validate returns a Problem that lists every fault.
func (r *Enact) Validate() error {
	var c check
	c.digest("proposal", r.Proposal)
	c.voters(r.Voters)
	return c.problem("the enactment")
}

// MaxVoters bounds how many votes one enactment names.
const MaxVoters = 200

// voters wants at least one organisation, and each once.
func (c *check) voters(list []string) {
	switch {
	case len(list) == 0:
		c.fail("voters", "must name at least one organisation")
		return
	case len(list) > MaxVoters:
		c.fail("voters", "must name at most %d organisations", MaxVoters)
		return
	}
	seen := map[string]bool{}
	for i, org := range list {
		at := fmt.Sprintf("voters[%d]", i)
		if c.token(at, org, 64); seen[org] {
			c.fail(at, "is named twice")
		}
		seen[org] = true
	}
}

// GetProposal asks for a proposal with what became of it.
type GetProposal struct {
	ID string `json:"id"`
}

// ProposalView is a proposal with its votes, by organisation.
type ProposalView struct {
	Proposal Proposal `json:"proposal"`
	Votes    []Vote   `json:"votes"`
	Enacted  bool     `json:"enacted"`

	// Voters are those whose votes carried it; empty while it is not enacted.
	Voters []string `json:"voters,omitempty" metadata:",optional"`

	// Closure is how it ended without being enacted before it expired.
	Closure *Closure `json:"closure,omitempty" metadata:",optional"`
}

// ProposalPage is one page of proposals, by id.
type ProposalPage struct {
	Items []Proposal `json:"items"`
	Next  string     `json:"next"` // bookmark of the next page; empty at the end
}

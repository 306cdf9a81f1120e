package fact

import (
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// ProposalState says how far the members have come with a proposal.
type ProposalState string

// The states of a proposal.
const (
	ProposalOpen    ProposalState = "open"    // it can be voted on
	ProposalCarried ProposalState = "carried" // enough members approved it; anyone of them may enact it
	ProposalEnacted ProposalState = "enacted" // it took effect, for good
	ProposalExpired ProposalState = "expired" // it was not enacted in time

	ProposalWithdrawn ProposalState = "withdrawn" // by who made it
	ProposalRejected  ProposalState = "rejected"  // so many voted against it that no majority was left
)

// ProposalStates lists them all.
var ProposalStates = []ProposalState{ProposalOpen, ProposalCarried, ProposalEnacted, ProposalExpired, ProposalWithdrawn, ProposalRejected}

// Proposal is a question to the members with what became of it.
type Proposal struct {
	Row[ledger.Proposal]
	Votes     []Row[ledger.Vote]     // by organisation
	Enactment *Row[ledger.Enactment] // nil while it is not enacted
	Closure   *Row[ledger.Closure]   // nil while it did not end otherwise; a proposal to change a vocabulary alone does
	// Overtaken says that what it is about has changed since it was made, so that it
	// can no longer be enacted.
	Overtaken bool
	Roster    ledger.Roster // whose votes count now
}

// Approvals lists the members whose approving votes count now (MSP ids, sorted).
func (p *Proposal) Approvals() []string { return p.voters(true) }

// Refusals lists the members whose votes against it count now (MSP ids, sorted).
func (p *Proposal) Refusals() []string { return p.voters(false) }

func (p *Proposal) voters(approve bool) []string {
	var orgs []string
	for i := range p.Votes {
		if v := &p.Votes[i].Record; v.Approve == approve && p.Roster.Has(v.Organisation) {
			orgs = append(orgs, v.Organisation)
		}
	}
	slices.Sort(orgs)
	return orgs
}

// State returns how far the proposal has come at a time.
func (p *Proposal) State(at time.Time) ProposalState {
	switch {
	case p.Enactment != nil:
		return ProposalEnacted
	case p.Closure != nil:
		return ProposalState(p.Closure.Record.Outcome)
	case !at.Before(p.Record.Expires):
		return ProposalExpired
	case len(p.Approvals()) >= p.Roster.Needed():
		return ProposalCarried
	}
	return ProposalOpen
}

// ProposalPage is one page of proposals, newest on the ledger first.
type ProposalPage struct {
	Items []Proposal
	Next  string
}

// ProposalFilter narrows a list of proposals; an empty field does not narrow.
type ProposalFilter struct {
	Kind       string
	Vocabulary string        // that it would change
	State      ProposalState // as of At
	At         time.Time
}

// TrustFilter narrows a list of the trust registry; an empty field does not narrow.
type TrustFilter struct {
	Issuer         string // DID
	CredentialType string
	State          string
}

// DIDFilter narrows a list of DIDs; an empty field does not narrow.
type DIDFilter struct {
	Organisation string // MSP id of who wrote the current version
	Kind         string
}

// MaxSchema bounds the document of a credential type's schema, in bytes.
const MaxSchema = 256 << 10

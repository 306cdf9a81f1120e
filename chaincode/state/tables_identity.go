package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The tables of members, of what they voted on, and of DIDs.
var (
	Organisations = table[ledger.Organisation](ledger.TypeOrganisation, "the organisation")
	Rosters       = table[ledger.Roster](ledger.TypeRoster, "the roster")
	Proposals     = table[ledger.Proposal](ledger.TypeProposal, "the proposal")
	Votes         = table[ledger.Vote](ledger.TypeVote, "the vote")
	Enactments    = table[ledger.Enactment](ledger.TypeEnactment, "the proposal's enactment")
	Closures      = table[ledger.Closure](ledger.TypeClosure, "the proposal's closure")
	TrustRows     = table[ledger.TrustRow](ledger.TypeTrust, "the trust registry's row")
	Schemas       = table[ledger.Schema](ledger.TypeSchema, "the schema")
	StatusLists   = table[ledger.StatusList](ledger.TypeStatusList, "the status list")
	DIDs          = table[ledger.DID](ledger.TypeDID, "the DID")
	DIDVersions   = table[ledger.DIDVersion](ledger.TypeDIDVersion, "the version of the DID")
)

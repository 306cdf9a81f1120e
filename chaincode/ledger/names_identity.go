package ledger

// The transactions of the contract "identity".
const (
	IdentityRegister         = "identity:Register"
	IdentityPropose          = "identity:Propose"
	IdentityVote             = "identity:Vote"
	IdentityEnact            = "identity:Enact"
	IdentityPublishSchema    = "identity:PublishSchema"
	IdentityCommitStatusList = "identity:CommitStatusList"
	IdentityCreateDID        = "identity:CreateDID"
	IdentityRotateKeys       = "identity:RotateKeys"
	IdentitySetServices      = "identity:SetServices"
	IdentityDeactivateDID    = "identity:DeactivateDID"
	IdentityRecoverDID       = "identity:RecoverDID"
	IdentityGet              = "identity:Get"
	IdentityList             = "identity:List"
	IdentityGetRoster        = "identity:GetRoster"
	IdentityGetProposal      = "identity:GetProposal"
	IdentityListProposals    = "identity:ListProposals"
	IdentityGetTrust         = "identity:GetTrust"
	IdentityListTrust        = "identity:ListTrust"
	IdentityGetSchema        = "identity:GetSchema"
	IdentityListSchemas      = "identity:ListSchemas"
	IdentityGetStatusList    = "identity:GetStatusList"
	IdentityListStatusLists  = "identity:ListStatusLists"
	IdentityResolveDID       = "identity:ResolveDID"
	IdentityListDIDs         = "identity:ListDIDs"
)

var (
	identityWrites = []string{
		IdentityRegister, IdentityPropose, IdentityVote, IdentityEnact, IdentityPublishSchema, IdentityCommitStatusList,
		IdentityCreateDID, IdentityRotateKeys, IdentitySetServices, IdentityDeactivateDID, IdentityRecoverDID,
	}
	identityReads = []string{
		IdentityGet, IdentityList, IdentityGetRoster, IdentityGetProposal, IdentityListProposals, IdentityGetTrust, IdentityListTrust,
		IdentityGetSchema, IdentityListSchemas, IdentityGetStatusList, IdentityListStatusLists, IdentityResolveDID, IdentityListDIDs,
	}
)

// The object types of members.
const (
	TypeOrganisation ObjectType = "org"    // parts: MSP id
	TypeRoster       ObjectType = "ros"    // parts: "members"; the one row of those whose votes count
	TypeProposal     ObjectType = "prp"    // parts: id of the transaction that proposed it
	TypeVote         ObjectType = "vot"    // parts: proposal id, MSP id
	TypeEnactment    ObjectType = "prp.en" // parts: proposal id; makes a proposal take effect once
	TypeClosure      ObjectType = "prp.cl" // parts: proposal id; ends a proposal that takes no effect
	TypeTrust        ObjectType = "tru"    // parts: issuer's DID, credential type
	TypeSchema       ObjectType = "sch"    // parts: credential type, version
	TypeStatusList   ObjectType = "stl"    // parts: issuer's DID, name of the list
	TypeDID          ObjectType = "did"    // parts: DID
	TypeDIDVersion   ObjectType = "did.v"  // parts: DID, revision (6 digits)
)

// The events of members.
const (
	EventOrganisationRegistered EventKind = "organisation.registered"
	EventOrganisationRemoved    EventKind = "organisation.removed"
	EventOrganisationReadmitted EventKind = "organisation.readmitted"
	EventProposalMade           EventKind = "proposal.made"
	EventVoteCast               EventKind = "vote.cast"
	EventIssuerAccepted         EventKind = "issuer.accepted"
	EventIssuerStruck           EventKind = "issuer.struck"
	EventSchemaPublished        EventKind = "schema.published"
	EventStatusListCommitted    EventKind = "status_list.committed"
	EventDIDCreated             EventKind = "did.created"
	EventDIDKeysRotated         EventKind = "did.keys_rotated"
	EventDIDServicesSet         EventKind = "did.services_set"
	EventDIDRecovered           EventKind = "did.recovered"
	EventDIDDeactivated         EventKind = "did.deactivated"
)

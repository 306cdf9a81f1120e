package ledger

// The transactions of the contract "identity".
const (
	IdentityRegister = "identity:Register"
	IdentityGet      = "identity:Get"
	IdentityList     = "identity:List"
)

var (
	identityWrites = []string{IdentityRegister}
	identityReads  = []string{IdentityGet, IdentityList}
)

// The object types of members.
const (
	TypeOrganisation ObjectType = "org" // parts: MSP id
)

// The events of members.
const (
	EventOrganisationRegistered EventKind = "organisation.registered"
)

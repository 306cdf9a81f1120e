package ledger

// ChaincodeName is the name under which the chaincode is deployed.
const ChaincodeName = "secant"

// The transactions, spelled "contract:Function" exactly as callers must spell
// them. Names in Evaluations only read; all others write.
const (
	IdentityRegister = "identity:Register"
	IdentityGet      = "identity:Get"
	IdentityList     = "identity:List"

	DeviceRegisterModel  = "device:RegisterModel"
	DevicePublishRelease = "device:PublishRelease"
	DeviceRegisterUnit   = "device:RegisterUnit"
	DevicePutIntoService = "device:PutIntoService"
	DeviceGetModel       = "device:GetModel"
	DeviceGetRelease     = "device:GetRelease"
	DeviceGetUnit        = "device:GetUnit"
	DeviceListUnits      = "device:ListUnits"

	AnchorOpen               = "anchor:Open"
	AnchorCommit             = "anchor:Commit"
	AnchorReportEquivocation = "anchor:ReportEquivocation"
	AnchorGet                = "anchor:Get"
	AnchorGetStream          = "anchor:GetStream"

	ThreatShare = "threat:Share"
	ThreatGet   = "threat:Get"
	ThreatList  = "threat:List"

	RiskPublish = "risk:Publish"
	RiskGet     = "risk:Get"
	RiskList    = "risk:List"
)

// Names lists every transaction; the chaincode refuses any other spelling.
var Names = []string{
	IdentityRegister, IdentityGet, IdentityList,
	DeviceRegisterModel, DevicePublishRelease, DeviceRegisterUnit, DevicePutIntoService,
	DeviceGetModel, DeviceGetRelease, DeviceGetUnit, DeviceListUnits,
	AnchorOpen, AnchorCommit, AnchorReportEquivocation, AnchorGet, AnchorGetStream,
	ThreatShare, ThreatGet, ThreatList,
	RiskPublish, RiskGet, RiskList,
}

// Evaluations lists the transactions that only read: they are evaluated, or
// endorsed as signed reads, and never submitted.
var Evaluations = []string{
	IdentityGet, IdentityList,
	DeviceGetModel, DeviceGetRelease, DeviceGetUnit, DeviceListUnits,
	AnchorGet, AnchorGetStream,
	ThreatGet, ThreatList,
	RiskGet, RiskList,
}

// Role is what a node's certificate entitles it to; it stands in the
// certificate as the attribute RoleAttribute.
type Role string

// RoleAttribute is the certificate attribute that carries the role.
const RoleAttribute = "secant.role"

// The roles that the ledger tells apart.
const (
	RoleRegistrar Role = "registrar" // organisations, models, releases, units
	RoleAnchorer  Role = "anchorer"  // integrity-log checkpoints
	RoleSharer    Role = "sharer"    // threat reports
	RoleScorer    Role = "scorer"    // risk scores
	RoleCustodian Role = "custodian" // puts devices into service
	RoleCertifier Role = "certifier" // certifies devices
)

// Roles lists every role, in the order in which certificates are made.
var Roles = []Role{RoleRegistrar, RoleAnchorer, RoleSharer, RoleScorer, RoleCustodian, RoleCertifier}

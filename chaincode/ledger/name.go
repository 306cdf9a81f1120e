package ledger

import "slices"

// ChaincodeName is the name under which the chaincode is deployed.
const ChaincodeName = "secant"

// Names lists every transaction, spelled "contract:Function" exactly as callers
// must spell it; the chaincode refuses any other spelling. A contract more is a
// line more here and in Evaluations; what it consists of stands in its own
// names_ file.
var Names = slices.Concat(
	identityWrites, identityReads,
	deviceWrites, deviceReads,
	anchorWrites, anchorReads,
	threatWrites, threatReads,
	riskWrites, riskReads,
	complianceWrites, complianceReads,
	taxonomyWrites, taxonomyReads,
)

// Evaluations lists the transactions that only read: they are evaluated, or
// endorsed as signed reads, and never submitted. All others write.
var Evaluations = slices.Concat(identityReads, deviceReads, anchorReads, threatReads, riskReads, complianceReads, taxonomyReads)

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

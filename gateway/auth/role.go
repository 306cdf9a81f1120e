// Package auth says who calls and what they may do: roles and rights, tokens,
// and the router that lets no route exist without a right. It keeps no sessions,
// asks whoever does, and knows no passwords.
package auth

import "slices"

// Right is what a route asks for.
type Right string

// The rights. Each route names exactly one.
const (
	Anonymous        Right = "anonymous" // everyone, without a token
	DevicesWrite     Right = "devices:write"
	DevicesRead      Right = "devices:read"
	RecallsWrite     Right = "recalls:write"     // as the ledger's registrar or, with RoleCertifier, as its certifier
	DevicesCertify   Right = "devices:certify"   // prepares what an assessor signs
	ComplianceWrite  Right = "compliance:write"  // assesses devices and records evidence, as the ledger's custodian, registrar or, with RoleCertifier, certifier
	AgreementsGather Right = "agreements:gather" // follows what persons are to sign, and hands in what they signed
	ReadingsWrite    Right = "readings:write"
	ReadingsRead     Right = "readings:read"
	ReadingsErase    Right = "readings:erase"
	ThreatsShare     Right = "threats:share"
	ThreatsRead      Right = "threats:read"
	// TaxonomiesPropose asks the members to change a vocabulary, and takes that back.
	TaxonomiesPropose Right = "taxonomies:propose"
	IntelligenceWrite Right = "intelligence:write" // hands in what security tools say, and reports
	AdvisoriesWrite   Right = "advisories:write"   // imports advisories, and decides which products of theirs are own devices
	RiskWrite         Right = "risk:write"
	RiskRead          Right = "risk:read"
	EventsRead        Right = "events:read"
	StatusRead        Right = "status:read"
	MetricsRead       Right = "metrics:read"
	MembersRead       Right = "members:read"          // documents that every member of the consortium may have
	ConsortiumRead    Right = "consortium:read"       // proposals, the trust registry, schemas, DIDs, status lists
	ConsortiumGovern  Right = "consortium:govern"     // proposes, votes, enacts and publishes for the organisation
	DeviceOrWrite     Right = "readings:write|device" // a device's signature, or ReadingsWrite

	CredentialsIssue Right = "credentials:issue" // offers, revokes and suspends them
	CredentialsRead  Right = "credentials:read"

	WebhooksWrite Right = "webhooks:write" // has the node tell others by itself, and sees what it tells whom

	ReferenceWrite Right = "reference:write" // imports reference data into the node

	OwnSession Right = "session" // of whoever is signed in, whatever the role
)

// Role is what a token entitles its holder to.
type Role string

// The roles of the people and programs that call a node.
const (
	RoleRegistrar   Role = "registrar"    // models, releases, units; credentials
	RoleCertifier   Role = "certifier"    // at an authority: certifies and recalls what others made
	RoleIntegrator  Role = "integrator"   // hands in readings that devices did not sign, and connects other systems
	RoleAnalyst     Role = "analyst"      // shares threats
	RoleRiskManager Role = "risk-manager" // publishes scores
	RoleAuditor     Role = "auditor"      // reads everything
	RoleOperator    Role = "operator"     // reads everything, keeps the node running, speaks for the organisation among the members
	RoleNode        Role = "node"         // another member's node
	RoleNurse       Role = "nurse"        // at the bedside: devices, what they measure, what threatens them
	RolePhysician   Role = "physician"    // as a nurse
	RolePatient     Role = "patient"      // nothing yet but an own session
)

// Roles lists the roles for which a node's own tokens are made.
var Roles = []Role{RoleRegistrar, RoleCertifier, RoleIntegrator, RoleAnalyst, RoleRiskManager, RoleAuditor, RoleOperator, RoleNurse, RolePhysician, RolePatient}

// everyRead is what those who read everything may do.
var everyRead = []Right{DevicesRead, ReadingsRead, ThreatsRead, RiskRead, EventsRead, StatusRead, MetricsRead, MembersRead, CredentialsRead, ConsortiumRead}

// bedside is what those who treat patients may do.
var bedside = []Right{DevicesRead, ReadingsRead, RiskRead, EventsRead}

// rights is the one place that says which role may do what.
var rights = map[Role][]Right{
	RoleRegistrar:   {DevicesWrite, DevicesRead, RecallsWrite, ComplianceWrite, AgreementsGather, EventsRead, StatusRead, MembersRead, CredentialsIssue, CredentialsRead, ConsortiumRead},
	RoleCertifier:   {DevicesCertify, DevicesRead, RecallsWrite, ComplianceWrite, AgreementsGather, EventsRead, StatusRead, MembersRead, ConsortiumRead},
	RoleIntegrator:  {IntelligenceWrite, ReadingsWrite, ReadingsRead, DevicesRead, EventsRead, StatusRead, WebhooksWrite},
	RoleAnalyst:     {IntelligenceWrite, ThreatsShare, ThreatsRead, TaxonomiesPropose, AdvisoriesWrite, DevicesRead, RiskRead, EventsRead, StatusRead, MembersRead, ConsortiumRead},
	RoleRiskManager: {RiskWrite, RiskRead, AdvisoriesWrite, DevicesRead, ThreatsRead, EventsRead, StatusRead, MembersRead, ConsortiumRead},
	RoleAuditor:     everyRead,
	RoleOperator:    append(slices.Clone(everyRead), ConsortiumGovern, TaxonomiesPropose, CredentialsIssue, ReadingsErase, ReferenceWrite, WebhooksWrite),
	RoleNode:        {MembersRead},
	RoleNurse:       bedside,
	RolePhysician:   bedside,
	RolePatient:     nil,
}

// Has reports whether the role includes the right.
func (r Role) Has(right Right) bool { return slices.Contains(rights[r], right) }

// MayGive reports whether who has a role may say of somebody that they have
// another, by a credential. Those who speak for the organisation may give every
// role; the others who issue credentials give none by which somebody speaks for the
// organisation or gives roles, or else they would make themselves anything.
func (r Role) MayGive(other Role) bool {
	return r.Has(CredentialsIssue) && (r.Has(ConsortiumGovern) || !other.Has(ConsortiumGovern) && !other.Has(CredentialsIssue))
}

// RolesWith lists the roles that include the right, by name.
func RolesWith(right Right) []Role {
	var roles []Role
	for role := range rights {
		if role.Has(right) {
			roles = append(roles, role)
		}
	}
	slices.Sort(roles)
	return roles
}

// Known reports whether the role exists.
func (r Role) Known() bool { _, ok := rights[r]; return ok }

package ledger

// The transactions of the contract "compliance".
const (
	CompliancePublishCatalogue = "compliance:PublishCatalogue"
	ComplianceAcceptCatalogue  = "compliance:AcceptCatalogue"
	ComplianceRecordEvidence   = "compliance:RecordEvidence"
	ComplianceAssess           = "compliance:Assess"
	ComplianceGrantException   = "compliance:GrantException"
	ComplianceEndException     = "compliance:EndException"
	ComplianceGetCatalogue     = "compliance:GetCatalogue"
	ComplianceListCatalogues   = "compliance:ListCatalogues"
	ComplianceGetInUse         = "compliance:GetInUse"
	ComplianceGetAssessment    = "compliance:GetAssessment"
	ComplianceListAssessments  = "compliance:ListAssessments"
	ComplianceListEvidence     = "compliance:ListEvidence"
	ComplianceListExceptions   = "compliance:ListExceptions"
)

var (
	complianceWrites = []string{
		CompliancePublishCatalogue, ComplianceAcceptCatalogue, ComplianceRecordEvidence, ComplianceAssess,
		ComplianceGrantException, ComplianceEndException,
	}
	complianceReads = []string{
		ComplianceGetCatalogue, ComplianceListCatalogues, ComplianceGetInUse, ComplianceGetAssessment,
		ComplianceListAssessments, ComplianceListEvidence, ComplianceListExceptions,
	}
)

// The object types of compliance.
const (
	TypeCatalogue         ObjectType = "cat"    // parts: name, version
	TypeCatalogueInUse    ObjectType = "cat.us" // parts: name
	TypeEvidence          ObjectType = "evi"    // parts: kind of subject, subject, control, digest, MSP id
	TypeControlAssessment ObjectType = "cas"    // parts: unit, result digest, MSP id
	TypeException         ObjectType = "exc"    // parts: kind of subject, subject, control, reason digest
	TypeExceptionEnd      ObjectType = "exc.en" // parts: those of the exception
)

// The events of compliance.
const (
	EventCataloguePublished EventKind = "catalogue.published"
	EventCatalogueAccepted  EventKind = "catalogue.accepted"
	EventEvidenceRecorded   EventKind = "evidence.recorded"
	EventControlsAssessed   EventKind = "controls.assessed"
	EventExceptionGranted   EventKind = "exception.granted"
	EventExceptionEnded     EventKind = "exception.ended"
)

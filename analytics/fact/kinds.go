package fact

import "github.com/secant-platform/secant/chaincode/ledger"

// Kinds lists the kinds of event in the node's stream, those of the ledger first.
// A test holds it against the constants.
var Kinds = []string{
	string(ledger.EventOrganisationRegistered), string(ledger.EventOrganisationRemoved), string(ledger.EventOrganisationReadmitted),
	string(ledger.EventProposalMade), string(ledger.EventVoteCast), string(ledger.EventIssuerAccepted), string(ledger.EventIssuerStruck),
	string(ledger.EventSchemaPublished), string(ledger.EventStatusListCommitted),
	string(ledger.EventDIDCreated), string(ledger.EventDIDKeysRotated), string(ledger.EventDIDServicesSet), string(ledger.EventDIDRecovered), string(ledger.EventDIDDeactivated),
	string(ledger.EventModelRegistered), string(ledger.EventModelAssigned), string(ledger.EventReleasePublished),
	string(ledger.EventUnitRegistered), string(ledger.EventUnitsRegistered), string(ledger.EventUnitCompleted), string(ledger.EventUnitAssessed),
	string(ledger.EventUnitPutIntoService), string(ledger.EventUnitHeld), string(ledger.EventUnitQuarantined), string(ledger.EventUnitReleased),
	string(ledger.EventUnitUpdated), string(ledger.EventUnitOffered), string(ledger.EventUnitOfferEnded), string(ledger.EventUnitTransferred),
	string(ledger.EventUnitRetired), string(ledger.EventUnitCleared), string(ledger.EventRecallIssued), string(ledger.EventRecallLifted),
	string(ledger.EventStreamOpened), string(ledger.EventStreamSucceeded), string(ledger.EventAnchorCommitted), string(ledger.EventEquivocationReported),
	string(ledger.EventThreatShared), string(ledger.EventThreatSighted), string(ledger.EventThreatJudged), string(ledger.EventThreatWithdrawn),
	string(ledger.EventThreatOpeningRequested), string(ledger.EventThreatShareGiven),
	string(ledger.EventScorePublished), string(ledger.EventScoreRecomputed),
	string(ledger.EventCataloguePublished), string(ledger.EventCatalogueAccepted), string(ledger.EventEvidenceRecorded),
	string(ledger.EventControlsAssessed), string(ledger.EventExceptionGranted), string(ledger.EventExceptionEnded),
	string(ledger.EventVocabularyCreated), string(ledger.EventVocabularyAdopted), string(ledger.EventProposalWithdrawn), string(ledger.EventProposalRejected),

	EventReportReceived, EventReportMatched, EventIndicatorMatched, EventUnitAttested, EventAdvisoryMatched, EventControlsFailed, EventOperationFailed, EventImageConflict,
	EventSequenceGap, EventSequenceClosed, EventSequenceBack, EventSequenceRestarted, EventSequenceConflict,
	EventReadingsErased, EventSourceFailed, EventSourceRecovered, EventIntegrityIncident, EventIntegrityResolved, EventWebhookDisabled,
}

package ledger

import "time"

// complianceRecords holds one of each record of the contract "compliance", in the
// newest form.
var complianceRecords = map[string]any{
	"catalogue": &Catalogue{
		V: 1, Name: "secant-controls", Version: "1", Digest: hex32(40), Author: "authority", Published: at,
		Controls: []CatalogueControl{{ID: "ID-1", Weight: 5, Critical: true}, {ID: "ID-3", Weight: 3}},
	},
	"catalogue-in-use": &CatalogueInUse{
		V: 1, Name: "secant-controls", Version: "2", Digest: hex32(40), Since: at, Proposal: hex32(12), Revision: 2,
	},
	"evidence": &Evidence{
		V: 1, SubjectKind: SubjectModel, Subject: "04012345678901", Catalogue: "secant-controls/1", Control: "CE-1", Claim: ClaimMet,
		Digest: hex32(41), Until: at.Add(time.Hour), By: "authority", Party: PartyAuthority, Time: at,
	},
	"evidence-endless": &Evidence{
		V: 1, SubjectKind: SubjectDevice, Subject: hex32(1), Catalogue: "secant-controls/1", Control: "DI-2", Claim: ClaimPartly,
		Digest: hex32(41), By: "hospital-north", Party: PartyOwner, Time: at,
	},
	"control-assessment": &ControlAssessment{
		V: 1, Unit: hex32(1), Release: "2.1.0", Catalogue: "secant-controls/1", Results: "pt", Score: 8125, Verdict: VerdictConditional,
		InputDigest: hex32(42), ResultDigest: hex32(43), ValidTo: at.Add(time.Hour), Assessor: "hospital-north", Party: PartyOwner, Time: at,
		Exceptions: []UsedException{{Control: "ID-3", SubjectKind: SubjectModel, ReasonDigest: hex32(44)}},
	},
	"control-assessment-refused": &ControlAssessment{
		V: 1, Unit: hex32(1), Release: "2.1.0", Catalogue: "secant-controls/1", Results: "fp", Score: 3750, Verdict: VerdictNotCertifiable,
		InputDigest: hex32(42), ResultDigest: hex32(43), Assessor: "medtech", Party: PartyMaker, Time: at,
	},
	"exception": &Exception{
		V: 1, SubjectKind: SubjectModel, Subject: "04012345678901", Catalogue: "secant-controls/1", Control: "ID-3", Effect: ExceptTolerated,
		ReasonDigest: hex32(44), Until: at.Add(time.Hour), By: "authority", Persons: []PersonActed{{Organisation: "authority", Statement: hex32(45)}}, Time: at,
	},
	"exception-end": &ExceptionEnd{
		V: 1, SubjectKind: SubjectModel, Subject: "04012345678901", Control: "ID-3", ReasonDigest: hex32(44), By: "authority", Time: at,
	},
}

// complianceKeys says under which keys they stand.
var complianceKeys = map[string][]string{
	"catalogue":          {"cat", "secant-controls", "1"},
	"catalogue-in-use":   {"cat.us", "secant-controls"},
	"evidence":           {"evi", "model", "04012345678901", "CE-1", hex32(41), "authority"},
	"control-assessment": {"cas", hex32(1), hex32(43), "hospital-north"},
	"exception":          {"exc", "model", "04012345678901", "ID-3", hex32(44)},
	"exception-end":      {"exc.en", "model", "04012345678901", "ID-3", hex32(44)},
}

package ledger

// deviceRecords holds one of each record of the contract "device", in the newest form.
var deviceRecords = map[string]any{
	"model": &Model{
		V: 2, DI: "04012345678901", Name: "Infusion pump <A&B>", ModelNumber: "IP-7", Manufacturer: "medtech",
		EMDN: "Z1203010201", RiskClass: "IIb", Registered: at, BasicUDIDI: "04012345IP7XY", SRN: "DE-MF-000012345", SupportEnd: "2031-12-31",
		Assigned: &ModelAssigned{From: "othertech", Proposal: hex32(12), Time: at},
	},
	"model-without-emdn": &Model{
		V: 2, DI: "04012345678901", Name: "Infusion pump", ModelNumber: "IP-7", Manufacturer: "medtech",
		RiskClass: "IIb", Registered: at,
	},
	"release": &Release{
		V: 3, DI: "04012345678901", Version: "2.1.0", SBOMDigest: hex32(4), SBOMFormat: FormatCycloneDX, Published: at,
		Publisher: "medtech", Fixes: []string{"CVE-2026-0001", "CVE-2025-123456"}, Signature: "e30.e30.AA",
		Measurements: []Measurement{{Name: "firmware.bin", Alg: HashSHA256, Digest: hex32(23)}},
	},
	"unit": &Unit{
		V: 2, ID: hex32(1), DI: "04012345678901", Lot: "L42", Release: "2.1.0", Manufacturer: "medtech", Owner: "hospital-north",
		PublicKey: hex32(5), State: StateHeld, Certification: CertificationConditional, Since: at,
		Revision: 7, IDevID: hex32(13), LDevID: hex32(14), Previous: StateInService, Holds: []string{HoldVulnerability, HoldMalfunction},
		Assessment: &Assessment{
			Catalogue: "secant-controls/1", Release: "2.1.0", Score: 7400, Verdict: VerdictConditional,
			ResultDigest: hex32(15), Assessor: "authority", Time: at, ValidTo: at.AddDate(0, 3, 0),
		},
		Cleared: &Cleared{Lot: 3, Release: 1}, Offer: &Offer{To: "hospital-south", Since: at},
		Served: true, Former: []FormerOwner{{Owner: "hospital-east", Until: at}}, Refused: []string{"1.9.0", "2.0.0"},
	},
	"unit-manufactured": &Unit{
		V: 2, ID: hex32(1), DI: "04012345678901", Lot: "L42", Manufacturer: "medtech",
		State: StateManufactured, Certification: CertificationNone, Since: at, Revision: 1,
	},
	"unit-retired": &Unit{
		V: 2, ID: hex32(1), DI: "04012345678901", Lot: "L42", Release: "2.1.0", Manufacturer: "medtech", Owner: "hospital-north",
		State: StateRetired, Certification: CertificationNone, Since: at, Revision: 3, WipeDigest: hex32(16),
		Assessment: &Assessment{
			Catalogue: "secant-controls/1", Release: "2.1.0", Score: 900, Verdict: VerdictNotCertifiable,
			ResultDigest: hex32(15), Assessor: "authority", Time: at,
		},
	},
	"unit-of-a-chunk": &Unit{
		V: 2, ID: hex32(1), DI: "04012345678901", Lot: "L42", Release: "2.1.0", Manufacturer: "medtech", Owner: "hospital-north",
		State: StateRegistered, Certification: CertificationNone, Since: at, Revision: 1, Chunk: hex32(6),
	},
	"unit-chunk": &UnitChunk{
		V: 1, Tx: hex32(6), To: StateRegistered, By: "medtech", Time: at, Step: DeviceRegisterUnits, Count: 1000,
	},
	"unit-idevid":  &UnitClaim{V: 1, Type: TypeUnitIDevID, Value: hex32(13), Unit: hex32(1)},
	"unit-signing": &UnitClaim{V: 1, Type: TypeUnitSigning, Value: hex32(5), Unit: hex32(1)},
	"unit-change": &UnitChange{
		V: 2, ID: hex32(1), Tx: hex32(6), From: StateQuarantined, To: StateInService, By: "hospital-north", Time: at,
		Step: DeviceRelease, Revision: 9, Reason: HoldLost, Evidence: hex32(17), Release: "2.1.0", Owner: "hospital-north", Recall: 2,
		Persons: []PersonActed{{"hospital-north", hex32(18)}, {"authority", hex32(19)}},
	},
	"recall": &Recall{
		V: 1, DI: "04012345678901", Kind: RecallLot, Value: "L42", Class: RecallClassII, NoticeDigest: hex32(20),
		By: "authority", Authority: true, Since: at, Ended: true, Revision: 2, Persons: []PersonActed{{"medtech", hex32(21)}, {"authority", hex32(22)}},
	},
}

// deviceKeys says under which keys they stand.
var deviceKeys = map[string][]string{
	"model":        {"mdl", "04012345678901"},
	"release":      {"rel", "04012345678901", "2.1.0"},
	"unit":         {"dev", hex32(1)},
	"unit-change":  {"dev.ev", hex32(1), hex32(6)},
	"unit-chunk":   {"dev.ch", hex32(6)},
	"unit-idevid":  {"dev.id", hex32(13)},
	"unit-signing": {"dev.pk", hex32(5)},
	"recall":       {"rec", "04012345678901", "lot", "L42"},
}

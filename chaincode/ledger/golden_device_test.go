package ledger

// deviceRecords holds one of each record of the contract "device", in the newest form.
var deviceRecords = map[string]any{
	"model": &Model{
		V: 1, DI: "04012345678901", Name: "Infusion pump <A&B>", ModelNumber: "IP-7", Manufacturer: "medtech",
		EMDN: "Z1203010201", RiskClass: "IIb", Registered: at,
	},
	"model-without-emdn": &Model{
		V: 1, DI: "04012345678901", Name: "Infusion pump", ModelNumber: "IP-7", Manufacturer: "medtech",
		RiskClass: "IIb", Registered: at,
	},
	"release": &Release{
		V: 1, DI: "04012345678901", Version: "2.1.0", SBOMDigest: hex32(4), SBOMFormat: FormatCycloneDX, Published: at,
	},
	"unit": &Unit{
		V: 1, ID: hex32(1), DI: "04012345678901", Lot: "L42", Release: "2.1.0", Manufacturer: "medtech", Owner: "hospital-north",
		PublicKey: hex32(5), State: StateRegistered, Certification: CertificationNone, Since: at,
	},
	"unit-change": &UnitChange{V: 1, ID: hex32(1), Tx: hex32(6), From: StateRegistered, To: StateInService, By: "hospital-north", Time: at},
}

// deviceKeys says under which keys they stand.
var deviceKeys = map[string][]string{
	"model":       {"mdl", "04012345678901"},
	"release":     {"rel", "04012345678901", "2.1.0"},
	"unit":        {"dev", hex32(1)},
	"unit-change": {"dev.ev", hex32(1), hex32(6)},
}

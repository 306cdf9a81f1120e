package ledger

// riskRecords holds one of each record of the contract "risk", in the newest form.
var riskRecords = map[string]any{
	"score": &Score{
		V: 2, Subject: hex32(1), Model: "secant-exposure/1", InputDigest: hex32(10), Value: 4250, Scorer: "hospital-north", Published: at,
	},
	"score-bounded": &Score{
		V: 2, SubjectKind: SubjectService, Subject: ServiceID("hospital-north", hex32(14)), Model: "secant-cascade/1", InputDigest: hex32(10),
		Value: 4250, Bounds: &ScoreBounds{Lower: 0, Upper: 5000}, Horizon: 720, Scorer: "hospital-north", Published: at,
	},
	"score-organisation": &Score{
		V: 2, SubjectKind: SubjectOrganisation, Subject: "hospital-north", Model: "secant-cascade/1", InputDigest: hex32(10),
		Value: 0, Bounds: &ScoreBounds{}, Scorer: "hospital-north", Published: at,
	},
	"recomputation": &Recomputation{
		V: 1, Subject: hex32(1), Model: "secant-exposure/1", InputDigest: hex32(10), By: "authority", Value: 4250, Agrees: true, Time: at,
	},
}

// riskKeys says under which keys they stand.
var riskKeys = map[string][]string{
	"score":              {"rsk", hex32(1), "secant-exposure/1", hex32(10)},
	"score-organisation": {"rsk", "hospital-north", "secant-cascade/1", hex32(10)},
	"recomputation":      {"rsk.re", hex32(1), "secant-exposure/1", hex32(10), "authority"},
}

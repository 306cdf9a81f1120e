package ledger

// riskRecords holds one of each record of the contract "risk", in the newest form.
var riskRecords = map[string]any{
	"score": &Score{
		V: 1, Subject: hex32(1), Model: "secant-exposure/1", InputDigest: hex32(10), Value: 4250, Scorer: "hospital-north", Published: at,
	},
}

// riskKeys says under which keys they stand.
var riskKeys = map[string][]string{
	"score": {"rsk", hex32(1), "secant-exposure/1", hex32(10)},
}

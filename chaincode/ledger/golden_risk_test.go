package ledger

// riskRecords holds one of each record of the contract "risk", in each form ever written.
var riskRecords = map[string]any{
	"score": &Score{
		V: 1, Subject: hex32(1), Model: "secant-exposure/1", InputDigest: hex32(10), Value: 4250, Scorer: "hospital-north", Published: at,
	},
}

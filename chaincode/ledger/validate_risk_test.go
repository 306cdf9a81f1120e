package ledger

import (
	"strings"
)

// riskRequests holds a valid one of each request of the contract that can be wrong.
var riskRequests = map[string]func() validator{
	"score": func() validator {
		return &PublishScore{Subject: hex32(1), Model: "secant-exposure/1", InputDigest: hex32(2)}
	},
}

// riskFaults holds, for each of their fields, values that it does not take.
var riskFaults = map[string]map[string][]any{
	"score": {
		"subject": {""}, "model": {"", "a b", strings.Repeat("m", 65)}, "inputDigest": {""}, "value": {-1, MaxScore + 1},
	},
}

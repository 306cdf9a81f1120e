package ledger

import (
	"strings"
)

// identityRequests holds a valid one of each request of the contract that can be wrong.
var identityRequests = map[string]func() validator{
	"organisation": func() validator {
		return &RegisterOrganisation{Name: "North Hospital", Kind: KindHospital, Endpoint: "https://north.example:8443/api", TokenKey: hex32(1), Revision: 1}
	},
}

// identityFaults holds, for each of their fields, values that it does not take.
var identityFaults = map[string]map[string][]any{
	"organisation": {
		"name":     {"", " padded", "tab\tinside", "\xff", longText, "zero\u200bwidth"},
		"kind":     {"", "Hospital", "clinic"},
		"endpoint": {"", "north.example", "ftp://north.example", "https://", "https://u:p@north.example", "https://north.example?q", "https://north.example/#f", "https://" + longText, "http://[::1", "https://north.example/\x7f"},
		"tokenKey": {"", upperHex, hex32(1)[2:], hex32(1) + "00", strings.Repeat("zz", 32)},
		"revision": {0, -1},
	},
}

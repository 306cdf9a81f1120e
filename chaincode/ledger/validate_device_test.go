package ledger

import (
	"strings"
)

// deviceRequests holds a valid one of each request of the contract that can be wrong.
var deviceRequests = map[string]func() validator{
	"model": func() validator {
		return &RegisterModel{DI: "04012345678901", Name: "Infusion pump", ModelNumber: "IP 7/b", EMDN: "Z12030102", RiskClass: "IIb"}
	},
	"release": func() validator {
		return &PublishRelease{DI: "04012345678901", Version: "2.1.0-rc.1", SBOMDigest: hex32(2), SBOMFormat: FormatCycloneDX}
	},
	"unit": func() validator {
		return &RegisterUnit{SerialMAC: hex32(3), DI: "04012345678901", Lot: "L42", Release: "2.1.0", Owner: "hospital-north", PublicKey: hex32(4)}
	},
	"service": func() validator { return &PutIntoService{ID: hex32(5)} },
}

// deviceFaults holds, for each of their fields, values that it does not take.
var deviceFaults = map[string]map[string][]any{
	"model": {
		"di":          {"", strings.Repeat("1", 65), "0401 2345", "ü", "a\x00b", "a|b"},
		"name":        {"", longText},
		"modelNumber": {"", "\n"},
		"emdn":        {strings.Repeat("Z", 17), "Z 12"},
		"riskClass":   {"", "iib", "IV"},
	},
	"release": {
		"di": {""}, "version": {"", "1 0"}, "sbomDigest": {"", upperHex}, "sbomFormat": {"", "SPDX"},
	},
	"unit": {
		"serialMac": {"", "ab", upperHex}, "di": {""}, "lot": {"", "L 42"}, "release": {""}, "owner": {"", "hospital north"}, "publicKey": {"ab", upperHex},
	},
	"service": {"id": {"", upperHex}},
}

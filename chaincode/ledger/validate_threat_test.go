package ledger

// threatRequests holds a valid one of each request of the contract that can be wrong.
var threatRequests = map[string]func() validator{
	"threat": func() validator {
		return &ShareThreat{Digest: hex32(9), Marking: TLPClear, MediaType: MediaTypeSTIX, Size: 1}
	},
}

// threatFaults holds, for each of their fields, values that it does not take.
var threatFaults = map[string]map[string][]any{
	"threat": {
		"digest": {"", upperHex}, "marking": {"", "amber", "red", "GREEN"}, "mediaType": {"", "application/json"}, "size": {0, -1, MaxThreatBody + 1},
	},
}

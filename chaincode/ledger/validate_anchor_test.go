package ledger

import (
	"slices"
	"strings"
)

// anchorRequests holds a valid one of each request of the contract that can be wrong.
var anchorRequests = map[string]func() validator{
	"stream": func() validator { return &OpenStream{Verifier: "north+00000000+AQ"} },
	"anchor": func() validator {
		return &CommitAnchor{Stream: hex32(6), Checkpoint: "note", Proof: []string{hex32(7)}}
	},
	"succession": func() validator {
		return &SucceedStream{Proposal: hex32(6), Verifier: "north+00000000+AQ", Voters: []string{"authority", "hospital-south"}}
	},
	"equivocation": func() validator { return &ReportEquivocation{Stream: hex32(8), First: "a", Second: "b"} },
}

// anchorFaults holds, for each of their fields, values that it does not take.
var anchorFaults = map[string]map[string][]any{
	"stream": {"verifier": {"", longText, "a\nb"}},
	"anchor": {
		"stream": {"", upperHex}, "sequence": {MaxSequence + 1}, "checkpoint": {"", strings.Repeat("x", MaxCheckpoint+1)},
		"proof": {[]string{"ab"}, []string{upperHex}, slices.Repeat([]string{hex32(1)}, MaxProof+1)},
	},
	"succession": {
		"proposal": {"", upperHex}, "verifier": {"", longText, "a\nb"}, "voters": {[]string{}, slices.Repeat([]string{"a"}, MaxVoters+1)},
	},
	"equivocation": {"stream": {""}, "first": {"", strings.Repeat("x", MaxCheckpoint+1)}, "second": {""}},
}

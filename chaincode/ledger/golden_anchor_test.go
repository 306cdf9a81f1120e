package ledger

// anchorRecords holds one of each record of the contract "anchor", in the newest form.
var anchorRecords = map[string]any{
	"stream": &Stream{
		V: 2, ID: hex32(2), Owner: "hospital-north", Verifier: "north.example/log+00000000+AQ", Origin: "north.example/log", Opened: at,
	},
	"stream-successor": &Stream{
		V: 2, ID: hex32(15), Owner: "hospital-north", Verifier: "north.example/log+00000001+AQ", Origin: "north.example/log", Opened: at,
		Predecessor: &Predecessor{Stream: hex32(2), Sequence: 7, Reason: "the log's disk is lost", Proposal: hex32(16)},
	},
	"stream-after-unused": &Stream{
		V: 2, ID: hex32(15), Owner: "hospital-north", Verifier: "north.example/log+00000001+AQ", Origin: "north.example/log", Opened: at,
		Predecessor: &Predecessor{Stream: hex32(2), Unused: true, Reason: "the log's key is lost", Proposal: hex32(16)},
	},
	"stream-owner": &StreamOwner{V: 1, Owner: "hospital-north", Stream: hex32(2)},
	"anchor": &Anchor{
		V: 1, Stream: hex32(2), Sequence: 7, Size: 9007199254740993, Root: hex32(7),
		Checkpoint: "north.example/log\n1\nAA==\n\n— north.example/log AAAA\n", Tx: hex32(8), Time: at,
	},
	"equivocation": &Equivocation{V: 1, Stream: hex32(2), First: "first", Second: "second", By: "authority", Time: at},
}

// anchorKeys says under which keys they stand.
var anchorKeys = map[string][]string{
	"stream":       {"str", hex32(2)},
	"stream-owner": {"str.ow", "hospital-north"},
	"anchor":       {"anc", hex32(2), "000000000007"},
	"equivocation": {"str.eq", hex32(2)},
}

package ledger

// threatRecords holds one of each record of the contract "threat", in the newest form.
var threatRecords = map[string]any{
	"threat": &Threat{V: 1, Digest: hex32(9), Marking: TLPGreen, MediaType: MediaTypeSTIX, Size: 1234, Sharer: "hospital-north", Shared: at},
}

// threatKeys says under which keys they stand.
var threatKeys = map[string][]string{
	"threat": {"thr", hex32(9), "hospital-north"},
}

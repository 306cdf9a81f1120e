package ledger

// threatRecords holds one of each record of the contract "threat", in each form ever written.
var threatRecords = map[string]any{
	"threat": &Threat{V: 1, Digest: hex32(9), Marking: TLPGreen, MediaType: MediaTypeSTIX, Size: 1234, Sharer: "hospital-north", Shared: at},
}

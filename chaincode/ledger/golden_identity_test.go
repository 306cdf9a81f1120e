package ledger

// identityRecords holds one of each record of the contract "identity", in the newest form.
var identityRecords = map[string]any{
	"organisation": &Organisation{
		V: 1, ID: "hospital-north", Name: "North Hospital", Kind: KindHospital,
		Endpoint: "https://north.example", TokenKey: hex32(3), Since: at, Revision: 2,
	},
}

// identityKeys says under which keys they stand.
var identityKeys = map[string][]string{
	"organisation": {"org", "hospital-north"},
}

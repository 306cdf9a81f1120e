package ledger

// statementRecords holds the one record of holder statements, in the newest form.
var statementRecords = map[string]any{
	"statement-mark": &StatementMark{
		V: 1, Commitment: hex32(1), Function: "device:Release", Issuer: "did:secant:dev:hospital-north:staff", Organisation: "hospital-north",
		CredentialType: "DeviceReleaser", Tx: hex32(11), Time: at,
	},
}

// statementKeys says under which key it stands.
var statementKeys = map[string][]string{
	"statement-mark": {"stm", hex32(1)},
}

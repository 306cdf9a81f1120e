package ledger

// SignedRead is an evaluation that peers endorsed and nobody submitted: what
// their signatures cover is the proposal's hash, the response and the read set.
// The fields are the protocol-buffer bytes that Fabric hashes and signs, kept as
// they were (encoding them again may give other bytes):
//
//   - the proposal hash, in Response, is
//     SHA-256(ChannelHeader || SignatureHeader || Proposal);
//   - each endorser signs Response || its Endorser bytes: ECDSA (ASN.1) over the
//     SHA-256 of that.
//
// What to read where: the chaincode that ran is the one that ChannelHeader's
// extension names (peer.ChaincodeHeaderExtension); peers do not look at the name
// inside Proposal's invocation, which its client may set to anything. The
// function and the request are the first and second argument of that
// invocation. The status, the answer and the read set are in Response's
// extension (peer.ChaincodeAction).
type SignedRead struct {
	ChannelHeader   []byte        `json:"channelHeader"`   // common.ChannelHeader
	SignatureHeader []byte        `json:"signatureHeader"` // common.SignatureHeader
	Proposal        []byte        `json:"proposal"`        // ChaincodeProposalPayload without the transient map
	Response        []byte        `json:"response"`        // ProposalResponsePayload
	Endorsements    []Endorsement `json:"endorsements"`
}

// Endorsement is one peer's signature.
type Endorsement struct {
	Endorser  []byte `json:"endorser"` // msp.SerializedIdentity
	Signature []byte `json:"signature"`
}

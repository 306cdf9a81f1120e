package ledger

// SignedRead is an evaluation that peers endorsed and nobody submitted: what
// their signatures cover is the proposal's hash, the response and the read set.
// The fields are the protocol-buffer bytes that Fabric hashes and signs:
// the proposal hash is SHA-256(ChannelHeader || SignatureHeader || Proposal),
// and each endorser signs Response || its serialized identity.
type SignedRead struct {
	ChannelHeader   []byte        `json:"channelHeader"`
	SignatureHeader []byte        `json:"signatureHeader"`
	Proposal        []byte        `json:"proposal"` // ChaincodeProposalPayload without the transient map
	Response        []byte        `json:"response"` // ProposalResponsePayload
	Endorsements    []Endorsement `json:"endorsements"`
}

// Endorsement is one peer's signature.
type Endorsement struct {
	Endorser  []byte `json:"endorser"` // msp.SerializedIdentity
	Signature []byte `json:"signature"`
}

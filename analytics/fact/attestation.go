package fact

import "time"

// Attestation is what came of one that a unit made of itself at this node.
type Attestation struct {
	Unit    string
	Nonce   string // the challenge that it answered, hex
	Release string // that the ledger said it runs, by which it was judged
	Status  string // affirming, contraindicated or unknown
	Reasons []string
	Version string    // of its software, as it says; empty: it did not
	Digest  string    // SHA-256 of the token, hex
	Receipt string    // of the request in which the token is kept
	Time    time.Time // when it was taken
	Expires time.Time // until when it says something about the unit
}

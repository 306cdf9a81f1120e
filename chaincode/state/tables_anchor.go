package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The tables of integrity logs.
var (
	Streams       = table[ledger.Stream](ledger.TypeStream, "the stream")
	StreamOwners  = table[ledger.StreamOwner](ledger.TypeStreamOwner, "the organisation's stream")
	Anchors       = table[ledger.Anchor](ledger.TypeAnchor, "the anchor")
	Equivocations = table[ledger.Equivocation](ledger.TypeEquivocation, "the stream's mark")
)

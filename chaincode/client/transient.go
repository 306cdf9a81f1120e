package client

import (
	"log/slog"
	"maps"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Transient is what endorsers need to see of a transaction and nobody may keep,
// by name: a person's signed statement, for one. It travels with the proposal
// to the peers that endorse it, and is part neither of the transaction that
// they sign nor of [Prepared].Bytes; whoever prepares the transaction anew must
// have it again. It keeps itself out of logs and formatted text.
type Transient map[string][]byte

// LogValue keeps what it holds out of logs.
func (t Transient) LogValue() slog.Value { return slog.StringValue("redacted") }

// String keeps what it holds out of formatted text.
func (t Transient) String() string { return "redacted" }

// GoString keeps what it holds out of text formatted with %#v.
func (t Transient) GoString() string { return "redacted" }

// maxTransient bounds what a transaction carries besides its request, in bytes.
// Peers bound it by the size of a message only.
const maxTransient = 256 << 10

// JoinTransient is for implementations of the ledger other than [Client]: one
// map of all that a call was given, nil when that is nothing, or a Problem when
// it is too large.
func JoinTransient(all []Transient) (Transient, error) {
	var joined Transient
	size := 0
	for _, t := range all {
		for name, value := range t {
			size += len(name) + len(value)
		}
		if len(t) > 0 && joined == nil {
			joined = Transient{}
		}
		maps.Copy(joined, t)
	}
	if size > maxTransient {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "what the endorsers are to see is larger than %d bytes", maxTransient)
	}
	return joined, nil
}

// Package client is how a node talks to the ledger: it submits transactions and
// finds out what became of them, evaluates reads, follows whole blocks from a
// checkpoint, and obtains signed reads that anyone can verify offline.
//
// What it promises:
//
//   - A gateway peer that does not answer is passed over at once, quietly. What
//     feeds a read model (Evaluate, Height, Outcome, Follow) comes from peers of
//     the node's own organisation only; submits and signed reads may go through
//     any organisation's peer, because neither has to trust it. A read for which
//     others may be asked says so ([Client.Consult]), and then it is a majority's
//     word, never one peer's.
//   - What endorsers must see and nobody may keep is [Transient]: it is in no
//     log, no stored bytes and no block.
//   - Every error that somebody can act on is a ledger.Problem. The texts that
//     Fabric gives instead of types are read in errors.go and nowhere else.
//   - A submit that errs has an unknown outcome and says so ([UnknownOutcome]).
//     [Submit] looks such a transaction up, and sends the very same bytes again
//     rather than a new transaction, before it gives up.
//   - [Client.Follow] never delivers a block twice, out of order or malformed,
//     and notices a fork.
//
// It keeps no state on disk: checkpoints belong to the read model that they
// describe, in the same local transaction.
package client

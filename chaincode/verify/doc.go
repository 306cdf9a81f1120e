// Package verify checks what a Merkle log says about itself: signed checkpoints
// (C2SP tlog-checkpoint), consistency and inclusion (RFC 6962, section 2.1).
//
// Every function is pure, bounded and deterministic, so that endorsing peers,
// nodes and offline verifiers come to the same answer. Whatever does not fit is
// a ledger.Problem with code invalid that names the step and repeats no value.
package verify

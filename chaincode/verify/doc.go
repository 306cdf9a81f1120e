// Package verify checks what others signed:
//
//   - what a Merkle log says about itself: signed checkpoints (C2SP
//     tlog-checkpoint), consistency and inclusion (RFC 6962, section 2.1);
//   - compact JWS under keys of Ed25519 and P-256;
//   - SD-JWT VC presentations with key binding (RFC 9901), and by them that a
//     person agreed to one transaction: holder statements.
//
// Every function is pure, bounded and deterministic, so that endorsing peers,
// nodes and offline verifiers come to the same answer. Whatever does not fit is
// a ledger.Problem with code invalid, or too_large, that names the step and
// repeats no value.
//
// What is taken apart but not verified says so: ParseX checks the form, and only
// what a Verify method returns is to be believed. No key is ever taken from what
// it signs, but a holder's from its issuer's token.
package verify

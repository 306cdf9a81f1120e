// Package proof defines what an organisation commits to when it accepts
// readings, and judges offline whether one reading is still what was committed
// to: salts and leaves of a request's sub-tree, the statement that enters the
// organisation's integrity log, the bundle that carries a proof, and the
// verifier that needs the consortium's trust file and nothing else.
//
// The chain that a bundle shows is
//
//	record + salt -> leaf -> sub-tree root -> statement + salt -> log entry
//	-> checkpoint -> anchor on the ledger, read under the signatures of peers
//	of a majority of organisations.
//
// It asks no network, reads no clock and trusts no field of a bundle that it
// has not recomputed. It does not decide whether a reading is true: it says who
// vouches for it, and what that is worth.
package proof

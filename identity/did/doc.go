// Package did resolves DIDs of four methods to documents and keys: did:secant
// (what stands on the ledger), did:web, did:jwk and did:key; and it renders what
// stands on the ledger as did:web documents, so that outside wallets can resolve
// it. Keys are of Ed25519 or P-256, as everywhere here.
//
// [Resolver.Resolve] answers in the Universal Resolver's shape. [Resolver.Key] is
// what verifiers call: the one key that a kid names, in the issuer's own document,
// for one purpose, at one time. [Resolver.Registry] puts the same methods behind
// aries-framework-go's registry (pkg/vdr), for what is done through aries.
//
// None of aries' own methods is used. Its did:key takes keys of small order, under
// which anybody signs, panics on a crafted text (a varint that overflows), derives
// keys for agreement that nobody asked for, and says that each document was
// created now. Its did:web reads without bounds, takes no context, does not
// compare the document's id with the DID, and repeats what it read in errors.
// did:jwk it does not have. Tests hold what is said here of aries.
package did

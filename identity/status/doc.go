// Package status says which credentials are revoked or suspended. An issuer keeps
// one [List] and publishes it in two forms: a Token Status List (IETF
// draft-ietf-oauth-status-list) for SD-JWT VCs and mdocs, and Bitstring Status
// Lists (W3C, version 1.0) for VCDM credentials. A verifier keeps a [Cache].
//
// A list has one size from its first day, and a credential's place in it is drawn
// at random. So a list tells how many credentials are revoked and suspended, but
// not how many there are, and a place tells nothing of when its credential was
// issued, nor, among as many as the list is large (its herd), whose it is.
//
// It keeps nothing: storage, the ledger, fetching and the clock are passed in.
package status

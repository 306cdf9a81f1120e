// Package sdjwt makes SD-JWT VCs (RFC 9901 and its profile for verifiable
// credentials): an issuer issues them, a holder presents them with key binding.
// It makes one form only, the one that chaincode/verify takes: EdDSA or ES256,
// hidden claims at the top level, a holder's key in "cnf", an end.
//
// It verifies nothing: chaincode/verify is the one entry for what others made.
package sdjwt

// Package certificate makes the X.509 certificates of one issuer (ISO/IEC 18013-5,
// annex B): a root that signs itself, and under it that of the key with which the
// issuer signs mdocs and SD-JWT VCs for those who know issuers by certificates.
//
// A certificate proves nothing by itself. Verifiers of the consortium take a root
// for an issuer because its thumbprint stands in the issuer's document on the
// ledger, and for no other issuer; anybody else decides for themselves.
package certificate

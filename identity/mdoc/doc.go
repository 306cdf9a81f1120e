// Package mdoc issues, presents and verifies mdocs (ISO/IEC 18013-5) for any
// document type, as they travel over OID4VCI and OID4VP: an issuer issues an
// IssuerSigned, a holder answers a question with a DeviceResponse, a verifier
// judges one.
//
// It takes one form only: certificates under roots that are given, ES256 or EdDSA
// as the key is, a device signature and not a MAC, one document in a response, no
// elements of which the device itself is the source. CBOR is read in definite
// lengths, without a name twice, within bounds.
//
// Whether a credential is revoked is for package status to say.
package mdoc

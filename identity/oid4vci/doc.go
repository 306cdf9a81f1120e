// Package oid4vci speaks OpenID for Verifiable Credential Issuance 1.0: an
// [Issuer], which is a credential issuer and its authorization server in one, and
// a [Client], the side of a wallet.
//
// It decides who gets a credential, and for which keys. It makes no credential: a
// function that is passed in does. It serves no HTTP and keeps nothing: it reads
// forms, headers and bodies, and what must outlast a request lies behind [Flows].
//
// Clauses without another name are those of OpenID for Verifiable Credential
// Issuance 1.0.
package oid4vci

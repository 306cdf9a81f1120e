// Package oid4 serves one family of protocols, OpenID for Verifiable Credentials:
// it issues credentials to wallets, and asks wallets to present them. It decodes,
// calls and encodes; what is right is decided in identity/oid4vci and
// identity/oid4vp. OAuth itself, from which they come, is served to programs that
// sign in with their own keys.
//
// Every route here is open to anonymous callers: the protocols carry their own
// proofs of who may do what. Errors have the protocols' own form.
package oid4

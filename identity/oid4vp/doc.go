// Package oid4vp speaks OpenID for Verifiable Presentations 1.0, both sides of
// it: a Verifier asks for credentials and takes the answers, a Responder reads
// what is asked and answers for a wallet. What is asked is a Query in the Digital
// Credentials Query Language.
//
// It is the protocol and no more. It serves no HTTP, keeps nothing (see Flows),
// and does not decide whether a credential is genuine: that is a Judge's, which is
// passed in. What it does decide is whether an answer belongs to the one request
// that it claims to answer, and whether what was asked for was shown.
package oid4vp

// Package catalogue is the credential types of the consortium as data: what each
// says, of whom, by whom it may be said, in which formats, for how long, and how
// wallets show it. Issuers, verifiers and wallets read the same catalogue, so that
// what one makes the others take.
//
// A type's claims are what its JSON Schema describes: the members that an SD-JWT VC
// has beside its envelope, the credentialSubject of a W3C credential without its
// id, the elements of an mdoc's namespace. The schema's digest is what
// identity:PublishSchema puts on the ledger.
//
// The catalogue grants nothing: whom the members believe stands in the ledger's
// trust registry.
package catalogue

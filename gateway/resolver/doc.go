// Package resolver shows the outside which DIDs there are: the organisation's own
// as did:web documents, and any of the consortium's in the shape of a Universal
// Resolver. Whoever asks needs no right, since what is answered is public.
//
// GET /1.0/identifiers resolves did:secant of every member from the read model,
// did:key and did:jwk from themselves. did:web it fetches, for anyone and under
// this organisation's name, so it is picky: the organisation's own come from the
// read model, others' only from hosts of members, as the ledger names them, and
// from those that the operator lists (config.Exchange.Resolve). Any other host is answered as a method that
// is not supported here: nobody can use the node to call a host of their choice,
// and a caller can resolve such a DID without us. What verifies credentials here
// is not bound to that list: it asks the trust registry whom to believe, and uses
// the same guarded fetch.
package resolver

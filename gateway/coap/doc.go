// Package coap takes what constrained devices send by CoAP (RFC 7252): over DTLS 1.2,
// where the certificate says which source they are, and over plain UDP, where their
// network does. A confirmable request is answered when its readings are durable and in
// the integrity log, and not before; when that takes long, it is acknowledged empty and
// answered separately.
//
//	POST /readings?d=DEVICE    one reading (JSON, CBOR), or one SenML pack (RFC 8428)
//	POST /rd?ep=DEVICE&lt=...  LwM2M: register; POST /rd/{id} updates, DELETE ends it
//	POST /dp                   LwM2M 1.1: send, a pack of whoever is registered
//	GET  /.well-known/core     what is here
//
// DEVICE is what the source calls a device in its inventory: a name is good at one
// source only, so nobody sends under another's. id=... in the query names a request: the
// same one sent again is taken once, for ever. Without it a repetition is recognised by
// its message id (4.5), as long as the process runs. seed=... and sig=... carry a
// device's signature over its readings, n=... and made=... what it says of its own count
// and clock, and subject=... whom they are about, as HTTP's headers do (Secant-Seed,
// Secant-Signature, Secant-Sequence, Secant-Made, Secant-Subject).
//
// Large requests come in blocks (RFC 7959, Block1), bounded in size and number; with
// Request-Tag (RFC 9175) several at once. Refusals carry concise problem details
// (RFC 9290), which never say what the request said. Whoever is no source is not answered
// at all, so that nobody can use the node to flood others.
package coap

// Package webhook signs what a node sends to others by itself, and verifies it at
// the receiver, by the Standard Webhooks specification 1.0.0: the headers
// webhook-id, webhook-timestamp and webhook-signature, over the text
//
//	ID "." TIMESTAMP "." BODY
//
// under a secret that both sides have (v1, HMAC-SHA256) and under the sender's own
// key (v1a, Ed25519), which whoever has the public key can check without being able
// to sign. A message that is sent again has the same id and another timestamp: the
// receiver remembers the ids that it has acted on.
//
// It does no I/O, and the time is passed in.
package webhook

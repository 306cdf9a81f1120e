// Package mllp takes HL7 v2 messages from monitors, pumps and their gateways over
// the minimal lower layer protocol (HL7 v2 transport specification: MLLP, release
// 1), and answers each with HL7's own acknowledgement when the message is durable
// and in the integrity log, and not before.
//
// Who sends is told by the certificate of the connection, or where a hospital has
// senders without any, by the network that it comes from. A message is about the
// device that its sender calls by a name that the hospital gave that device; a
// name is good at one source only, so nobody sends under another's.
//
// What may pass soon is not answered but tried again, and in the end the
// connection is closed: senders repeat what was not acknowledged, and many drop
// what was refused.
package mllp

// Package vault keeps the requests that a node has accepted, encrypted, in
// append-only segment files that describe themselves: with the vault's key and
// the segments alone, everything else that knows of a request can be rebuilt.
//
// Each record has a data key of its own, wrapped under the vault's key and
// standing in a slot of the record that may be zeroed in place: destroying it
// erases the request, and nothing else has to be rewritten.
//
// Segments that are full may go to a place for objects; the wrapped keys stay in the
// directory, so that erasing reaches them.
//
// What is about one person can be erased alone as well: a part of a record may be
// sealed under the key of its subject, which stands in a slot of a file of its own
// and in no segment.
//
// It knows nothing of readings, and it never goes on after a failed write: what
// a failed fsync leaves behind is unknown, so the process must stop and recover
// from what the disk really holds. Damage is reported and refused, never cut
// away; only the tail of a group that was never made durable is.
package vault

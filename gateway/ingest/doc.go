// Package ingest accepts readings: it decodes and judges what came in, commits
// to it with salted leaves and one root, checks the device's signature, and
// answers with a receipt when the request is durable, encrypted in the vault and
// in the organisation's integrity log. It reads requests back, with all that a
// proof needs from the node's side.
//
// Its steps follow one order, so that nothing acknowledged is ever lost and
// nothing stands in the log twice: sealed, appended, synced, logged, answered.
// The vault's ordinal of a request is its index in the log; when the two ever
// differ, the pipeline stops for good rather than hand out receipts that do not
// hold.
//
// It does not know devices or organisations: who may send, and under which key,
// is the caller's to decide.
package ingest

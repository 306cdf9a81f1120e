// Package worker runs the loops of a node, the only ones that it has: it
// follows the ledger into the read model, carries commands from the outbox to
// the ledger, anchors the integrity log, fetches documents that other members'
// nodes hold, and has reports assessed against the own devices.
//
// It decides nothing about content: contracts judge commands, and the functions
// that it is given judge reports.
package worker

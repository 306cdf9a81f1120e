// Package edge is the small box beside devices that cannot sign: it signs what they
// send with a key of its own, keeps it through an outage, and hands it to the
// organisation's node. It is itself a device on the ledger, and vouches for what it
// received, as a device vouches for what it measured (analytics/proof, VouchedByEdge).
//
// What it has acknowledged is on its disk, encrypted, until the node has answered
// that it is durable there. The same message is the same request, however often the
// device or the box sends it.
package edge

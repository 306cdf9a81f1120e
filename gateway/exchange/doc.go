// Package exchange hands sealed reports (TLP amber, amber+strict and red) from the node of
// who shares one to the nodes of those who are named, and what they say of it to all who
// hold it. The ledger holds a commitment (ledger.ThreatCommitment), who shared it, its
// marking and when; to whom it went, what it says and what was said of it stands on the
// disks of those who hold it, and of nobody else.
//
// The sharer tells each who is named that there is something, again and again until it
// signed that it has it. The named asks for it, opens what was sealed to it by HPKE (RFC
// 9180) with X-Wing, compares it with the commitment on the ledger, and only then keeps it.
// Callers show a token that their organisation's key signed, and what they hand over is
// signed under that key once more, so that nothing depends on who carries it.
//
// Keys to seal to are made by each node, and are fetched from it: the ledger's record of an
// organisation, and its DID document, have no place for one of 1216 bytes. A key is stated
// under the organisation's key on the ledger, is good for two months and is replaced after
// one; a report that was sealed to one that is gone is sealed anew.
//
// It also hands reports that are to bear another's name to the authority that shares them
// in its own, and seals who is behind one among all members, by Shamir's scheme. Of those
// the ledger has everything but the name.
package exchange

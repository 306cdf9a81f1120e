package statetest

import (
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// openings: a relayed report has a sealed name and no other has; what was asked for and
// given is its organisation's own, by who has a share, and each share is the one that
// the name is committed to.
func (c *checker) openings() {
	escrows := once(c, rowsOf[ledger.ThreatEscrow](c, ledger.TypeThreatEscrow))
	for _, r := range rowsOf[ledger.Threat](c, ledger.TypeThreat) {
		t := r.last()
		sealed := find(escrows, ledger.ThreatEscrowKey(t.Digest, t.Sharer)) != nil
		c.want(sealed == t.Relayed && (t.V == 3) == t.Relayed, "report %s: says of who is behind it what does not stand here", t.Digest)
	}
	for _, r := range escrows {
		e := r.last()
		c.want(c.by(r.entries[0]).Org == e.Sharer, "sealed name %v: another organisation wrote it", r.key)
		c.want(find(rowsOf[ledger.Threat](c, ledger.TypeThreat), ledger.ThreatKey(e.Digest, e.Sharer)) != nil, "sealed name %v: of no report", r.key)
		c.want(len(e.Relay.Commitment) == ledger.EscrowNeeded(len(e.Relay.Shares)), "sealed name %v: no majority opens it", r.key)
	}
	requests := once(c, rowsOf[ledger.OpeningRequest](c, ledger.TypeOpeningRequest))
	for _, r := range requests {
		q := r.last()
		e := find(escrows, ledger.ThreatEscrowKey(q.Digest, q.Sharer))
		c.want(c.by(r.entries[0]).Org == q.By && e != nil && e.Relay.Place(q.By) > 0, "request %v: is not of who has a share", r.key)
		c.want(slices.Contains(ledger.OpeningReasons, q.Reason), "request %v: for the reason %s", r.key, q.Reason)
	}
	for _, r := range once(c, rowsOf[ledger.OpeningShare](c, ledger.TypeOpeningShare)) {
		s := r.last()
		c.want(c.by(r.entries[0]).Org == s.By, "share %v: another organisation wrote it", r.key)
		c.want(find(requests, ledger.OpeningRequestKey(s.Digest, s.Sharer, s.For)) != nil, "share %v: for no request", r.key)
		e := find(escrows, ledger.ThreatEscrowKey(s.Digest, s.Sharer))
		if e == nil {
			c.fail("share %v: of no sealed name", r.key)
			continue
		}
		commitment, err := verify.ParseEscrowCommitment(e.Relay.Commitment)
		if err == nil {
			_, err = verify.ParseEscrowShare(commitment, e.Relay.Place(s.By), s.Share)
		}
		c.want(err == nil, "share %v: is not the one committed to: %v", r.key, err)
	}
}

package statetest

import (
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// standing returns a record as it stood before a version; nil when it did not.
func standing[T any](rows []*row[T], key ledger.Key, before Version) *T {
	var found *T
	for _, r := range rows {
		if r.key.Type != key.Type || !slices.Equal(r.key.Parts, key.Parts) {
			continue
		}
		for i, e := range r.entries {
			if after(before, e.version) {
				found = &r.versions[i]
			}
		}
	}
	return found
}

// statements: each mark was written once, by the transaction that it names beside
// what that transaction is about; its issuer was believed then, and no two of a
// transaction are of one organisation.
func (c *checker) statements() {
	marks := once(c, rowsOf[ledger.StatementMark](c, ledger.TypeStatementMark))
	if len(marks) == 0 {
		return
	}
	dids := rowsOf[ledger.DID](c, ledger.TypeDID)
	trust := rowsOf[ledger.TrustRow](c, ledger.TypeTrust)
	rosters := rowsOf[ledger.Roster](c, ledger.TypeRoster)
	type side struct{ tx, org string }
	seen := map[side]bool{}
	for _, r := range marks {
		m, e := r.last(), r.entries[0]
		tx := c.by(e)
		c.want(m.Tx == e.tx && m.Function == tx.Name && m.Time.Equal(tx.Time.Truncate(time.Millisecond)), "statement %s: its mark is of another transaction", m.Commitment)
		c.want(slices.ContainsFunc(tx.Writes, func(w Write) bool { return splitKey(w.Key).Type != ledger.TypeStatementMark }),
			"statement %s: its transaction did nothing", m.Commitment)
		c.want(!seen[side{m.Tx, m.Organisation}], "statement %s: the second of %s for one transaction", m.Commitment, m.Organisation)
		seen[side{m.Tx, m.Organisation}] = true

		id, ok := ledger.ParseDID(m.Issuer)
		did := standing(dids, ledger.DIDKey(m.Issuer), e.version)
		accepted := standing(trust, ledger.TrustKey(m.Issuer, m.CredentialType), e.version)
		roster := standing(rosters, ledger.RosterKey(), e.version)
		c.want(ok && id.Org == m.Organisation && did != nil && !did.Deactivated, "statement %s: its issuer had no live DID", m.Commitment)
		c.want(accepted != nil && accepted.State == ledger.TrustAccepted, "statement %s: its issuer was not accepted", m.Commitment)
		c.want(roster != nil && roster.Has(m.Organisation) && roster.Network == id.Network, "statement %s: its issuer is of no member", m.Commitment)
	}
}

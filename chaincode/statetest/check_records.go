package statetest

import (
	"github.com/secant-platform/secant/chaincode/ledger"
)

// organisations: each wrote its own row only, revision by revision, and kept
// its kind.
func (c *checker) organisations() {
	for _, r := range rowsOf[ledger.Organisation](c, ledger.TypeOrganisation) {
		for i, o := range r.versions {
			c.want(o.Revision == i+1, "%s: version %d has revision %d", o.ID, i, o.Revision)
			c.want(o.Kind == r.versions[0].Kind && o.Since.Equal(r.versions[0].Since), "%s: changed its kind or its beginning", o.ID)
			c.want(c.by(r.entries[i]).Org == o.ID, "%s: another organisation wrote its row", o.ID)
		}
	}
}

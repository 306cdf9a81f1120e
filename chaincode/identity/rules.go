package identity

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// register decides what an organisation's row becomes. The caller states the
// revision that it makes, so that of two changes made from the same row one is
// told; previous is nil for the first registration.
func register(previous *ledger.Organisation, req ledger.RegisterOrganisation, org string, now time.Time) (*ledger.Organisation, error) {
	next := &ledger.Organisation{
		V: 1, ID: org, Name: req.Name, Kind: req.Kind,
		Endpoint: req.Endpoint, TokenKey: req.TokenKey,
		Since: now, Revision: 1,
	}
	if previous != nil {
		next.Since, next.Revision = previous.Since, previous.Revision+1
	}
	switch {
	case req.Revision != next.Revision:
		return nil, ledger.Problemf(ledger.CodeConflict, "the organisation's next revision is %d", next.Revision)
	case previous != nil && previous.Kind != req.Kind:
		return nil, &ledger.Problem{
			Code: ledger.CodeInvalid, Detail: "the organisation is not valid",
			Faults: []ledger.Fault{{Field: "kind", Detail: "cannot change once it is registered"}},
		}
	}
	return next, nil
}

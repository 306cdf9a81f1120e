package threat

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// share makes the record of an organisation's report.
func share(req ledger.ShareThreat, org string, now time.Time) *ledger.Threat {
	report := &ledger.Threat{
		V: 2, Digest: req.Digest, Marking: req.Marking,
		MediaType: req.MediaType, Size: req.Size, Sharer: org, Shared: now,
	}
	if req.Relay != nil {
		report.V, report.Relayed = 3, true
	}
	return report
}

// mayFeedBack refuses what is said of a sealed report: it would tell everyone
// who was a recipient. Such feedback travels sealed, from node to node.
func mayFeedBack(report *ledger.Threat) error {
	if ledger.Sealed(report.Marking) {
		return ledger.Problemf(ledger.CodeDenied, "nothing is said on the ledger of a report that is marked %s", report.Marking)
	}
	return nil
}

// sight makes the record of a sighting, by times that the organisation claims:
// the peers can only tell that they are not to come.
func sight(report *ledger.Threat, req ledger.SightThreat, org, tx string, now time.Time) (*ledger.Sighting, error) {
	first, last := req.First.UTC().Truncate(time.Millisecond), req.Last.UTC().Truncate(time.Millisecond)
	if last.After(now) {
		return nil, &ledger.Problem{
			Code: ledger.CodeInvalid, Detail: "the sighting is not valid",
			Faults: []ledger.Fault{{Field: "last", Detail: "must not be to come"}},
		}
	}
	return &ledger.Sighting{
		V: 1, Digest: report.Digest, Sharer: report.Sharer, By: org, Tx: tx,
		Count: req.Count, First: first, Last: last, Time: now,
	}, nil
}

// opine decides what an organisation's opinion of a report becomes; previous is
// nil for the first. The caller states the revision that it makes, so that of
// two changes made from the same opinion one is told.
func opine(report *ledger.Threat, previous *ledger.Opinion, req ledger.OpineThreat, org string, now time.Time) (*ledger.Opinion, error) {
	if report.Sharer == org {
		return nil, ledger.Problemf(ledger.CodeDenied, "the report is the caller's own")
	}
	next := &ledger.Opinion{
		V: 1, Digest: report.Digest, Sharer: report.Sharer, By: org,
		Opinion: req.Opinion, Weight: req.Weight, Revision: 1, Time: now,
	}
	if previous != nil {
		next.Revision = previous.Revision + 1
	}
	if req.Revision != next.Revision {
		return nil, ledger.Problemf(ledger.CodeConflict, "the opinion's next revision is %d", next.Revision)
	}
	return next, nil
}

// withdraw makes the record of a withdrawal.
func withdraw(report *ledger.Threat, req ledger.WithdrawThreat, now time.Time) *ledger.Withdrawal {
	return &ledger.Withdrawal{
		V: 1, Digest: report.Digest, Sharer: report.Sharer,
		Reason: req.Reason, SupersededBy: req.SupersededBy, Time: now,
	}
}

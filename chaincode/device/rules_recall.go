package device

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// recall makes a recall, or the next revision of the one before (nil for none).
// An authority's recall is an authority's to change while it lasts.
func recall(before *ledger.Recall, req ledger.RecallDevices, org string, authority bool, now time.Time) (*ledger.Recall, error) {
	next := &ledger.Recall{
		V: 1, DI: req.DI, Kind: req.Kind, Value: req.Value, Class: req.Class, NoticeDigest: req.NoticeDigest,
		By: org, Authority: authority, Since: now, Revision: 1,
	}
	if before == nil {
		if req.Revision != 0 {
			return nil, ledger.Problemf(ledger.CodeConflict, "there is no such recall yet")
		}
		return next, nil
	}
	live := !before.Ended
	switch {
	case req.Revision == 0 && live:
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the recall exists")
	case req.Revision != before.Revision:
		return nil, changed()
	case live && before.Authority && !authority:
		return nil, authoritys()
	case live && before.By == org && before.Class == req.Class && before.NoticeDigest == req.NoticeDigest:
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the recall stands like that")
	}
	next.Revision = before.Revision + 1
	return next, nil
}

// liftRecall ends a recall. A maker lifts a maker's, an authority an authority's:
// to lift a maker's it takes it over first, for all to see.
func liftRecall(before *ledger.Recall, revision int, org string, authority bool, now time.Time) (*ledger.Recall, error) {
	switch {
	case before.Authority && !authority:
		return nil, authoritys()
	case authority && !before.Authority:
		return nil, ledger.Problemf(ledger.CodeDenied, "the recall is the maker's")
	case before.Ended:
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the recall is lifted")
	case before.Revision != revision:
		return nil, changed()
	}
	next := *before
	next.By, next.Ended, next.Since, next.Revision = org, true, now, before.Revision+1
	return &next, nil
}

func changed() error {
	return ledger.Problemf(ledger.CodeConflict, "the recall has changed since it was read")
}

func authoritys() error { return ledger.Problemf(ledger.CodeDenied, "the recall is an authority's") }

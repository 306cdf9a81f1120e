package risk

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// isDevice reports whether a score's subject is a unit of the ledger.
func isDevice(kind string) bool { return kind == "" || kind == ledger.SubjectDevice }

// owns refuses a unit of another organisation: only its owner scores it.
func owns(unit *ledger.Unit, org string) error {
	if unit.Owner != org {
		return ledger.Problemf(ledger.CodeDenied, "the unit is another organisation's")
	}
	return nil
}

// publish makes a score of a unit that the organisation owns, of a care service
// whose id is derived from the organisation, or of the organisation itself.
func publish(req ledger.PublishScore, org string, now time.Time) (*ledger.Score, error) {
	score := &ledger.Score{
		V: 2, SubjectKind: req.SubjectKind, Subject: req.Subject, Model: req.Model, InputDigest: req.InputDigest,
		Value: req.Value, Bounds: req.Bounds, Horizon: req.Horizon, Scorer: org, Published: now,
	}
	switch {
	case isDevice(req.SubjectKind):
		score.SubjectKind = "" // one form for one fact
	case req.SubjectKind == ledger.SubjectService:
		score.Subject = ledger.ServiceID(org, req.Subject)
	case req.Subject != org:
		return nil, ledger.Problemf(ledger.CodeDenied, "an organisation is scored by itself")
	}
	return score, nil
}

// recompute compares what another organisation got with what the scorer got.
func recompute(score *ledger.Score, req ledger.RecomputeScore, org string, now time.Time) (*ledger.Recomputation, error) {
	if score.Scorer == org {
		return nil, ledger.Problemf(ledger.CodeDenied, "the score is the caller's own")
	}
	return &ledger.Recomputation{
		V: 1, Subject: score.Subject, Model: score.Model, InputDigest: score.InputDigest,
		By: org, Value: req.Value, Agrees: req.Value == score.Value, Time: now,
	}, nil
}

package risk

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// publish makes a score of a unit; only its owner scores it.
func publish(unit *ledger.Unit, req ledger.PublishScore, org string, now time.Time) (*ledger.Score, error) {
	if unit.Owner != org {
		return nil, ledger.Problemf(ledger.CodeDenied, "the unit is another organisation's")
	}
	return &ledger.Score{
		V: 1, Subject: unit.ID, Model: req.Model, InputDigest: req.InputDigest,
		Value: req.Value, Scorer: org, Published: now,
	}, nil
}

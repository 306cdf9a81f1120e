package threat

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// share makes the record of an organisation's report.
func share(req ledger.ShareThreat, org string, now time.Time) *ledger.Threat {
	return &ledger.Threat{
		V: 1, Digest: req.Digest, Marking: req.Marking,
		MediaType: req.MediaType, Size: req.Size, Sharer: org, Shared: now,
	}
}

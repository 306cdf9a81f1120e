package ledger

import (
	"encoding/json"
	"fmt"
	"time"
)

// Trust is the consortium's trust file: all that an offline verifier needs, and
// the one thing it must obtain separately from the proofs that it judges.
type Trust struct {
	V         int          `json:"v"`
	Network   string       `json:"network"`
	Channel   string       `json:"channel"`
	Chaincode string       `json:"chaincode"`
	Epochs    []TrustEpoch `json:"epochs"` // in order of time, without overlap
}

// TrustEpoch is a span of time in which the members and the rules stayed the same.
type TrustEpoch struct {
	From          time.Time           `json:"from"`
	To            time.Time           `json:"to,omitzero"` // zero: still running
	Policy        string              `json:"policy"`      // PolicyMajority
	Organisations []TrustOrganisation `json:"organisations"`
}

// PolicyMajority wants more than half of the epoch's organisations.
const PolicyMajority = "majority"

// TrustOrganisation is a member and the certificate roots of its peers.
type TrustOrganisation struct {
	ID      string   `json:"id"`                // MSP id
	Roots   []string `json:"roots"`             // PEM certificates of its CAs
	Revoked []string `json:"revoked,omitempty"` // serial numbers of revoked certificates, hex
}

// Needed returns how many organisations must agree in the epoch.
func (e *TrustEpoch) Needed() int { return len(e.Organisations)/2 + 1 }

// At returns the epoch that holds t, and false when none does.
func (t *Trust) At(at time.Time) (*TrustEpoch, bool) {
	for i := range t.Epochs {
		e := &t.Epochs[i]
		if !at.Before(e.From) && (e.To.IsZero() || at.Before(e.To)) {
			return e, true
		}
	}
	return nil, false
}

// ParseTrust reads a trust file and refuses one that could not be relied on.
func ParseTrust(b []byte) (*Trust, error) {
	var t Trust
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("reading the trust file: %w", err)
	}
	if t.V != 1 || t.Channel == "" || t.Chaincode == "" || len(t.Epochs) == 0 {
		return nil, Problemf(CodeInvalid, "the trust file needs version 1, a channel, a chaincode and at least one epoch")
	}
	for i, e := range t.Epochs {
		switch {
		case e.Policy != PolicyMajority:
			return nil, Problemf(CodeInvalid, "epoch %d of the trust file has an unknown policy", i)
		case len(e.Organisations) == 0:
			return nil, Problemf(CodeInvalid, "epoch %d of the trust file has no organisations", i)
		case !e.To.IsZero() && !e.To.After(e.From):
			return nil, Problemf(CodeInvalid, "epoch %d of the trust file ends before it begins", i)
		case i > 0 && (t.Epochs[i-1].To.IsZero() || e.From.Before(t.Epochs[i-1].To)):
			return nil, Problemf(CodeInvalid, "epoch %d of the trust file overlaps the one before", i)
		}
		seen := map[string]bool{}
		for _, o := range e.Organisations {
			if o.ID == "" || seen[o.ID] || len(o.Roots) == 0 {
				return nil, Problemf(CodeInvalid, "epoch %d of the trust file has an organisation twice, without id or without roots", i)
			}
			seen[o.ID] = true
		}
	}
	return &t, nil
}

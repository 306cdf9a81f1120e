package ledger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
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
	Policy        string              `json:"policy"`      // PolicyMajority, or what PolicyOutOf names
	Organisations []TrustOrganisation `json:"organisations"`
}

// PolicyMajority wants more than half of the epoch's organisations.
const PolicyMajority = "majority"

// outOf begins the name of a policy that wants a fixed number: "outof:2".
const outOf = "outof:"

// fewest is how many organisations a policy wants at least: what one alone can
// sign proves no more than that one says so.
const fewest = 2

// PolicyOutOf names the policy that wants n of the epoch's organisations,
// whichever they are.
func PolicyOutOf(n int) string { return outOf + strconv.Itoa(n) }

// PolicyNeeds returns how many of a number of organisations must agree under a
// policy, and false when the policy is unknown or asks for more than there are,
// or for one alone.
func PolicyNeeds(policy string, organisations int) (int, bool) {
	if policy == PolicyMajority {
		return organisations/2 + 1, organisations > 0
	}
	number, ok := strings.CutPrefix(policy, outOf)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(number)
	if err != nil || strconv.Itoa(n) != number || n < fewest || n > organisations {
		return 0, false
	}
	return n, true
}

// TrustOrganisation is a member and the certificate roots of its peers.
type TrustOrganisation struct {
	ID      string   `json:"id"`                // MSP id
	Roots   []string `json:"roots"`             // PEM certificates of its CAs
	Revoked []string `json:"revoked,omitempty"` // serial numbers of revoked certificates, hex
	// Lasting are the keys by which the checkpoints of its log have lasting signatures,
	// by their RFC 7638 thumbprints, in whichever epoch they stand; none: a checkpoint's
	// may be by any key, which is told.
	Lasting []string `json:"lasting,omitempty"`
}

// Needed returns how many organisations must endorse a transaction in the epoch.
// Signed reads want ReadNeeded. Under a policy
// that cannot be met, which ParseTrust refuses, it is more than there are.
func (e *TrustEpoch) Needed() int {
	if n, ok := PolicyNeeds(e.Policy, len(e.Organisations)); ok {
		return n
	}
	return len(e.Organisations) + 1
}

// ReadNeeded returns how many organisations must have signed a read of the epoch:
// what the policy wants, and a majority at least, whatever the policy for
// transactions. A transaction is ordered besides, and seen by all; a read stands
// on its signatures alone, so that under "outof:2" two old keys would suffice to
// date a read back into the epoch.
func (e *TrustEpoch) ReadNeeded() int { return max(e.Needed(), len(e.Organisations)/2+1) }

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
	if err := t.validate(); err != nil {
		return nil, err
	}
	return &t, nil
}

// validate refuses a file that could not be relied on.
func (t *Trust) validate() error {
	if t.V != 1 || t.Channel == "" || t.Chaincode == "" || len(t.Epochs) == 0 {
		return Problemf(CodeInvalid, "the trust file needs version 1, a channel, a chaincode and at least one epoch")
	}
	for i := range t.Epochs {
		e := &t.Epochs[i]
		switch {
		case len(e.Organisations) == 0:
			return Problemf(CodeInvalid, "epoch %d of the trust file has no organisations", i)
		case !e.To.IsZero() && !e.To.After(e.From):
			return Problemf(CodeInvalid, "epoch %d of the trust file ends before it begins", i)
		case i > 0 && (t.Epochs[i-1].To.IsZero() || e.From.Before(t.Epochs[i-1].To)):
			return Problemf(CodeInvalid, "epoch %d of the trust file overlaps the one before", i)
		}
		if _, ok := PolicyNeeds(e.Policy, len(e.Organisations)); !ok {
			return Problemf(CodeInvalid, "epoch %d of the trust file has an unknown policy, or one that its organisations cannot meet", i)
		}
		seen := map[string]bool{}
		for _, o := range e.Organisations {
			if o.ID == "" || seen[o.ID] || len(o.Roots) == 0 {
				return Problemf(CodeInvalid, "epoch %d of the trust file has an organisation twice, without id or without roots", i)
			}
			seen[o.ID] = true
		}
	}
	return nil
}

// Next ends the running epoch at a moment and begins the next one there, which
// change makes of a copy. It reports false, and alters nothing, when change
// changes nothing. The error is that the file would not be one to rely on; then
// nothing is altered either.
func (t *Trust) Next(at time.Time, change func(*TrustEpoch)) (bool, error) {
	if len(t.Epochs) == 0 || !t.Epochs[len(t.Epochs)-1].To.IsZero() {
		return false, Problemf(CodeInvalid, "the trust file has no epoch that still runs")
	}
	last := t.Epochs[len(t.Epochs)-1]
	was, err := json.Marshal(last)
	if err != nil {
		return false, fmt.Errorf("encoding an epoch: %w", err)
	}
	var next TrustEpoch
	if err := json.Unmarshal(was, &next); err != nil {
		return false, fmt.Errorf("copying an epoch: %w", err)
	}
	change(&next)
	next.From, next.To = last.From, last.To
	is, err := json.Marshal(next)
	if err != nil {
		return false, fmt.Errorf("encoding an epoch: %w", err)
	}
	if string(was) == string(is) {
		return false, nil
	}
	at = at.UTC().Truncate(time.Millisecond)
	if !at.After(last.From) {
		at = last.From.Add(time.Millisecond) // two changes within a millisecond
	}
	last.To, next.From = at, at
	changed := *t
	changed.Epochs = append(append([]TrustEpoch(nil), t.Epochs[:len(t.Epochs)-1]...), last, next)
	if err := changed.validate(); err != nil {
		return false, err
	}
	*t = changed
	return true, nil
}

package session

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxUsed bounds each of the two generations of proofs that are remembered: some 50
// MB in all, and 2,900 requests a second for as long as proofs serve.
const maxUsed = 1 << 19

// replays remembers the proofs that were used, for as long as they could be again.
// It lies in memory: after a start of the node, a proof made in the minute before
// could serve once more, for whoever has the token that belongs to it as well.
// Only proofs beside a good token or ticket come here, so that nobody else fills it.
type replays struct {
	window time.Duration

	mu         sync.Mutex
	turned     time.Time // under mu, as the rest
	young, old map[[16]byte]struct{}
}

func newReplays(window time.Duration) *replays {
	return &replays{window: window, young: map[[16]byte]struct{}{}}
}

// once reports whether a name comes for the first time within the window.
func (r *replays) once(name string, now time.Time) (bool, error) {
	sum := sha256.Sum256([]byte(name))
	key := [16]byte(sum[:16])
	r.mu.Lock()
	defer r.mu.Unlock()
	switch age := now.Sub(r.turned); {
	case age >= 2*r.window:
		r.turned, r.old, r.young = now, nil, map[[16]byte]struct{}{}
	case age >= r.window:
		r.turned, r.old, r.young = now, r.young, map[[16]byte]struct{}{}
	}
	_, young := r.young[key]
	_, old := r.old[key]
	if young || old {
		return false, nil
	}
	if len(r.young) >= maxUsed {
		return false, ledger.Problemf(ledger.CodeBusy, "too many requests; try again later")
	}
	r.young[key] = struct{}{}
	return true, nil
}

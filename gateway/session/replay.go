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

// replays remembers the proofs that were used, for as long as they could be again. Only
// proofs beside a good token or ticket come here, so that nobody else fills it.
//
// With a journal they are remembered across a start, too: each mark is written before
// its request is let pass, and so outlives the process however it ends. It reaches the
// disk within a second: a machine that loses its power, and is back before the proofs
// of that second are too old, could be shown those again, by whoever has the tokens that
// belong to them as well.
type replays struct {
	window  time.Duration
	journal *journal // nil: none

	mu         sync.Mutex
	turned     time.Time // under mu, as the rest
	young, old map[mark]struct{}
}

// mark stands for a proof that was used.
type mark [16]byte

// newReplays remembers in memory, and in files in dir when that is not empty.
func newReplays(window time.Duration, dir string, now time.Time) (*replays, error) {
	r := &replays{window: window, young: map[mark]struct{}{}}
	if dir == "" {
		return r, nil
	}
	var err error
	if r.journal, err = openJournal(dir); err != nil {
		return nil, err
	}
	if younger, older := r.journal.read[0], r.journal.read[1]; now.Sub(younger.turned) < 2*window {
		r.turned, r.young, r.old = younger.turned, younger.marks, older.marks
	}
	r.journal.read = [2]generation{}
	return r, nil
}

// once reports whether a name comes for the first time within the window.
func (r *replays) once(name string, now time.Time) (bool, error) {
	sum := sha256.Sum256([]byte(name))
	key := mark(sum[:16])
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now.Sub(r.turned); age >= r.window {
		if err := r.journal.turn(now); err != nil {
			return false, err
		}
		if r.old = r.young; age >= 2*r.window {
			r.old = nil
		}
		r.turned, r.young = now, map[mark]struct{}{}
	}
	_, young := r.young[key]
	_, old := r.old[key]
	if young || old {
		return false, nil
	}
	if len(r.young) >= maxUsed {
		return false, ledger.Problemf(ledger.CodeBusy, "too many requests; try again later")
	}
	if err := r.journal.add(key, now); err != nil {
		return false, err
	}
	r.young[key] = struct{}{}
	return true, nil
}

package exchange

import (
	"maps"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	// maxUnderWay bounds the reports that are on their way to the ledger for others.
	maxUnderWay = 64
	// underWayFor is after what time one of which nothing was heard is sealed anew.
	underWayFor = 10 * time.Minute
)

// underWay are reports that are on their way to the ledger for others. Each time that one
// is asked for its name would be sealed anew, which makes another command: while the ledger
// stands still, askers would fill the outbox with them.
type underWay struct {
	mu sync.Mutex // guards what follows
	at map[string]time.Time
}

// begin notes a report; false: it is under way. Problems: busy.
func (u *underWay) begin(digest string, now time.Time) (bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.at, func(_ string, at time.Time) bool { return now.Sub(at) >= underWayFor })
	if _, is := u.at[digest]; is {
		return false, nil
	}
	if len(u.at) >= maxUnderWay {
		return false, ledger.Problemf(ledger.CodeBusy, "%d reports are on their way to the ledger for others; try again later", maxUnderWay)
	}
	if u.at == nil {
		u.at = map[string]time.Time{}
	}
	u.at[digest] = now
	return true, nil
}

// end notes that it is there, or failed.
func (u *underWay) end(digest string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.at, digest)
}

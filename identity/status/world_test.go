package status_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/status"
)

// world is what a cache sees: a ledger, the web and a clock.
type world struct {
	mu      sync.Mutex
	now     time.Time
	records map[[2]string]*ledger.StatusList
	web     map[string][]byte
	down    error                           // what the ledger answers instead
	fetched atomic.Int32                    // how often anything was
	sent    func(ctx context.Context) error // happens while an answer is on its way
}

func newWorld() *world {
	return &world{now: now, records: map[[2]string]*ledger.StatusList{}, web: map[string][]byte{}}
}

func (w *world) commitment(_ context.Context, issuer, list string) (*ledger.StatusList, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return nil, w.down
	}
	r := w.records[[2]string{issuer, list}]
	if r == nil {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such list")
	}
	c := *r
	return &c, nil
}

func (w *world) fetch(ctx context.Context, uri string, limit int64) ([]byte, error) {
	w.fetched.Add(1)
	w.mu.Lock()
	b, ok := w.web[uri]
	w.mu.Unlock()
	if w.sent != nil {
		if err := w.sent(ctx); err != nil {
			return nil, err
		}
	}
	if !ok {
		return nil, errors.New("404")
	}
	return b[:min(int64(len(b)), limit+1)], nil
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) serve(uri string, b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.web[uri] = b
}

// commit commits the issuer on the ledger.
func (w *world) commit(version int, b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := sha256.Sum256(b)
	w.records[[2]string{issuer, "staff-1"}] = &ledger.StatusList{
		V: 1, Issuer: issuer, List: "staff-1", Version: version,
		Digest: hex.EncodeToString(sum[:]), ValidUntil: w.now.Add(48 * time.Hour), Time: w.now,
	}
}

func (w *world) cache(tb testing.TB, change func(*status.Options)) *status.Cache {
	tb.Helper()
	o := status.Options{Commitment: w.commitment, Fetch: w.fetch, Now: w.clock}
	if change != nil {
		change(&o)
	}
	c, err := status.NewCache(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

var atThree = status.Question{Issuer: issuer, URI: listURI, Index: 3}

func wants(tb testing.TB, c *status.Cache, q status.Question, code ledger.Code) {
	tb.Helper()
	if err := c.Valid(tb.Context(), q); ledger.CodeOf(err) != code {
		tb.Errorf("place %d: %v, want %q", q.Index, err, code)
	}
}

// plain opens a credential that needs no proof, as the tests' web is honest.
func plain(_ context.Context, b []byte) ([]byte, error) { return b, nil }

package rest

import (
	"context"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// readLife is how old a signed read may be that goes into a new bundle: it
// states that the log was unmarked, and how the device stood, as of the read.
const readLife = time.Minute

// signedReads keeps what peers signed for a while, and has them sign a thing
// once however many ask for it at the same time.
type signedReads struct {
	reader   Reader
	observed *Metrics

	mu   sync.Mutex
	kept map[string]*signedRead
}

// signedRead is a read that was made, or is being made.
type signedRead struct {
	done  chan struct{} // closed when the two below are set
	read  *ledger.SignedRead
	err   error
	until time.Time
}

const (
	maxSignedReads = 4096
	readTime       = 30 * time.Second // for a majority to sign
)

func newSignedReads(reader Reader, observed *Metrics) *signedReads {
	return &signedReads{reader: reader, observed: observed, kept: map[string]*signedRead{}}
}

// get returns a signed read of name for request; key tells requests apart.
func (s *signedReads) get(ctx context.Context, name, key string, request any) (*ledger.SignedRead, error) {
	key = name + " " + key
	s.mu.Lock()
	r, ok := s.kept[key]
	if ok && !r.stale() {
		s.mu.Unlock()
		select {
		case <-r.done:
			return r.read, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r = &signedRead{done: make(chan struct{}), until: time.Now().Add(readLife)}
	s.makeRoom()
	s.kept[key] = r
	s.mu.Unlock()

	// Others wait for this read too: it does not end with the first who asked.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	r.read, r.err = s.reader.SignedRead(whole, name, request)
	outcome := "signed"
	if r.err != nil {
		outcome = "failed"
		s.mu.Lock()
		if s.kept[key] == r {
			delete(s.kept, key)
		}
		s.mu.Unlock()
	}
	s.observed.signedReads.WithLabelValues(name, outcome).Inc()
	close(r.done)
	return r.read, r.err
}

// stale reports whether a read is too old for a new bundle.
func (r *signedRead) stale() bool { return !time.Now().Before(r.until) }

// makeRoom drops what is stale, and everything when that is not enough; mu is
// held. Reads under way still reach those who wait for them.
func (s *signedReads) makeRoom() {
	if len(s.kept) < maxSignedReads {
		return
	}
	for key, r := range s.kept {
		if r.stale() {
			delete(s.kept, key)
		}
	}
	if len(s.kept) >= maxSignedReads {
		clear(s.kept)
	}
}

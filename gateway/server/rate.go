package server

import (
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/gateway/problem"
)

// Rates bound how many requests callers without a token send.
type Rates struct {
	PerSecond float64 // from one address: an IPv4, or a network of 2^64 in IPv6
	Total     float64 // from all addresses, per second
	// Free are the paths that are never refused, as of those who look whether the
	// node lives.
	Free []string
}

// burst is how many seconds' worth of requests may come at once.
const burst = 5

// maxAddresses bounds how many addresses are told apart: some 5 MB. What comes from
// more than that at once is counted as from one.
const maxAddresses = 1 << 16

// Limiter counts requests, by token buckets. One address that asks too much keeps
// out no other, short of what all may ask together; nothing is counted by what a
// request says, so that nobody can have somebody else refused.
type Limiter struct {
	rates Rates
	now   func() time.Time

	mu     sync.Mutex
	total  bucket                   // under mu, as the rest
	others bucket                   // of all for whom there is no room
	by     map[netip.Prefix]*bucket //
	swept  time.Time
}

// bucket holds what may still be asked, as of a time.
type bucket struct {
	left float64
	at   time.Time
}

// NewLimiter makes a limiter by a clock.
func NewLimiter(rates Rates, now func() time.Time) *Limiter {
	return &Limiter{rates: rates, now: now, by: map[netip.Prefix]*bucket{}}
}

// fill adds what time has brought.
func (b *bucket) fill(rate float64, now time.Time) {
	if b.at.IsZero() {
		b.left = rate * burst
	} else if d := now.Sub(b.at); d > 0 {
		b.left = min(b.left+rate*d.Seconds(), rate*burst)
	}
	b.at = now
}

// wait is for how long there is not one request left; 0: there is.
func (b *bucket) wait(rate float64) time.Duration {
	if b.left >= 1 {
		return 0
	}
	return time.Duration((1 - b.left) / rate * float64(time.Second))
}

// Allow returns an error when a request is one too many.
func (l *Limiter) Allow(r *http.Request) error {
	if slices.Contains(l.rates.Free, r.URL.Path) {
		return nil
	}
	if wait := l.take(networkOf(r.RemoteAddr)); wait > 0 {
		return problem.Rate(wait)
	}
	return nil
}

func (l *Limiter) take(from netip.Prefix) time.Duration {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.bucket(from, now)
	own.fill(l.rates.PerSecond, now)
	l.total.fill(l.rates.Total, now)
	// What an address is refused does not count for all.
	if wait := max(own.wait(l.rates.PerSecond), l.total.wait(l.rates.Total)); wait > 0 {
		return wait
	}
	own.left--
	l.total.left--
	return 0
}

// bucket is called under mu.
func (l *Limiter) bucket(from netip.Prefix, now time.Time) *bucket {
	if b := l.by[from]; b != nil {
		return b
	}
	if len(l.by) >= maxAddresses && now.Sub(l.swept) >= burst*time.Second {
		l.swept = now
		for address, b := range l.by { // a bucket that is full again says nothing
			if now.Sub(b.at) >= burst*time.Second {
				delete(l.by, address)
			}
		}
	}
	if len(l.by) >= maxAddresses || !from.IsValid() {
		return &l.others
	}
	b := new(bucket)
	l.by[from] = b
	return b
}

// networkOf returns what is counted as one caller: whoever has an IPv6 address has
// as many as they like.
func networkOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	address, bits := at.Addr().Unmap().WithZone(""), 32
	if address.Is6() {
		bits = 64
	}
	p, _ := address.Prefix(bits) // bits fit the address
	return p
}

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

// Limiter counts requests without a token, by token buckets. One address that asks too
// much keeps out no other, short of what all may ask together; nothing is counted by
// what a request says, so that nobody can have somebody else refused.
type Limiter struct {
	rates Rates
	now   func() time.Time

	mu    sync.Mutex
	total bucket                // under mu, as the rest
	by    buckets[netip.Prefix] //
}

// NewLimiter makes a limiter by a clock.
func NewLimiter(rates Rates, now func() time.Time) *Limiter {
	return &Limiter{rates: rates, now: now}
}

// Allow returns an error when a request is one too many.
func (l *Limiter) Allow(r *http.Request) error {
	if slices.Contains(l.rates.Free, r.URL.Path) {
		return nil
	}
	if wait := l.take(NetworkOf(r.RemoteAddr)); wait > 0 {
		return problem.Rate(wait)
	}
	return nil
}

func (l *Limiter) take(from netip.Prefix) time.Duration {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.by.of(from, now)
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

// NetworkOf returns what is counted as one caller: whoever has an IPv6 address has
// as many as they like.
func NetworkOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{} // all of them are counted as one
	}
	address, bits := at.Addr().Unmap().WithZone(""), 32
	if address.Is6() {
		bits = 64
	}
	p, _ := address.Prefix(bits) // bits fit the address
	return p
}

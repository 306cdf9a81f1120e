package collect

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/identity/fetch"
)

// world is a store with a collector, which may be started anew.
type world struct {
	tb    testing.TB
	place string // of the store
	store *store.Store
	fails func() (before, after bool) // whether the next batch is lost, or its answer
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{tb: tb, place: storetest.Place(tb)}
	w.open()
	tb.Cleanup(func() { _ = w.store.Close() })
	return w
}

func (w *world) open() {
	w.tb.Helper()
	var err error
	if w.store, err = store.Open(w.tb.Context(), w.place, store.Options{Organisation: "north"}); err != nil {
		w.tb.Fatal(err)
	}
}

// restart opens the store anew, as after a restart of the node.
func (w *world) restart() {
	w.tb.Helper()
	if err := w.store.Close(); err != nil {
		w.tb.Fatal(err)
	}
	w.open()
}

var errCut = errors.New("the node was killed")

// cutStore is a store at which the node dies.
type cutStore struct {
	*store.Store
	fails func() (before, after bool)
}

func (c cutStore) TakeIn(ctx context.Context, b *fact.Batch) (fact.BatchOutcome, error) {
	before, after := c.fails()
	if before {
		return fact.BatchOutcome{}, errCut
	}
	out, err := c.Store.TakeIn(ctx, b)
	if after {
		return out, errCut
	}
	return out, err
}

func (w *world) collector() *Collector {
	w.tb.Helper()
	fails := w.fails
	if fails == nil {
		fails = func() (bool, bool) { return false, false }
	}
	c, err := New(cutStore{w.store, fails}, Options{
		Collection: "own", Keep: 1_000_000, Age: time.Hour, Wake: func() {}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	return c
}

// look looks once at a source of the name test.
func (w *world) look(way Way, format adapt.Format) error {
	w.tb.Helper()
	return w.collector().look(w.tb.Context(), &Source{Name: "test", Way: way, Format: format})
}

func (w *world) must(way Way, format adapt.Format) {
	w.tb.Helper()
	if err := w.look(way, format); err != nil {
		w.tb.Fatal(err)
	}
}

// titles lists what is kept, in the order in which it came.
func (w *world) titles() []string {
	w.tb.Helper()
	all, err := w.store.AlertsAfter(w.tb.Context(), 0, 1_000_000)
	if err != nil {
		w.tb.Fatal(err)
	}
	titles := make([]string, len(all))
	for i := range all {
		titles[i] = all[i].Title
	}
	return titles
}

func (w *world) state() fact.SourceState {
	w.tb.Helper()
	all, err := w.store.Sources(w.tb.Context())
	if err != nil {
		w.tb.Fatal(err)
	}
	for _, s := range all {
		if s.Name == "test" {
			return s
		}
	}
	return fact.SourceState{}
}

func eve(tb testing.TB) adapt.Format {
	tb.Helper()
	return named(tb, "eve")
}

func named(tb testing.TB, name string) adapt.Format {
	tb.Helper()
	f, ok := adapt.Lookup(name)
	if !ok {
		tb.Fatalf("there is no format %s", name)
	}
	return f
}

// line is an alert of Suricata's with a number.
func line(n int) string {
	return fmt.Sprintf(`{"timestamp":"2026-01-02T03:04:05.%06d+0000","event_type":"alert","src_ip":"198.51.100.%d","src_port":40000,"dest_ip":"192.0.2.1","dest_port":445,"proto":"TCP","alert":{"action":"allowed","gid":1,"signature_id":%d,"rev":1,"signature":"seen %d","category":"test","severity":%d}}`,
		n%1_000_000, n%250+1, 2_000_000+n, n, n%3+1)
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// site serves by TLS on the loopback, and returns how it is fetched.
func site(tb testing.TB, path string, handler http.HandlerFunc) Site {
	tb.Helper()
	server := httptest.NewTLSServer(handler)
	tb.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return Site{Web: fetch.New(fetch.Options{Roots: roots, Reachable: loopback}), URL: server.URL + path}
}

func wantCode(tb testing.TB, code ledger.Code, err error) {
	tb.Helper()
	if err == nil || ledger.CodeOf(err) != code {
		tb.Fatalf("got %v, want %s", err, code)
	}
}

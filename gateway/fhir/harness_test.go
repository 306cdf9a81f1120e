package fhir_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/fhir"
	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/gateway/webhook"
	"github.com/secant-platform/secant/identity/fetch"
)

// readings keep bytes in memory, and fail when told to. The real ones stand in the
// tests of gateway/app.
type readings struct {
	mu     sync.Mutex
	kept   map[proof.RequestID][]byte
	erased map[proof.RequestID]bool
	fail   func(n int) (kept bool, err error) // of the nth, from 1; nil: none fails
	count  int
}

// Submit keeps a resource.
func (r *readings) Submit(_ context.Context, s *fhir.Submission) (id proof.RequestID, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	keep := true
	if r.fail != nil {
		keep, err = r.fail(r.count)
	}
	_, _ = rand.Read(id[:])
	if keep {
		r.kept[id] = s.Body
	}
	return id, err
}

// Record returns what was kept.
func (r *readings) Record(_ context.Context, id proof.RequestID, _ int) ([]byte, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.erased[id] {
		return nil, "", ledger.Problemf(ledger.CodeGone, "erased")
	}
	b, ok := r.kept[id]
	if !ok {
		return nil, "", ledger.Problemf(ledger.CodeNotFound, "unknown")
	}
	return b, fhir.MediaType, nil
}

// devices knows none.
type devices struct{}

// Admit refuses every device.
func (devices) Admit(context.Context, proof.Hash, bool) (ed25519.PublicKey, error) {
	return nil, ledger.Problemf(ledger.CodeNotFound, "unknown")
}

// Named knows no name.
func (devices) Named(context.Context, string, string) (proof.Hash, error) {
	return proof.Hash{}, ledger.Problemf(ledger.CodeNotFound, "unknown")
}

// Registered knows no device.
func (devices) Registered(context.Context, proof.Hash) (*ledger.Unit, error) {
	return nil, ledger.Problemf(ledger.CodeNotFound, "unknown")
}

// lab is the interface on a real store.
type lab struct {
	t        testing.TB
	readings *readings
	engine   *gin.Engine
	router   *auth.Router
	store    *store.Store
	key      ed25519.PrivateKey
	verdict  func(proof.RequestID) (*proof.Verdict, error)
	log      bytes.Buffer // read it when no request is under way
}

const org = "hospital-north"

func newLab(tb testing.TB) *lab {
	tb.Helper()
	l := &lab{t: tb, readings: &readings{kept: map[proof.RequestID][]byte{}, erased: map[proof.RequestID]bool{}}}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	l.key = private
	if l.store, err = store.Open(tb.Context(), storetest.Place(tb), store.Options{Organisation: org}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.store.Close() })
	quiet := slog.New(slog.NewJSONHandler(&l.log, nil))
	l.engine, err = server.NewEngine(server.Options{
		MaxBody: 1 << 20, MaxHeader: 16 << 10, HeaderTime: time.Minute, BodyTime: time.Minute, WriteTime: time.Minute, IdleTime: time.Minute, Drain: time.Second,
		Shapes: []problem.Shape{fhir.Shape()},
	}, quiet, prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	l.router = auth.NewRouter(l.engine, auth.NewVerifier(org, public, nil))
	metrics, err := fhir.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	subscriptions, err := webhook.New(webhook.Deps{ // which nobody has deliver
		Key: private, Store: l.store, Sender: fetch.New(fetch.Options{}), Logger: quiet, Metrics: prometheus.NewRegistry(),
		Subscribe: func() (<-chan struct{}, func()) { return nil, func() {} },
		Readings:  func(context.Context, uint64, uint64, int) ([]fact.Reading, uint64, error) { return nil, 0, nil },
		Proof:     func(context.Context, string, int) ([]byte, error) { return nil, nil },
		Resource:  func(context.Context, string, string, int64) ([]byte, error) { return nil, nil },
	})
	if err != nil {
		tb.Fatal(err)
	}
	_, err = fhir.New(tb.Context(), l.router, fhir.Deps{
		Bases: []string{"http://node.example"}, Readings: l.readings, Store: l.store, Devices: devices{}, Metrics: metrics, Subscriptions: subscriptions,
		Services: func() map[string]any { return map[string]any{"token_endpoint": "http://node.example/oauth/token"} },
		Blind: func(param, value string) []byte {
			m := hmac.New(sha256.New, []byte("a key of the test's"))
			m.Write([]byte(param + "\x00" + value))
			return m.Sum(nil)[:16]
		},
		Prove:  func(_ context.Context, id proof.RequestID) (*proof.Verdict, error) { return l.verdict(id) },
		Limits: fhir.Limits{Resource: 4 << 10, Entries: 60},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// answered is what an answer has besides its body.
type answered struct {
	StatusCode int
	Header     http.Header
}

// call sends a request in a role.
func (l *lab) call(role auth.Role, method, path, body string, header ...string) (answered, map[string]any) {
	l.t.Helper()
	r := httptest.NewRequestWithContext(l.t.Context(), method, path, strings.NewReader(body))
	r.Host = "node.example"
	if body != "" {
		r.Header.Set("Content-Type", fhir.MediaType)
	}
	if role != "" {
		token, err := auth.Mint(l.key, auth.Claims{Issuer: org, Audience: org, Subject: "test", Role: role}, time.Now(), time.Hour)
		if err != nil {
			l.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	l.engine.ServeHTTP(w, r)
	res := answered{w.Code, w.Header()}
	var v map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			l.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
		if got := res.Header.Get("Content-Type"); got != fhir.MediaType && !strings.Contains(path, "well-known") && !strings.Contains(path, "$export-") {
			l.t.Errorf("%s %s: %s", method, path, got)
		}
	}
	return res, v
}

func (l *lab) count(search string) float64 {
	l.t.Helper()
	_, v := l.call(auth.RoleAuditor, http.MethodGet, "/fhir/Observation?_summary=count&"+search, "")
	n, ok := v["total"].(float64)
	if !ok {
		l.t.Fatalf("%v", v)
	}
	return n
}

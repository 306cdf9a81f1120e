package exchange

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// world is a consortium of nodes that exchange, on one ledger and one clock.
type world struct {
	t     *testing.T
	now   time.Time
	nodes map[string]*site
	keys  map[string]ed25519.PublicKey
	block uint64
	// submit puts onto the ledger what is relayed.
	submit func(org string, request any) error
	// tamper changes what a node answers another.
	tamper func(path string, answer []byte) []byte
}

// site is one organisation's node.
type site struct {
	*Exchange
	engine http.Handler
	store  *store.Store
	down   bool
	log    *bytes.Buffer // of its server
}

func (w *world) TokenKey(_ context.Context, org string) (ed25519.PublicKey, error) {
	return w.keys[org], nil
}

// box is a vault in memory.
type box struct {
	secret string
	kept   map[string][]byte
}

func (b *box) Keep(name string, plain []byte) (uint64, []byte, []byte, error) {
	b.kept[name] = bytes.Clone(plain)
	return 1, []byte("wrapped"), []byte("sealed"), nil
}

func (b *box) Open(name string, _ uint64, _, _ []byte) ([]byte, error) {
	if plain, ok := b.kept[name]; ok {
		return bytes.Clone(plain), nil
	}
	return nil, errWithdrawn
}

func (b *box) Erase(name string) error {
	delete(b.kept, name)
	return nil
}

func (b *box) Derive(parts ...[]byte) [32]byte {
	return sha256.Sum256(append([]byte(b.secret), bytes.Join(parts, []byte{0})...))
}

const (
	north = "hospital-north"
	south = "hospital-south"
	east  = "hospital-east"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Now(), nodes: map[string]*site{}, keys: map[string]ed25519.PublicKey{}}
	for _, org := range []string{north, south, east} {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.keys[org] = public
		s, err := store.Open(t.Context(), storetest.Place(t), store.Options{Organisation: org})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		reg, log := prometheus.NewRegistry(), &bytes.Buffer{}
		engine, err := server.NewEngine(server.Options{
			MaxBody: 8 << 20, MaxHeader: 16 << 10, HeaderTime: time.Minute, BodyTime: time.Minute, WriteTime: time.Minute, IdleTime: time.Minute, Drain: time.Second,
		}, slog.New(slog.NewJSONHandler(log, nil)), reg)
		if err != nil {
			t.Fatal(err)
		}
		x, err := New(Deps{
			Organisation: org, Network: "test", Key: private, Store: s, Vault: &box{org, map[string][]byte{}}, Members: w,
			Call: func(_ context.Context, member, method, path string, body []byte, limit int64) (int, []byte, error) {
				return w.call(org, w.nodes[org].Key, member, method, path, body, limit)
			},
			Submit: func(_ context.Context, _ string, request any) error { return w.submit(org, request) },
			Judge: func(body []byte, _ string) error {
				if !json.Valid(body) {
					return ledger.Problemf(ledger.CodeInvalid, "this is no report")
				}
				return nil
			},
			Subscribe: func() (<-chan struct{}, func()) { return make(chan struct{}), func() {} }, Wake: func() {},
			Logger: slog.New(slog.DiscardHandler), Metrics: reg, Pace: Pace{Now: func() time.Time { return w.now }},
		})
		if err != nil {
			t.Fatal(err)
		}
		x.Register(auth.NewRouter(engine, auth.NewVerifier(org, public, w)))
		w.nodes[org] = &site{x, engine, s, false, log}
	}
	w.write(north, &ledger.Organisation{V: 1, ID: north}, &ledger.Organisation{V: 1, ID: south}, &ledger.Organisation{V: 1, ID: east})
	return w
}

// replace gives an organisation another key.
func (w *world) replace(org string, public ed25519.PublicKey, private ed25519.PrivateKey) {
	w.keys[org], w.nodes[org].Key = public, private
}

func (w *world) call(from string, key ed25519.PrivateKey, member, method, path string, body []byte, limit int64) (int, []byte, error) {
	if w.nodes[member].down || w.nodes[from].down {
		return 0, nil, errors.New("nobody answers")
	}
	token, err := auth.Mint(key, auth.Claims{Issuer: from, Audience: member, Subject: "node", Role: auth.RoleNode}, time.Now(), time.Minute)
	if err != nil {
		return 0, nil, err
	}
	req := httptest.NewRequest(method, path, bytes.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	w.nodes[member].engine.ServeHTTP(rec, req)
	answer := rec.Body.Bytes()
	if w.tamper != nil && rec.Code == http.StatusOK {
		answer = w.tamper(path, answer)
	}
	if int64(len(answer)) > limit {
		return 0, nil, errors.New("the answer is larger than it may be")
	}
	return rec.Code, answer, nil
}

// write has records stand on the ledger, as every node sees it.
func (w *world) write(by string, records ...interface{ Key() ledger.Key }) {
	w.t.Helper()
	writes := make([]ledger.Write, len(records))
	for i, r := range records {
		b, err := json.Marshal(r)
		if err != nil {
			w.t.Fatal(err)
		}
		writes[i] = ledger.Write{Key: r.Key(), Value: b}
	}
	hash := func(n uint64) []byte { sum := sha256.Sum256([]byte{byte(n)}); return sum[:] }
	b := &ledger.Block{Number: w.block, Hash: hash(w.block), Txs: []ledger.Tx{{
		ID: ledger.Digest("tx", []byte{byte(w.block)}), Name: "threat:Share", Creator: by, Time: w.now.UTC().Truncate(time.Millisecond), Valid: true, Writes: writes,
	}}}
	if w.block > 0 {
		b.Previous = hash(w.block - 1)
	}
	w.block++
	for _, s := range w.nodes {
		if _, err := s.store.Apply(w.t.Context(), b); err != nil {
			w.t.Fatal(err)
		}
	}
}

// run does what is due now at all nodes, until nothing is.
func (w *world) run() {
	w.t.Helper()
	for again := true; again; {
		again = false
		for _, s := range w.nodes {
			if s.down {
				continue
			}
			if err := s.eraseWithdrawn(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
			partners, err := s.Store.Partners(w.t.Context())
			if err != nil {
				w.t.Fatal(err)
			}
			for _, p := range partners {
				_, idle, err := s.step(w.t.Context(), p)
				if err != nil {
					w.t.Fatal(err)
				}
				again = again || !idle
			}
		}
	}
}

// settle is run, with the clock going on as often as something is to be tried again soon.
func (w *world) settle() {
	w.t.Helper()
	for range 5 {
		w.run()
		w.now = w.now.Add(10 * time.Second)
	}
}

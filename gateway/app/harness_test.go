package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	integrity "github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/analytics/log/logtest"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/client/clienttest"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/telemetry"
)

func TestMain(m *testing.M) {
	integrity.RouteMessages(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// waiting is how long a test waits for a state.
const waiting = 60 * time.Second

// consortium is nodes on one ledger in memory.
type consortium struct {
	network *clienttest.Network
	dir     string
}

func newConsortium(tb testing.TB) *consortium {
	tb.Helper()
	c := &consortium{network: clienttest.New(tb), dir: tb.TempDir()}
	b, err := json.Marshal(c.network.Trust())
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(c.trust(), b, 0o600); err != nil {
		tb.Fatal(err)
	}
	logtest.Remove(tb, c.dir)
	return c
}

func (c *consortium) trust() string { return filepath.Join(c.dir, "trust.json") }

func (c *consortium) config(org string) config.Config {
	cfg := config.Default()
	cfg.Development = true
	cfg.Organisation, cfg.DisplayName, cfg.Kind = org, "The "+org, statetest.Kind(org)
	cfg.Data = filepath.Join(c.dir, org)
	cfg.Trust = c.trust()
	for _, k := range []*config.KeyFile{&cfg.Keys.Token, &cfg.Keys.Maker, &cfg.Keys.Vault, &cfg.Keys.Identity} {
		*k = config.KeyFile(filepath.Join(cfg.Data, k.Path()))
	}
	cfg.Limits.Anonymous, cfg.Limits.AnonymousTotal = 1_000_000, 1_000_000 // tests ask until something is so
	cfg.Limits.Session, cfg.Limits.Program = 1_000_000, 1_000_000
	cfg.Pace.Checkpoint = config.Duration(100 * time.Millisecond)
	cfg.Log.Level = slog.LevelDebug
	return cfg
}

// running is a node that runs.
type running struct {
	t    testing.TB
	cfg  config.Config
	url  string
	stop func() error
	log  *syncBuffer
	node *node // what runs

	mayFail bool // the test looks at the error itself
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start starts an organisation's node and waits until it is ready.
func (c *consortium) start(tb testing.TB, org string) *running {
	tb.Helper()
	return c.launch(tb, org, c.config(org), func(string) {}).ready()
}

// ready waits until a node serves.
func (r *running) ready() *running {
	r.t.Helper()
	r.await("the node to be ready", func() bool {
		status, _ := r.call("", http.MethodGet, "/readyz", nil, nil)
		return status == http.StatusOK
	})
	return r
}

func (c *consortium) launch(tb testing.TB, org string, cfg config.Config, step func(string)) *running {
	tb.Helper()
	return c.launchOn(tb, org, cfg, c.network.Client(org), step)
}

func (c *consortium) launchOn(tb testing.TB, org string, cfg config.Config, on Ledger, step func(string)) *running {
	tb.Helper()
	listeners := map[string]net.Listener{}
	free := func() string {
		l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		listeners[l.Addr().String()] = l
		return l.Addr().String()
	}
	cfg.Listen = free()
	cfg.Endpoint = "http://" + cfg.Listen
	if cfg.Public.Certificate != "" {
		cfg.Public.Listen = free()
		cfg.Public.Host = strings.Replace(cfg.Public.Listen, "127.0.0.1", "localhost", 1)
	}
	for _, listeners := range [][]config.Listener{cfg.MLLP, cfg.MQTT} {
		for i := range listeners {
			listeners[i].Listen = free()
		}
	}
	for i := range cfg.Sources {
		if s := cfg.Sources[i].Syslog; s != nil && !s.UDP {
			s.Listen = free()
		}
	}
	r := &running{t: tb, cfg: cfg, url: cfg.Endpoint, log: &syncBuffer{}}
	trust, err := openTrust(cfg.Trust)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	n, opened := open(ctx, cfg, on, trust, telemetry.NewLogger(r.log, cfg.Log.Level), step)
	r.node = n
	ended := make(chan error, 1)
	go func() {
		ended <- n.live(ctx, opened, func(_ context.Context, address string, secure *tls.Config) (net.Listener, error) {
			if secure == nil {
				return listeners[address], nil
			}
			return tls.NewListener(listeners[address], secure), nil
		})
	}()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	tb.Cleanup(func() {
		if err := r.stop(); err != nil && !r.mayFail {
			tb.Errorf("%s ended with: %v", org, err)
		}
		if tb.Failed() {
			tb.Logf("the log of %s:\n%s", org, r.log)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

func (r *running) await(what string, reached func() bool) {
	r.t.Helper()
	for end := time.Now().Add(waiting); !reached(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			_, body := r.call("", http.MethodGet, "/readyz", nil, nil)
			r.t.Fatalf("still waiting for %s: %s", what, body)
		}
	}
}

// call sends a request in a role and returns status and body.
func (r *running) call(role, method, path string, body []byte, header map[string]string) (int, []byte) {
	r.t.Helper()
	res := r.answer(role, method, path, body, header)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, b
}

func (r *running) answer(role, method, path string, body []byte, header map[string]string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if role != "" {
		token, err := Token(r.cfg, role, time.Hour)
		if err != nil {
			r.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

// want is call that fails the test on another status, and decodes the answer.
func (r *running) want(status int, role, method, path string, in, out any) {
	r.t.Helper()
	var body []byte
	header := map[string]string{}
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			r.t.Fatal(err)
		}
		header["Content-Type"] = "application/json"
	}
	got, b := r.call(role, method, path, body, header)
	if got != status {
		r.t.Fatalf("%s %s: %d, want %d: %s", method, path, got, status, b)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
}

// device is a unit that signs.
type device struct {
	id  string
	key ed25519.PrivateKey
}

// commission has medtech make a device and its owner put it into service.
func commission(tb testing.TB, maker, owner *running, serial string) device {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	var unit struct{ ID, Serial string }
	maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units", map[string]any{
		"serial": serial, "di": "DI-1", "lot": "L1", "release": "1.0.0", "owner": owner.cfg.Organisation, "publicKey": hex.EncodeToString(public),
	}, &unit)
	if unit.Serial != serial {
		tb.Errorf("the maker's node does not tell the serial number: %+v", unit)
	}
	owner.await("the owner to learn of the unit", func() bool {
		status, _ := owner.call("auditor", http.MethodGet, "/v1/units/"+unit.ID, nil, nil)
		return status == http.StatusOK
	})
	owner.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units/"+unit.ID+"/service", map[string]any{
		"ward": "ICU 2", "address": "10.20.0.7", "services": []map[string]any{{"protocol": "tcp", "port": 2575}},
	}, nil)
	return device{unit.ID, private}
}

// sign returns headers and body of a request with records.
func (d device) sign(tb testing.TB, records ...string) (map[string]string, []byte) {
	tb.Helper()
	var seed proof.Seed
	_, _ = rand.Read(seed[:])
	var unit proof.Hash
	if err := unit.UnmarshalText([]byte(d.id)); err != nil {
		tb.Fatal(err)
	}
	lines := make([][]byte, len(records))
	for i, r := range records {
		lines[i] = []byte(r)
	}
	root := proof.Root(proof.LeafHashes(nil, &seed, lines))
	signature := ed25519.Sign(d.key, proof.SigningMessage(unit, len(lines), root))
	return map[string]string{
		"Content-Type":       "application/x-ndjson",
		auth.HeaderDevice:    d.id,
		auth.HeaderSeed:      base64.RawURLEncoding.EncodeToString(seed[:]),
		auth.HeaderSignature: base64.RawURLEncoding.EncodeToString(signature),
	}, []byte(strings.Join(records, "\n") + "\n")
}

// model registers a model with a release that holds an old library.
func model(maker *running) {
	maker.t.Helper()
	maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/models", map[string]any{
		"di": "DI-1", "name": "Bedside monitor", "modelNumber": "BM-1", "riskClass": "IIb",
	}, nil)
	status, b := maker.call("registrar", http.MethodPut, "/v1/models/DI-1/releases/1.0.0", []byte(bill), map[string]string{
		"Content-Type": "application/vnd.cyclonedx+json",
	})
	if status != http.StatusCreated {
		maker.t.Fatalf("publishing a release: %d %s", status, b)
	}
}

const bill = `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[{"type":"library","name":"openssl","version":"3.0.1",
"purl":"pkg:generic/openssl@3.0.1","cpe":"cpe:2.3:a:openssl:openssl:3.0.1:*:*:*:*:*:*:*"}],
"vulnerabilities":[{"id":"CVE-2022-3602","affects":[{"ref":"x"}]}]}`

// report is a bundle about that library.
const report = `{"type":"bundle","id":"bundle--00000001-5f7a-4c59-8a35-000000000001","objects":[
{"type":"report","spec_version":"2.1","id":"report--00000001-5f7a-4c59-8a35-000000000002","created":"2026-11-01T10:00:00.000Z","modified":"2026-11-01T10:00:00.000Z",
"name":"OpenSSL under attack","published":"2026-11-01T10:00:00Z","object_refs":["software--00000001-5f7a-4c59-8a35-000000000003"]},
{"type":"software","spec_version":"2.1","id":"software--00000001-5f7a-4c59-8a35-000000000003","name":"openssl","version":"3.0.1","vendor":"openssl",
"cpe":"cpe:2.3:a:openssl:openssl:3.0.1:*:*:*:*:*:*:*"}]}`

// verifier judges by the trust file alone.
func (c *consortium) verifier(tb testing.TB) *proof.Verifier {
	tb.Helper()
	b, err := os.ReadFile(c.trust())
	if err != nil {
		tb.Fatal(err)
	}
	trust, err := ledger.ParseTrust(b)
	if err != nil {
		tb.Fatal(err)
	}
	v, err := proof.NewVerifier(trust)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

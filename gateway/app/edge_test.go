package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// TestAnEdgeBoxVouchesForAMonitor: a monitor that cannot sign sends HL7 to an edge box
// while the node is out of reach; the box answers, was even started anew, and hands the
// message over once the node is there. Its proof says that the box vouches, offline.
func TestAnEdgeBoxVouchesForAMonitor(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	monitor := commission(t, maker, north, "SN-1")

	// The way to the node, which can be cut.
	target, err := url.Parse(north.url)
	if err != nil {
		t.Fatal(err)
	}
	var there atomic.Bool
	through := httputil.NewSingleHostReverseProxy(target)
	way := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !there.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(way.Close)

	dir := t.TempDir()
	file := filepath.Join(dir, "edge.json")
	write := func(unit string) *config.Edge {
		b, err := json.Marshal(map[string]any{
			"node": way.URL, "unit": unit,
			"mllp":    []any{map[string]any{"listen": "127.0.0.1:2575", "sources": []any{map[string]any{"name": "icu", "networks": []string{"127.0.0.0/8"}}}}},
			"devices": []config.EdgeDevice{{Source: "icu", Name: "0022", Unit: monitor.id}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.ReadEdge(file)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	cfg := write("")
	if _, err := openEdge(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "register") {
		t.Errorf("a box without a unit: %v", err)
	}
	public, err := EdgeKey(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var box struct{ ID string }
	maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units", map[string]any{
		"serial": "EDGE-1", "di": "DI-1", "lot": "L1", "release": "1.0.0", "owner": "hospital-north", "publicKey": public,
	}, &box)
	north.await("the owner to learn of the box", func() bool {
		status, _ := north.call("auditor", http.MethodGet, "/v1/units/"+box.ID, nil, nil)
		return status == http.StatusOK
	})
	north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units/"+box.ID+"/service",
		map[string]any{"ward": "ICU 2", "address": "10.20.0.8", "services": []any{}}, nil)

	cfg = write(box.ID)
	start := func() (net.Conn, func()) {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		logged := &syncBuffer{}
		logger := telemetry.NewLogger(logged, slog.LevelInfo)
		b, err := openEdge(cfg, logger)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- runEdge(ctx, cfg, b, logger, func(context.Context, string, *tls.Config) (net.Listener, error) { return l, nil })
		}()
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		stop := func() {
			_ = conn.Close()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if strings.Contains(logged.String(), "OBX") {
				t.Error("the log repeats a message")
			}
		}
		return conn, stop
	}
	conn, stop := start()
	if msa := tell(t, conn, monitored); msa != "AA|42" && msa != "AA|42|" {
		t.Fatal(msa)
	}
	if msa := tell(t, conn, strings.Replace(monitored, "0022", "0011", 1)); !strings.HasPrefix(msa, "AE|42") {
		t.Errorf("a monitor that the box does not speak for: %s", msa)
	}
	stop()
	conn, stop = start()
	defer func() { stop() }()
	if msa := tell(t, conn, monitored); !strings.HasPrefix(msa, "AA|42") {
		t.Errorf("the same message again: %s", msa)
	}

	there.Store(true) // the node, which has no name by which the box calls the monitor
	list := func() (p fact.ReadingPage) {
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+monitor.id+"/readings", nil, &p)
		return p
	}
	north.await("the node to refuse the box", func() bool { return strings.Contains(north.log.String(), `"route":"/v1/readings","status":403`) })
	if got := list(); len(got.Items) != 0 {
		t.Errorf("a box speaks for a device that its owner did not name: %+v", got.Items)
	}
	north.want(http.StatusOK, "registrar", http.MethodPost, "/v1/units/"+monitor.id+"/service", map[string]any{
		"ward": "ICU 2", "address": "10.20.0.7", "services": []any{}, "names": []map[string]string{{"source": box.ID, "name": "0022"}},
	}, nil)
	north.await("the message to be handed over", func() bool { return len(list().Items) == 1 })
	reading := list().Items[0]
	if reading.VouchedBy != "edge" {
		t.Errorf("%+v", reading)
	}
	v, err := c.verifier(t).VerifyJSON(north.bundleOf(reading.ID, 0))
	if err != nil || v.VouchedBy != "edge" || v.Unit != monitor.id || v.Edge != box.ID {
		t.Errorf("%+v %v", v, err)
	}
	if status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+reading.ID+"/records/0", nil, nil); status != http.StatusOK || string(b) != monitored {
		t.Errorf("%d %q", status, b)
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	report, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north"))
	if err != nil || report.Requests != 1 || report.Signatures != 1 {
		t.Errorf("%+v %v", report, err)
	}
}

package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/edge"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/telemetry"
	"github.com/secant-platform/secant/identity/peertest"
)

// beside is an edge box beside a node, on a way that can be cut, for devices that publish
// by MQTT to one address, over new starts.
type beside struct {
	t       *testing.T
	cfg     *config.Edge
	id      string // the box's unit
	address string
	there   atomic.Bool // the node

	box  *edge.Box
	stop func()
}

// besides registers a box that speaks for a device which its source calls PUMP-7.
func besides(t *testing.T, maker, north *running, d device) *beside {
	t.Helper()
	target, err := url.Parse(north.url)
	if err != nil {
		t.Fatal(err)
	}
	b := &beside{t: t}
	through := httputil.NewSingleHostReverseProxy(target)
	way := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !b.there.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(way.Close)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.address = l.Addr().String()
	_ = l.Close()
	file := filepath.Join(t.TempDir(), "edge.json")
	write := func(unit string) {
		text, err := json.Marshal(map[string]any{
			"node": way.URL, "unit": unit,
			"mqtt":    []any{map[string]any{"listen": b.address, "sources": []any{map[string]any{"name": "bench", "networks": []string{"127.0.0.0/8"}}}}},
			"devices": []config.EdgeDevice{{Source: "bench", Name: "PUMP-7", Unit: d.id}},
		})
		if err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err == nil {
			b.cfg, err = config.ReadEdge(file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("")
	public, err := EdgeKey(b.cfg)
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
	north.name(d.id, box.ID, "PUMP-7")
	b.id = box.ID
	write(box.ID)
	return b
}

// start starts the box; stop stops it.
func (b *beside) start() {
	b.t.Helper()
	var err error
	logged := &syncBuffer{}
	logger := telemetry.NewLogger(logged, slog.LevelInfo)
	if b.box, err = openEdge(b.cfg, logger); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	box := b.box
	go func() {
		ended <- runEdge(ctx, b.cfg, box, logger, func(ctx context.Context, address string, _ *tls.Config) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		})
	}()
	b.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
		if strings.Contains(logged.String(), `"value`) {
			b.t.Error("the log repeats a message")
		}
		b.stop = func() {}
	}
}

func (b *beside) waiting() int {
	n, _ := b.box.Waiting()
	return n
}

// values are the readings of a device that a node has, as they came.
func (r *running) values(unit string) (list []string, page fact.ReadingPage) {
	r.t.Helper()
	r.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+unit+"/readings?size=200", nil, &page)
	for _, one := range page.Items {
		for i := range one.Count {
			_, text := r.call("auditor", http.MethodGet, fmt.Sprintf("/v1/readings/%s/records/%d", one.ID, i), nil, nil)
			list = append(list, string(text))
		}
	}
	return list, page
}

// TestAnEdgeBoxTakesMQTT: mqtt.js publishes to an edge box while the node is out of
// reach, and the box is started anew meanwhile. Everything arrives once, signed and
// counted without a gap; what the box then loses, the node sees.
func TestAnEdgeBoxTakesMQTT(t *testing.T) {
	peer := peertest.Install(t, "ward", "ward")
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	b := besides(t, maker, north, d)
	b.start()
	defer func() { b.stop() }()

	const readings = 60
	type account struct {
		Codes    []int
		Refusals []struct {
			Code   int
			Reason string
		}
		Connections int
	}
	told := make(chan account, 1)
	_, port, err := net.SplitHostPort(b.address)
	if err != nil {
		t.Fatal(err)
	}
	go func() { told <- peertest.Run[account](t, peer, port, strconv.Itoa(readings)) }()
	north.await("some messages to wait", func() bool { return b.waiting() >= 10 })
	b.stop()
	b.start()
	got := <-told
	if len(got.Codes) != readings+1 || slices.ContainsFunc(got.Codes, func(c int) bool { return c != 0 }) || got.Connections != 2 || len(got.Refusals) != 3 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []int{0x87, 0x99, 0x87} {
		if got.Refusals[i].Code != want {
			t.Errorf("refusal %d: %+v", i, got.Refusals[i])
		}
	}
	if n := b.waiting(); n != readings+1 {
		t.Errorf("%d wait", n)
	}
	if list, _ := north.values(d.id); len(list) != 0 {
		t.Fatalf("there is a way to the node: %q", list)
	}

	b.there.Store(true)
	var counts []fact.Sequenced
	north.await("all to be handed over and counted", func() bool {
		counts = north.counts(d.id)
		return len(counts) == 1 && counts[0].Received == readings+1
	})
	if s := counts[0]; s.Signer != b.id || s.Missing != 0 || s.Duplicates+s.Conflicts+s.Back+s.Restarts != 0 {
		t.Errorf("%+v", s)
	}
	list, page := north.values(d.id)
	want := []string{`{"value":"a"}`, `{"value":"b"}`}
	for i := range readings {
		want = append(want, fmt.Sprintf(`{"value":%d}`, i))
	}
	slices.Sort(list)
	slices.Sort(want)
	if !slices.Equal(list, want) {
		t.Errorf("%q", list)
	}
	for _, one := range page.Items {
		if one.VouchedBy != "edge" || one.Edge != b.id || one.Sequence == nil || one.Sequence.Made == nil || one.Clock != nil {
			t.Fatalf("%+v", one)
		}
	}
	v, err := c.verifier(t).VerifyJSON(north.bundleOf(page.Items[0].ID, 0))
	if err != nil || v.VouchedBy != "edge" || v.Edge != b.id || v.Numbered.Number == 0 {
		t.Errorf("%+v %v", v, err)
	}

	// The disk of the box loses a message that it had acknowledged.
	b.there.Store(false)
	p := attach(t, b.address, nil, nil)
	for i := range 3 {
		if code, reason, receipt := p.publish("secant/v1/bench/PUMP-7/readings", "", fmt.Sprintf(`{"late":%d}`, i)); code != 0 || receipt != "" {
			t.Fatalf("%#x %s %s", code, reason, receipt)
		}
	}
	_ = p.conn.Close()
	b.stop()
	files, err := filepath.Glob(filepath.Join(b.cfg.Data, "*.msg"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%q %v", files, err)
	}
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	b.there.Store(true)
	b.start()
	north.await("the gap", func() bool {
		counts = north.counts(b.id) // by the box as well
		return len(counts) == 1 && counts[0].Unit == d.id && counts[0].Received == readings+3
	})
	if s := counts[0]; s.Missing != 1 || len(s.Epochs) != 1 || s.Epochs[0].Missing[0].First != readings+3 {
		t.Errorf("%+v", s)
	}
}

// TestAnEdgeBoxTellsWhomReadingsAreAbout: who is named by a message to a box, which has
// it while the node is out of reach and over a new start, can be erased at the node.
func TestAnEdgeBoxTellsWhomReadingsAreAbout(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	b := besides(t, maker, north, d)
	b.start()
	defer func() { b.stop() }()
	north.await("the box to listen", func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", b.address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	p := attach(t, b.address, nil, nil)
	for _, who := range []string{"p-1", "p-2"} {
		if code, reason, _ := p.publish("secant/v1/bench/PUMP-7/readings", "", `{"of":"`+who+`"}`, auth.HeaderSubject, who); code != 0 {
			t.Fatalf("%#x %s", code, reason)
		}
	}
	_ = p.conn.Close()
	b.stop()
	b.there.Store(true)
	b.start()
	north.await("both to be handed over", func() bool {
		list, _ := north.values(d.id)
		return len(list) == 2
	})
	var e rest.ErasedSubject
	north.want(http.StatusOK, "operator", http.MethodPost, "/v1/subjects/erase", map[string]any{"subject": "p-1"}, &e)
	north.await("hers to be gone", func() bool {
		list, _ := north.values(d.id)
		return !strings.Contains(strings.Join(list, ""), `"p-1"`) && strings.Contains(strings.Join(list, ""), `"p-2"`)
	})
}

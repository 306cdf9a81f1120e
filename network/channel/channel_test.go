package channel

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// orderer answers like an orderer's channel participation API.
func orderer(t *testing.T, handler http.HandlerFunc) *Orderer {
	t.Helper()
	s := httptest.NewTLSServer(handler)
	t.Cleanup(s.Close)
	return &Orderer{client: s.Client(), base: s.URL + "/participation/v1/channels", channel: "secant"}
}

func TestStatusTellsAbsentFromBroken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code   int
		body   string
		joined bool
		active bool
		err    string
	}{
		"active":     {200, `{"name":"secant","status":"active","consensusRelation":"consenter","height":7}`, true, true, ""},
		"following":  {200, `{"name":"secant","status":"active","consensusRelation":"follower","height":7}`, true, false, ""},
		"onboarding": {200, `{"name":"secant","status":"onboarding","height":1}`, true, false, ""},
		"not joined": {404, `{"error":"channel does not exist"}`, false, false, ""},
		"refused":    {500, `{"error":"something is wrong"}`, false, false, "something is wrong"},
		"not JSON":   {200, `<html>`, false, false, "reading an orderer's answer"},
	} {
		o := orderer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/participation/v1/channels/secant" {
				t.Errorf("asked for %s", r.URL.Path)
			}
			w.WriteHeader(c.code)
			_, _ = io.WriteString(w, c.body)
		})
		got, joined, err := o.Status(t.Context())
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || joined != c.joined || got.Active() != c.active {
			t.Errorf("%s: %+v, %v, %v", name, got, joined, err)
		}
	}
}

func TestJoinSendsTheBlockAndTakesJoinedForDone(t *testing.T) {
	t.Parallel()
	for code, ok := range map[int]bool{201: true, 405: true, 400: false, 500: false} {
		o := orderer(t, func(w http.ResponseWriter, r *http.Request) {
			f, _, err := r.FormFile("config-block")
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := io.ReadAll(f); err != nil || string(b) != "the block" {
				t.Errorf("got %q, %v", b, err)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"error":"told so"}`)
		})
		err := o.Join(t.Context(), []byte("the block"))
		if ok && err != nil || !ok && (err == nil || !strings.Contains(err.Error(), "told so")) {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestMetricIsReadByNameAndChannel(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `# HELP ledger_blockchain_height Height of the chain in blocks.
ledger_blockchain_height{channel="other"} 3
ledger_blockchain_height{channel="secant"} 1.2345e+04
ledger_blockchain_height_more{channel="secant"} 9
damaged{channel="secant"} x
`)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := Metric(t.Context(), port, "secant", MetricPeerHeight); err != nil || v != 12345 {
		t.Errorf("got %d, %v", v, err)
	}
	if _, err := Metric(t.Context(), port, "secant", MetricLeader); !errors.Is(err, ErrNoMetric) {
		t.Errorf("got %v", err)
	}
	if _, err := Metric(t.Context(), port, "secant", "damaged"); err == nil || errors.Is(err, ErrNoMetric) {
		t.Errorf("got %v", err)
	}
}

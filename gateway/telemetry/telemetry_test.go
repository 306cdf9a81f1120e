package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/gateway/telemetry"
)

func TestLoggerWritesOneObjectALine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := telemetry.NewLogger(&b, slog.LevelInfo)
	l.DebugContext(t.Context(), "not shown")
	l.InfoContext(t.Context(), "shown", slog.String(telemetry.KeyRoute, "a\nb"))
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line["msg"] != "shown" || line["route"] != "a\nb" || strings.Count(b.String(), "\n") != 1 {
		t.Errorf("%v: %s", err, b.String())
	}
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	reg := telemetry.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "secant_telemetry_tests_total", Help: "Tests."})
	reg.MustRegister(c)
	c.Add(3)
	w := httptest.NewRecorder()
	telemetry.Handler(reg).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, want := range []string{"secant_telemetry_tests_total 3", "go_goroutines", "process_open_fds"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
}

package app

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/secant-platform/secant/gateway/config"
)

// TestFeedsAreReadByThemselves: what a feed names is fetched and matched, but for a
// document that is not the one whose digest stands beside it, one that is none, one
// of a publisher for whom the feed does not speak, and one that is kept already.
func TestFeedsAreReadByThemselves(t *testing.T) {
	t.Parallel()
	var documents atomic.Int64
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	good := alert("EX-2026-1", "CVE-2026-10001", "2.0")
	sum := sha512.Sum512(good)
	var entries []string
	for id, c := range map[string]struct{ body, hash string }{
		"EX-2026-1": {string(good), hex.EncodeToString(sum[:])},
		"EX-2026-2": {string(alert("EX-2026-2", "CVE-2026-10002", "2.0")), hex.EncodeToString(sum[:])},
		"EX-2026-3": {"no advisory", ""},
		"EX-2026-4": {strings.Replace(string(alert("EX-2026-4", "CVE-2026-10004", "2.0")), "https://cert.example", "https://another.example", 1), ""},
	} {
		hash := ""
		if c.hash != "" {
			hash = fmt.Sprintf(`{"rel":"hash","href":"%s/%s.json.sha512"},`, server.URL, id)
			mux.HandleFunc("GET /"+id+".json.sha512", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, "%s  %s.json\n", c.hash, id) })
		}
		mux.HandleFunc("GET /"+id+".json", func(w http.ResponseWriter, _ *http.Request) {
			documents.Add(1)
			_, _ = w.Write([]byte(c.body))
		})
		entries = append(entries, fmt.Sprintf(`{"id":"%s","updated":"2026-11-02T10:00:00Z","link":[%s{"rel":"self","href":"%s/%s.json"}],
			"content":{"type":"application/json","src":"%s/%s.json"},"format":{"schema":"https://docs.oasis-open.org/csaf/csaf/v2.0/csaf_json_schema.json","version":"2.0"}}`,
			id, hash, server.URL, id, server.URL, id))
	}
	mux.HandleFunc("GET /feed.json", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"feed":{"id":"f","title":"t","updated":"2026-11-02T10:00:00Z","entry":[%s]}}`, strings.Join(entries, ","))
	})
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	cfg.Exchange.Roots = roots
	feed := config.Feed{URL: server.URL + "/feed.json", Publishers: []string{"https://cert.example"}}
	cfg.Advisories.Feeds = []config.Feed{{URL: server.URL + "/missing.json", Publishers: feed.Publishers}, feed}
	north := c.launch(t, "hospital-north", cfg, func(string) {})
	north.await("the feed to be read", func() bool { return strings.Contains(north.log.String(), `"taken":1,"failed":3`) })
	if _, b := north.call("analyst", http.MethodGet, "/v1/advisories", nil, nil); !strings.Contains(string(b), "EX-2026-1") || strings.Contains(string(b), "EX-2026-2") || strings.Contains(string(b), "EX-2026-4") {
		t.Errorf("%s", b)
	}
	if !strings.Contains(north.log.String(), "feed of advisories could not be read") {
		t.Error("nothing is logged of a feed that is missing")
	}
	if taken, failed, err := newFeeds(north.node, north.node.outside).look(t.Context(), feed); taken != 0 || failed != 3 || err != nil || documents.Load() != 7 {
		t.Errorf("again: %d %d %v, after %d documents", taken, failed, err, documents.Load())
	}
}

package app

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/config"
)

// What a node learns goes to a watching system by TLS, in LEEF where that is its form.
func TestAWatchingSystemIsToldByTLS(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer web.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	siem, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer siem.Close()
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	cfg.Forward = []config.Forward{{Name: "siem", Address: "tls://" + siem.Addr().String(), Roots: roots, Form: "leef"}}
	r := c.launch(t, "hospital-north", cfg, func(string) {})
	r.await("telling to begin", func() bool {
		place, err := r.node.store.Forwarded(t.Context(), "siem")
		return err == nil && len(place) > 0
	})
	if status, body := r.call("integrator", http.MethodPost, "/v1/intelligence/nids", []byte(eveLine(1)+"\n"), nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	conn, err := siem.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(waiting))
	got, err := bufio.NewReader(conn).ReadString('=') // behind the name of the first attribute
	if err != nil || !strings.Contains(got, "LEEF:2.0|SECANT|gateway|") {
		t.Errorf("the watching system was told %q, %v", got, err)
	}
}

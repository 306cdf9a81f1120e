package app

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/rest"
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

// Syslog comes by TLS from senders whose certificates are known, and from no others.
func TestSyslogComesByTLS(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	_, certificate, key := certify(t)
	_, sender, senderKey := certify(t)
	_, stranger, strangerKey := certify(t)
	cfg := c.config("hospital-north")
	cfg.Sources = []config.IntelligenceSource{{Name: "fw", Format: "syslog", Syslog: &config.SyslogSource{Listener: config.Listener{
		Certificate: certificate, Key: config.KeyFile(key), Sources: []config.Source{{Name: "fw", Certificates: []string{sender}}},
	}}}}
	r := c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	send := func(own tls.Certificate, title string) {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{own}}}
		conn, err := dialer.DialContext(t.Context(), "tcp", r.cfg.Sources[0].Syslog.Listen)
		if err != nil {
			return // it is not heard
		}
		defer conn.Close()
		message := "<13>1 2026-01-02T03:04:05Z fw app - - - CEF:0|V|P|1|100|" + title + "|5|src=203.0.113.9"
		_, _ = fmt.Fprintf(conn, "%d %s", len(message), message)
	}
	send(pair(t, stranger, strangerKey), "from a stranger")
	send(pair(t, sender, senderKey), "from the firewall")
	var alerts rest.List[rest.ToolAlert]
	r.await("the message to be kept", func() bool {
		r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/alerts?source=fw", nil, &alerts)
		return len(alerts.Items) > 0
	})
	if len(alerts.Items) != 1 || alerts.Items[0].Title != "from the firewall" {
		t.Errorf("got %+v", alerts.Items)
	}
}

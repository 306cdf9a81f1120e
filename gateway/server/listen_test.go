package server_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/gateway/server"
)

// TestTLS serves over TLS 1.3 and HTTP/2, and nothing older.
func TestTLS(t *testing.T) {
	cert, roots := selfSigned(t)
	l, err := server.Listen(t.Context(), "127.0.0.1:0", server.TLS(cert, tls.VersionTLS13))
	if err != nil {
		t.Fatal(err)
	}
	e, err := server.NewEngine(options(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	e.POST("/", func(c *gin.Context) {
		b, _ := io.ReadAll(c.Request.Body)
		c.String(http.StatusOK, "%s %d", c.Request.Proto, len(b))
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, []net.Listener{l}, e, options(), slog.New(slog.DiscardHandler), func() {})
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	client := func(version uint16) *http.Client {
		return &http.Client{Transport: &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, MaxVersion: version},
		}}
	}
	post := func(c *http.Client, body string) (string, error) {
		defer c.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+l.Addr().String(), strings.NewReader(body))
		if err != nil {
			return "", err
		}
		res, err := c.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return string(b), err
	}
	if got, err := post(client(tls.VersionTLS13), "body"); err != nil || got != "HTTP/2.0 4" {
		t.Errorf("%q %v", got, err)
	}
	if got, err := post(client(tls.VersionTLS12), "body"); err == nil {
		t.Errorf("TLS 1.2 was answered: %q", got)
	}
}

// TestListenersDrainTogether has a request under way on each of two listeners when
// the server is told to end.
func TestListenersDrainTogether(t *testing.T) {
	cert, roots := selfSigned(t)
	open := func(secure *tls.Config) net.Listener {
		l, err := server.Listen(t.Context(), "127.0.0.1:0", secure)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	listeners := []net.Listener{open(nil), open(server.TLS(cert, tls.VersionTLS12))}
	e, err := server.NewEngine(options(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan bool), make(chan bool)
	e.GET("/", func(c *gin.Context) {
		entered <- true
		<-release
		c.String(http.StatusOK, "%v", c.Request.TLS != nil)
	})
	ctx, stop := context.WithCancel(t.Context())
	draining, ended := make(chan bool), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, listeners, e, options(), slog.New(slog.DiscardHandler), func() { close(draining) })
	}()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12},
	}}
	answers := make(chan string, len(listeners))
	for i, l := range listeners {
		go func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, []string{"http://", "https://"}[i]+l.Addr().String(), http.NoBody)
			if err != nil {
				answers <- err.Error()
				return
			}
			res, err := client.Do(req)
			if err != nil {
				answers <- err.Error()
				return
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			answers <- string(b)
		}()
		<-entered
	}
	stop()
	<-draining
	for _, l := range listeners {
		if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String()); err == nil {
			t.Errorf("%s takes connections while draining", l.Addr())
		}
	}
	close(release)
	if a, b := <-answers, <-answers; a == b || a != "true" && a != "false" || b != "true" && b != "false" {
		t.Errorf("running requests ended with %q and %q", a, b)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestListenerThatFailsEndsTheOthers(t *testing.T) {
	good, err := server.Listen(t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	bad, err := server.Listen(t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	bad.Close()
	err = server.Run(t.Context(), []net.Listener{good, bad}, http.NotFoundHandler(), options(), slog.New(slog.DiscardHandler), func() {})
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", good.Addr().String()); err == nil {
		t.Error("the other listener takes connections")
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, roots
}

package mllp_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secant-platform/secant/gateway/mllp"
	"github.com/secant-platform/secant/gateway/source"
)

// newPair makes a certificate that is its own.
func newPair(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Gateway"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secure is a door with TLS, and the one certificate that it knows.
func secure(t *testing.T, opts mllp.Options) (*door, tls.Certificate) {
	t.Helper()
	known := newPair(t)
	if opts.Sources == nil {
		opts.Sources = []source.Source{{Name: "bedside", Certificates: [][sha256.Size]byte{sha256.Sum256(known.Certificate[0])}}}
	}
	own := newPair(t)
	return openOver(t, &ward{}, opts, func(l net.Listener) net.Listener { return tls.NewListener(l, source.TLS(own)) }), known
}

// dial connects from an address of this machine's.
func (d *door) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(t.Context(), "tcp4", d.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// sends has a sender with a certificate send a message.
func (d *door) sends(t *testing.T, from string, own tls.Certificate) error {
	t.Helper()
	conn := tls.Client(d.dial(t, from), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{own}})
	if _, err := io.WriteString(conn, "\x0b"+message+"\x1c\r"); err != nil {
		return err
	}
	b := make([]byte, 1)
	_, err := io.ReadFull(conn, b)
	return err
}

// closedAtOnce waits for the other side to close, long before a handshake is too long.
func closedAtOnce(t *testing.T, what string, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 1))
	if e, is := err.(net.Error); err == nil || is && e.Timeout() { //nolint:errorlint // as it comes
		t.Errorf("%s is not closed at once: %v", what, err)
	}
}

// TestWhoSaysNothingKeepsOutNobody: neither senders that are known, nor ones that come.
func TestWhoSaysNothingKeepsOutNobody(t *testing.T) {
	t.Parallel()
	d, known := secure(t, mllp.Options{Connections: 2, Handshakes: 4, PerAddress: 100, Handshake: time.Minute})
	var silent []net.Conn
	for range 20 {
		silent = append(silent, d.dial(t, "127.0.0.1"))
	}
	if err := d.sends(t, "127.0.0.1", known); err != nil {
		t.Fatalf("a sender that is known: %v", err)
	}
	for _, conn := range silent[:16] {
		closedAtOnce(t, "the oldest of those who say nothing", conn)
	}
}

func TestOneAddressHasItsShareOfHandshakes(t *testing.T) {
	t.Parallel()
	d, known := secure(t, mllp.Options{Handshakes: 100, PerAddress: 2, Handshake: time.Minute})
	first, second := d.dial(t, "127.0.0.2"), d.dial(t, "127.0.0.2")
	closedAtOnce(t, "the third of one address", d.dial(t, "127.0.0.2"))
	if err := d.sends(t, "127.0.0.1", known); err != nil {
		t.Errorf("another address: %v", err)
	}
	_ = first.Close()
	_ = second.Close()
	for range 100 { // the places are free again
		if err := d.sends(t, "127.0.0.2", known); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the places of those who left stay taken")
}

// TestWhoCannotBeASourceIsLeftAtOnce: before any certificate.
func TestWhoCannotBeASourceIsLeftAtOnce(t *testing.T) {
	t.Parallel()
	digest := sha256.Sum256(newPair(t).Certificate[0])
	networks := []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	d, _ := secure(t, mllp.Options{Handshake: time.Minute, Sources: []source.Source{{Name: "bedside", Certificates: [][sha256.Size]byte{digest}, Networks: networks}}})
	closedAtOnce(t, "another network", d.dial(t, "127.0.0.1"))
	plain := open(t, &ward{}, mllp.Options{Sources: []source.Source{{Name: "bedside", Certificates: [][sha256.Size]byte{digest}}}})
	closedAtOnce(t, "one without TLS, where certificates are needed,", plain.dial(t, "127.0.0.1"))
}

// line is a listener without a network.
type line struct {
	conns chan net.Conn
	ends  chan struct{}
}

func (l *line) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ends:
		return nil, net.ErrClosed
	}
}

func (l *line) Close() error   { close(l.ends); return nil }
func (l *line) Addr() net.Addr { return &net.TCPAddr{} }

// TestUnknownSendersDoNotFillTheLog: they are counted, and spoken of once a minute.
func TestUnknownSendersDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		metrics, err := mllp.NewMetrics(nil)
		if err != nil {
			t.Fatal(err)
		}
		w := &ward{}
		s, err := mllp.New(w, w, mllp.Options{
			Sources: []source.Source{{Name: "bedside", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}},
			Metrics: metrics, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		l := &line{conns: make(chan net.Conn), ends: make(chan struct{})}
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, l) }()
		come := func(n int) {
			for range n {
				here, there := net.Pipe()
				l.conns <- there
				_ = here.Close()
			}
			synctest.Wait()
		}
		come(50)
		if n := strings.Count(log.String(), "unknown"); n != 1 {
			t.Errorf("50 unknown senders are spoken of %d times", n)
		}
		time.Sleep(time.Minute)
		come(50)
		if n := strings.Count(log.String(), "unknown"); n != 2 || !strings.Contains(log.String(), "count=50") {
			t.Errorf("a minute later: %s", log.String())
		}
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

package coap

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/secant-platform/secant/gateway/source"
)

// certificate is one of its own, good until an hour from now, or since one ago not.
func certificate(t *testing.T, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveSecure serves by DTLS for the sources "bench" with the certificates.
func serveSecure(t *testing.T, s *store, good ...tls.Certificate) *net.UDPAddr {
	t.Helper()
	metrics, err := NewMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	of := source.Source{Name: "bench"}
	for _, c := range good {
		of.Certificates = append(of.Certificates, sha256.Sum256(c.Certificate[0]))
	}
	server, err := NewServer(s, ward{}, Options{Sources: []source.Source{of}, Metrics: metrics, Handshake: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Secure(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, certificate(t, time.Now().Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	at, ok := l.Addr().(*net.UDPAddr)
	if !ok {
		t.Fatal(l.Addr())
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return at
}

// TestWhoHasACertificateIsHeard: by that certificate, and as long as it is good.
func TestWhoHasACertificateIsHeard(t *testing.T) {
	t.Parallel()
	good, old, other := certificate(t, time.Now().Add(time.Hour)), certificate(t, time.Now().Add(-time.Hour)), certificate(t, time.Now().Add(time.Hour))
	s := &store{}
	at := serveSecure(t, s, good, old)
	send := func(own ...tls.Certificate) (codes.Code, error) {
		over, err := (&net.Dialer{}).DialContext(t.Context(), "udp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer over.Close()
		conn, err := dial(t, over, time.Second, own...)
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write(post(1, "readings", "d=a", message.AppSenmlJSON, pack)); err != nil {
			return 0, err
		}
		b := make([]byte, 1000)
		n, err := conn.Read(b)
		if err != nil {
			return 0, err
		}
		m, err := decode(b[:n])
		return m.code, err
	}
	if code, err := send(good); err != nil || code != codes.Created {
		t.Errorf("%v %v", code, err)
	}
	for name, own := range map[string][]tls.Certificate{"one that is over": {old}, "a stranger's": {other}, "none": nil} {
		if code, err := send(own...); err == nil {
			t.Errorf("%s: %v", name, code)
		}
	}
	if s.count() != 1 {
		t.Error(s.count())
	}
}

// first is a connection that ends after what was sent first was answered.
type first struct {
	net.Conn
	sent, got int
}

func (f *first) Write(b []byte) (int, error) {
	if f.got > 0 {
		return 0, net.ErrClosed
	}
	n, err := f.Conn.Write(b)
	f.sent += n
	return n, err
}

func (f *first) Read(b []byte) (int, error) {
	if f.got > 0 {
		return 0, net.ErrClosed
	}
	n, err := f.Conn.Read(b)
	f.got += n
	return n, err
}

// TestAFirstMessageIsNotAmplified: before a sender has shown by the cookie that it is
// where it says, it gets less than it sent.
func TestAFirstMessageIsNotAmplified(t *testing.T) {
	t.Parallel()
	at := serveSecure(t, &store{}, certificate(t, time.Now().Add(time.Hour)))
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	f := &first{Conn: conn}
	client, err := dtls.ClientWithOptions(packets{f}, at, dtls.WithInsecureSkipVerify(true))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_ = client.HandshakeContext(ctx)
	if f.got == 0 || f.got > f.sent {
		t.Errorf("%d bytes for %d", f.got, f.sent)
	}
}

// tap keeps what comes.
type tap struct {
	net.Conn
	came chan []byte
}

func (t tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if err == nil {
		select {
		case t.came <- bytes.Clone(b[:n]):
		default:
		}
	}
	return n, err
}

// dial opens a DTLS connection over another.
func dial(t *testing.T, over net.Conn, patience time.Duration, own ...tls.Certificate) (*dtls.Conn, error) {
	t.Helper()
	opts := []dtls.ClientOption{dtls.WithInsecureSkipVerify(true), dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret)}
	if len(own) > 0 {
		opts = append(opts, dtls.WithCertificates(own...))
	}
	client, err := dtls.ClientWithOptions(packets{over}, over.RemoteAddr(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return client, client.HandshakeContext(ctx)
}

// ping sends an empty message, which is answered by a reset.
func ping(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte{0x40, 0, 0x12, 0x34}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := c.Read(b); err != nil || !bytes.Equal(b[:n], []byte{0x70, 0, 0x12, 0x34}) {
		t.Fatal(b[:n], err)
	}
}

// TestNoNonceComesTwice: a record's nonce follows from its number. Nonces by chance come
// twice some day, and then whoever listens can write records of their own.
func TestNoNonceComesTwice(t *testing.T) {
	t.Parallel()
	own := certificate(t, time.Now().Add(time.Hour))
	at := serveSecure(t, &store{}, own)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	heard := tap{conn, make(chan []byte, 100)}
	client, err := dial(t, heard, 3*time.Second, own)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ping(t, client)
	sealed := 0
	for len(heard.came) > 0 {
		if b := <-heard.came; b[0] == 23 {
			sealed++
			if !bytes.Equal(b[3:11], b[13:21]) {
				t.Errorf("record %x has the nonce %x", b[3:11], b[13:21])
			}
		}
	}
	if sealed == 0 {
		t.Error("no record came")
	}
}

// TestADeviceThatStartedAnewIsHeard: from the same port, without having said goodbye.
func TestADeviceThatStartedAnewIsHeard(t *testing.T) {
	t.Parallel()
	own := certificate(t, time.Now().Add(time.Hour))
	at := serveSecure(t, &store{}, own)
	open := func(from net.Addr) net.Conn {
		d := net.Dialer{LocalAddr: from}
		conn, err := d.DialContext(t.Context(), "udp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	before := open(nil)
	client, err := dial(t, before, 3*time.Second, own)
	if err != nil {
		t.Fatal(err)
	}
	ping(t, client)
	_ = before.Close() // and no word
	from := before.LocalAddr()
	for deadline := time.Now().Add(20 * time.Second); ; {
		after, err := dial(t, open(from), 3*time.Second, own)
		if err == nil {
			ping(t, after)
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// packets is a connection as datagrams of one address.
type packets struct{ net.Conn }

func (p packets) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.Read(b)
	return n, p.RemoteAddr(), err
}

func (p packets) WriteTo(b []byte, _ net.Addr) (int, error) { return p.Write(b) }

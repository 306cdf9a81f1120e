package coap

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	coapdtls "github.com/plgd-dev/go-coap/v3/dtls"
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
	post := func(own ...tls.Certificate) (codes.Code, error) {
		conn, err := coapdtls.Dial(at.String(), &dtls.Config{
			Certificates: own, InsecureSkipVerify: true, ExtendedMasterSecret: dtls.RequireExtendedMasterSecret,
		})
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m, err := conn.Post(ctx, "/readings", message.AppSenmlJSON, strings.NewReader(pack), message.Option{ID: message.URIQuery, Value: []byte("d=a")})
		if err != nil {
			return 0, err
		}
		return m.Code(), nil
	}
	if code, err := post(good); err != nil || code != codes.Created {
		t.Errorf("%v %v", code, err)
	}
	for name, own := range map[string][]tls.Certificate{"one that is over": {old}, "a stranger's": {other}, "none": nil} {
		if code, err := post(own...); err == nil {
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
	client, err := dtls.Client(packets{f}, at, &dtls.Config{InsecureSkipVerify: true})
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

// packets is a connection as datagrams of one address.
type packets struct{ net.Conn }

func (p packets) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.Read(b)
	return n, p.RemoteAddr(), err
}

func (p packets) WriteTo(b []byte, _ net.Addr) (int, error) { return p.Write(b) }

package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// Secured is a connection that another protocol than TLS secures, as DTLS.
type Secured interface {
	net.Conn
	HandshakeContext(ctx context.Context) error
	// PeerCertificate returns the other side's certificate (DER) after the handshake.
	PeerCertificate() []byte
}

func secure(conn net.Conn) bool {
	if _, ok := conn.(Secured); ok {
		return true
	}
	_, ok := conn.(*tls.Conn)
	return ok
}

// secured returns the certificate of the other side.
func secured(ctx context.Context, conn Secured) ([]byte, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	leaf, err := x509.ParseCertificate(conn.PeerCertificate())
	if err != nil {
		return nil, errors.New("handshake: the sender's certificate is none")
	}
	return ofToday(leaf)
}

// Known names the source that datagrams from an address are of, which come without any
// certificate; empty when there is none.
func (d *Door) Known(from net.Addr) string {
	if s := d.opts.find(nil, address(from)); s != nil {
		return s.Name
	}
	return ""
}

package coap

import (
	"crypto/tls"
	"fmt"
	"net"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/transport/v5/udp"
)

// Secure opens an address for DTLS 1.2, which asks every sender for a certificate.
// Before one has shown by a cookie that it is where it says (RFC 6347, 4.2.1), it gets
// less than it sent.
func Secure(address *net.UDPAddr, own tls.Certificate) (net.Listener, error) {
	packets, err := (&udp.ListenConfig{AcceptFilter: opens}).Listen("udp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for DTLS: %w", err)
	}
	l, err := dtls.NewListenerWithOptions(newRestarts(dtlsnet.PacketListenerFromListener(packets)),
		dtls.WithCertificates(own), dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret))
	if err != nil {
		_ = packets.Close()
		return nil, fmt.Errorf("listening for DTLS: %w", err)
	}
	return listener{l}, nil
}

type listener struct{ net.Listener }

// Accept returns a connection of which the door finds out whose it is.
func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // part of net.Listener
	}
	if secure, ok := conn.(*dtls.Conn); ok {
		return secured{secure}, nil
	}
	return conn, nil
}

// secured is a DTLS connection as a door sees it.
type secured struct{ *dtls.Conn }

// PeerCertificate returns the other side's certificate (DER), once it was shown.
func (c secured) PeerCertificate() []byte {
	state, ok := c.ConnectionState()
	if !ok || len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

package coap

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"net"
	"sync/atomic"

	dtlsnet "github.com/pion/dtls/v3/pkg/net"
)

// Where things are in a datagram that begins with a ClientHello (RFC 6347, 4.1 and 4.2.2).
const (
	recordHeader   = 13
	handshakeStart = recordHeader + 12   // what the hello says begins here
	sessionAt      = handshakeStart + 34 // behind its version and its random bytes
	cookieSize     = 20

	recordHandshake   = 22
	recordApplication = 23
	typeClientHello   = 1
	typeHelloVerify   = 3
)

// hello reports whether a datagram is a ClientHello of a handshake that begins, and
// returns its cookie.
func hello(b []byte) (cookie []byte, ok bool) {
	if len(b) <= sessionAt || b[0] != recordHandshake || b[1] != 0xfe || b[3] != 0 || b[4] != 0 || b[recordHeader] != typeClientHello {
		return nil, false
	}
	at := sessionAt + 1 + int(b[sessionAt])
	if at >= len(b) || at+1+int(b[at]) > len(b) {
		return nil, false
	}
	return b[at+1 : at+1+int(b[at])], true
}

// opens reports whether a datagram may begin a connection: only a handshake's first
// message does.
func opens(b []byte) bool {
	return len(b) > handshakeStart && b[0] == recordHandshake && b[recordHeader] == typeClientHello && b[recordHeader+4] == 0 && b[recordHeader+5] == 0
}

// restarts are connections whose other side may start anew at its address without having
// said goodbye, as a device does whose battery was changed. Its connection of before is
// closed once it has shown by a cookie that it is there (RFC 6347, 4.2.8); its next
// attempt opens another.
type restarts struct {
	dtlsnet.PacketListener
	secret [sha256.Size]byte
}

func newRestarts(l dtlsnet.PacketListener) *restarts {
	r := &restarts{PacketListener: l}
	_, _ = rand.Read(r.secret[:]) // never fails: crypto/rand
	return r
}

// Accept returns the datagrams of one address.
func (r *restarts) Accept() (net.PacketConn, net.Addr, error) {
	conn, at, err := r.PacketListener.Accept()
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // part of dtlsnet.PacketListener
	}
	mac := hmac.New(sha256.New, r.secret[:])
	_, _ = io.WriteString(mac, at.String())
	return &association{PacketConn: conn, cookie: mac.Sum(nil)[:cookieSize]}, at, nil
}

// association is the datagrams of one address.
type association struct {
	net.PacketConn
	cookie []byte
	open   atomic.Bool // something came behind a handshake
}

// ReadFrom passes on what comes, but for a hello in an open connection, which DTLS would
// pass over.
func (a *association) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := a.PacketConn.ReadFrom(b)
		if err != nil {
			return n, from, err //nolint:wrapcheck // part of net.PacketConn
		}
		if n > 0 && b[0] == recordApplication {
			a.open.Store(true)
		}
		cookie, anew := hello(b[:n])
		switch {
		case !anew || !a.open.Load():
			return n, from, nil
		case hmac.Equal(cookie, a.cookie):
			return 0, from, io.EOF
		}
		_, _ = a.WriteTo(a.verify(b[:n]), from) // who does not get it asks again
	}
}

// verify is a HelloVerifyRequest (RFC 6347, 4.2.1): less than what it answers.
func (a *association) verify(hello []byte) []byte {
	const said = 2 + 1 + cookieSize
	b := append([]byte{recordHandshake, 0xfe, 0xfd, 0, 0}, hello[5:11]...) // the number of the hello's record
	b = append(b, 0, 12+said, typeHelloVerify, 0, 0, said, 0, 0, 0, 0, 0, 0, 0, said, 0xfe, 0xfd, cookieSize)
	return append(b, a.cookie...)
}

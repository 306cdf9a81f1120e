package source

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// arrivals are the connections of which nobody knows yet who is there. They take no
// place of those who are known, and none of each other's for long: where there are too
// many, the oldest goes, for who means to send is known within a moment.
type arrivals struct {
	most, each int // in all, and from one address

	mu   sync.Mutex
	list []arrival // under mu, the oldest first
}

type arrival struct {
	conn net.Conn
	from netip.Prefix
}

// enter reports whether a connection may find out who is there.
func (a *arrivals) enter(conn net.Conn, from netip.Addr) bool {
	block := blockOf(from)
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, one := range a.list {
		if one.from == block {
			n++
		}
	}
	if n >= a.each {
		return false
	}
	if len(a.list) >= a.most {
		_ = below(a.list[0].conn).Close()
		a.list = slices.Delete(a.list, 0, 1)
	}
	a.list = append(a.list, arrival{conn, block})
	return true
}

func (a *arrivals) leave(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = slices.DeleteFunc(a.list, func(one arrival) bool { return one.conn == conn })
}

// below is a connection without its TLS, which would say goodbye to a peer that may not
// listen.
func below(conn net.Conn) net.Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return conn
}

// blockOf is what one host has of addresses: an address of IPv4, and a /64 of IPv6.
func blockOf(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// addressOf is where a connection is from.
func addressOf(conn net.Conn) netip.Addr { return address(conn.RemoteAddr()) }

func address(from net.Addr) netip.Addr {
	switch a := from.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("")
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

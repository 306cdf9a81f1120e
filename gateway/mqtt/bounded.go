package mqtt

import (
	"errors"
	"net"
)

// errTooLarge says that the broker sends packets that are larger than it was told.
var errTooLarge = errors.New("the broker sends a packet that is larger than it was told to")

// bounded is a connection to a broker that ends when a packet is too large: the
// client library would take in as much as the packet says that it has.
type bounded struct {
	net.Conn
	max int // bytes of a packet behind its fixed header

	state int // what comes next
	size  int // of the packet, as far as its length was read
	shift int
}

// What comes next on a bounded connection.
const (
	nextType = iota
	nextLength
	nextBody
)

// Read reads, and follows the packets in what was read.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if !b.follow(p[:n]) {
		_ = b.Conn.Close()
		return 0, errTooLarge
	}
	return n, err //nolint:wrapcheck // part of net.Conn
}

// follow reports whether no packet is too large (2.1.4).
func (b *bounded) follow(p []byte) bool {
	for len(p) > 0 {
		switch b.state {
		case nextType:
			b.state, b.size, b.shift = nextLength, 0, 0
			p = p[1:]
		case nextLength:
			b.size |= int(p[0]&0x7f) << b.shift
			b.shift += 7
			if p[0]&0x80 == 0 {
				b.state = nextBody
				if b.size == 0 {
					b.state = nextType
				}
			}
			if b.size > b.max || b.shift > 4*7 {
				return false
			}
			p = p[1:]
		default:
			n := min(b.size, len(p))
			if b.size -= n; b.size == 0 {
				b.state = nextType
			}
			p = p[n:]
		}
	}
	return true
}

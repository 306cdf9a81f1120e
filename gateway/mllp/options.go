package mllp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
)

// Source is who sends messages: a monitor, or a gateway that speaks for several
// devices.
type Source struct {
	Name string // under which devices have names
	// Certificates are the SHA-256 of the certificates (DER) that it may have.
	Certificates [][sha256.Size]byte
	// Networks are those that it may send from. Where there are certificates too,
	// both must fit.
	Networks []netip.Prefix
}

// Message is one message of a device.
type Message struct {
	Unit proof.Hash
	Once []byte // names the message: the same one sent again has the same
	Text []byte // as it came, good until Submit returns
}

// Readings makes a message durable, and returns the id of its receipt, or zero where
// another gives the receipt later. Problems:
// busy and unavailable pass; the same message (Message.Once) may be handed in again.
type Readings interface {
	Submit(ctx context.Context, m Message) (proof.RequestID, error)
}

// Devices finds the device that a source calls by a name (not_found), if it may
// hand in readings here (denied).
type Devices interface {
	Find(ctx context.Context, source, name string) (proof.Hash, error)
}

// Options say who sends, and bound what they can take. Zero means the default.
type Options struct {
	Sources []Source

	Record      int           // bytes of a message; default 64 KiB
	Connections int           // of senders that are known, at once; default 256
	PerSource   int           // of them of one source; default 64
	Handshakes  int           // of senders that are not known yet, at once; default 64
	PerAddress  int           // of them from one address, or /64 of IPv6; default 16
	Handshake   time.Duration // for TLS; default 10 s
	Frame       time.Duration // for a message that has begun to arrive, and for its answer to be taken; default 30 s
	Idle        time.Duration // between messages; default 1 h
	Patience    time.Duration // for what passes to pass; default 20 s

	Metrics *Metrics     // required
	Logger  *slog.Logger // default: slog.Default
}

func (o Options) validate() (Options, error) {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Record, 64<<10)
	set(&o.Connections, 256)
	set(&o.PerSource, 64)
	set(&o.Handshakes, 64)
	set(&o.PerAddress, 16)
	wait(&o.Handshake, 10*time.Second)
	wait(&o.Frame, 30*time.Second)
	wait(&o.Idle, time.Hour)
	wait(&o.Patience, 20*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if min(o.Record, o.Connections, o.PerSource, o.Handshakes, o.PerAddress) < 1 || min(o.Handshake, o.Frame, o.Idle, o.Patience) < 0 {
		return o, errors.New("a bound of the HL7 listener is negative")
	}
	if o.Metrics == nil {
		return o, errors.New("the HL7 listener needs its metrics")
	}
	if len(o.Sources) == 0 {
		return o, errors.New("the HL7 listener has no source")
	}
	for _, s := range o.Sources {
		if s.Name == "" || len(s.Certificates) == 0 && len(s.Networks) == 0 {
			return o, errors.New("a source of HL7 messages needs a name, and certificates or networks")
		}
	}
	return o, nil
}

// TLS asks every sender for a certificate. Which certificates are good is decided
// by the list of sources, and by nobody who signs certificates.
func TLS(own tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}
}

// possible reports whether a connection from an address, with TLS or without, can be a
// source's, whatever certificate it shows.
func (o *Options) possible(secure bool, from netip.Addr) bool {
	return slices.ContainsFunc(o.Sources, func(s Source) bool { return (secure || len(s.Certificates) == 0) && s.at(from) })
}

// at reports whether a source may send from an address.
func (s *Source) at(from netip.Addr) bool {
	return len(s.Networks) == 0 || slices.ContainsFunc(s.Networks, func(p netip.Prefix) bool { return p.Contains(from) })
}

// source finds who a connection is from. certificate is nil without TLS.
func (o *Options) source(certificate []byte, from netip.Addr) *Source {
	digest := sha256.Sum256(certificate)
	for i := range o.Sources {
		s := &o.Sources[i]
		if len(s.Certificates) > 0 && (certificate == nil || !slices.Contains(s.Certificates, digest)) {
			continue
		}
		if s.at(from) {
			return s
		}
	}
	return nil
}

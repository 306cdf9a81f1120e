// Package source tells who sends to a node over a connection that stays open: a
// monitor, a pump, or a gateway that speaks for several devices. Every protocol in
// which they do shares it.
//
// A source is told by the certificate of its connection, or where a hospital has
// senders without any, by the network that it comes from. Which certificates are
// good is decided by the list of sources, and by nobody who signs certificates.
package source

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

// Source is who sends.
type Source struct {
	Name string // under which devices have names
	// Certificates are the SHA-256 of the certificates (DER) that it may have.
	Certificates [][sha256.Size]byte
	// Networks are those that it may send from. Where there are certificates too,
	// both must fit.
	Networks []netip.Prefix
}

// Options say who may come in, and how many. What has no default is required.
type Options struct {
	Protocol string // as logs call it
	Sources  []Source

	Connections int           // of senders that are known, at once
	PerSource   int           // of them of one source
	Handshakes  int           // of senders that are not known yet, at once; default 64
	PerAddress  int           // of them from one address, or /64 of IPv6; default 16
	Handshake   time.Duration // for TLS

	Metrics *Metrics
	Logger  *slog.Logger // default: slog.Default
}

func (o Options) validate() (Options, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Handshakes == 0 {
		o.Handshakes = 64
	}
	if o.PerAddress == 0 {
		o.PerAddress = 16
	}
	if min(o.Connections, o.PerSource, o.Handshakes, o.PerAddress) < 1 || o.Handshake <= 0 {
		return o, errors.New("a bound of a listener's connections is not positive")
	}
	if o.Metrics == nil {
		return o, errors.New("a listener needs its metrics")
	}
	if len(o.Sources) == 0 {
		return o, errors.New("a listener has no source")
	}
	for _, s := range o.Sources {
		if s.Name == "" || len(s.Certificates) == 0 && len(s.Networks) == 0 {
			return o, errors.New("a source needs a name, and certificates or networks")
		}
	}
	return o, nil
}

// TLS asks every sender for a certificate.
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

// find finds who a connection is from. certificate is nil without TLS.
func (o *Options) find(certificate []byte, from netip.Addr) *Source {
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

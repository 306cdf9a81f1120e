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

// Options say who may come in, and how many. All but Logger are required.
type Options struct {
	Protocol string // as logs call it
	Sources  []Source

	Connections int           // at once
	PerSource   int           // of them of one source
	Handshake   time.Duration // for TLS

	Metrics *Metrics
	Logger  *slog.Logger // default: slog.Default
}

func (o Options) validate() (Options, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Connections < 1 || o.PerSource < 1 || o.Handshake <= 0 {
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

// find finds who a connection is from. certificate is nil without TLS.
func (o *Options) find(certificate []byte, from netip.Addr) *Source {
	digest := sha256.Sum256(certificate)
	for i := range o.Sources {
		s := &o.Sources[i]
		if len(s.Certificates) > 0 && (certificate == nil || !slices.Contains(s.Certificates, digest)) {
			continue
		}
		if len(s.Networks) == 0 || slices.ContainsFunc(s.Networks, func(p netip.Prefix) bool { return p.Contains(from) }) {
			return s
		}
	}
	return nil
}

package wallet

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"

	"github.com/secant-platform/secant/identity/fetch"
	"github.com/secant-platform/secant/identity/vc"
)

func tlsOf(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// fetcher fetches DID documents. A person's own machine may be asked when somebody
// vouches for it by name, as in a development network.
func fetcher(roots *x509.CertPool) *fetch.Client {
	o := fetch.Options{Roots: roots}
	if roots != nil {
		o.Reachable = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return fetch.New(o)
}

// issuerKeys finds issuers' keys for BBS+ in their DIDs' documents.
func issuerKeys(roots *x509.CertPool) vc.BBSKeys { return resolver(roots).BBSKey }

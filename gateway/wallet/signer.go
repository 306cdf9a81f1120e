package wallet

import (
	"context"
	"crypto/x509"
	"net/url"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// metadataKey finds who may sign an issuer's metadata: a key for assertions in a
// did:web of the issuer's own host, or one under a certificate for that host by the
// authorities that this wallet trusts. Who is known in neither way is not known.
func metadataKey(roots *x509.CertPool) func(context.Context, oid4vci.MetadataSigner) (ledger.JWK, error) {
	return func(ctx context.Context, by oid4vci.MetadataSigner) (ledger.JWK, error) {
		unknown := ledger.Problemf(ledger.CodeNotFound, "nobody here knows who signed the issuer's metadata")
		u, err := url.Parse(by.Issuer)
		if err != nil {
			return ledger.JWK{}, unknown
		}
		party, _, _ := strings.Cut(by.KeyID, "#")
		if address, err := did.WebAddress(party); err == nil {
			if home, err := url.Parse(address); err == nil && home.Host == u.Host {
				return resolver(roots).Key(ctx, party, by.KeyID, did.AssertionMethod, time.Now())
			}
		}
		var chain []*x509.Certificate
		for _, der := range by.Chain {
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				return ledger.JWK{}, unknown
			}
			chain = append(chain, cert)
		}
		if len(chain) == 0 {
			return ledger.JWK{}, unknown
		}
		between := x509.NewCertPool()
		for _, cert := range chain[1:] {
			between.AddCert(cert)
		}
		if _, err := chain[0].Verify(x509.VerifyOptions{
			DNSName: u.Hostname(), Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		}); err != nil {
			return ledger.JWK{}, unknown
		}
		return ledger.JWKOf(chain[0].PublicKey)
	}
}

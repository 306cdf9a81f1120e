package oid4vp

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// maxChain bounds how many certificates a request may carry.
const maxChain = 4

// header is what a request object's header says beside what verify reads of it.
type header struct {
	X5C []string `json:"x5c"`
}

// readHeader reads the header of a token that verify.ParseJWS took.
func readHeader(token string) (*header, error) {
	segment, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return nil, invalid("the request's header cannot be read")
	}
	var members map[string]json.RawMessage
	h := new(header)
	if err := read("the request's header", b, MaxRequest, &members); err != nil {
		return nil, err
	}
	if x5c := members["x5c"]; x5c != nil {
		if err := json.Unmarshal(x5c, &h.X5C); err != nil {
			return nil, invalid("the request's certificates cannot be read")
		}
	}
	return h, nil
}

// certifiedKey returns the key of the certificate that the client identifier
// names, when its chain ends at one of the roots (section 5.9.3), and the leaf.
func certifiedKey(h *header, prefix, name string, roots *x509.CertPool, at time.Time) (*verify.Key, *x509.Certificate, error) {
	if len(h.X5C) == 0 || len(h.X5C) > maxChain {
		return nil, nil, invalid("the request must carry 1 to %d certificates", maxChain)
	}
	if roots == nil {
		return nil, nil, ledger.Problemf(ledger.CodeDenied, "requests by certificate are not trusted here")
	}
	var leaf *x509.Certificate
	between := x509.NewCertPool()
	for i, text := range h.X5C {
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return nil, nil, invalid("a certificate of the request cannot be read")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, invalid("a certificate of the request cannot be read")
		}
		if i == 0 {
			leaf = c
		} else {
			between.AddCert(c)
		}
	}
	if prefix == PrefixDNS && !hasDNSName(leaf, name) || prefix == PrefixHash && !same(hashOf(leaf), name) {
		return nil, nil, invalid("the request's certificate is not that of who asks")
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return nil, nil, ledger.Problemf(ledger.CodeDenied, "the request's certificate is of no trusted authority, or not of today")
	}
	jwk, err := ledger.JWKOf(leaf.PublicKey)
	if err != nil {
		return nil, nil, invalid("the request's certificate is for a key that is not taken")
	}
	key, err := verify.NewKey(jwk)
	return key, leaf, err
}

// hasDNSName wants the very name: who asks is no pattern.
func hasDNSName(c *x509.Certificate, name string) bool {
	for _, n := range c.DNSNames {
		if n == name {
			return true
		}
	}
	return false
}

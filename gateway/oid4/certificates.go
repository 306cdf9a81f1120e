package oid4

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/certificate"
)

// Where the roots of an issuer's certificates are served, below the node's public
// address: all of today's, for people who configure a reader, and each by its
// thumbprint, for members.
const (
	PathRoots = "/iaca.pem"
	PathList  = "/iaca.json" // the same for wallets: "mdoc_iacas_uri" of an issuer's metadata
	PathRoot  = "/iaca/"

	// RootEnding stands behind the thumbprint.
	RootEnding = ".cer"
)

// Media types of certificates (RFC 2585, section 4; RFC 8555, section 9.1).
const (
	typeCertificate = "application/pkix-cert"
	typeRevocations = "application/pkix-crl"
	typeChain       = "application/pem-certificate-chain"
)

// rootsLife is how long others may keep what may change.
const rootsLife = time.Hour

// Authority knows an issuer's roots.
type Authority interface {
	Roots(at time.Time) []*x509.Certificate
	Revocations(serial string, at time.Time) ([]byte, error)
}

// Certificates serves the roots of an issuer's certificates.
type Certificates struct {
	authority Authority
	now       func() time.Time
}

// NewCertificates makes the handler.
func NewCertificates(a Authority, now func() time.Time) *Certificates { return &Certificates{a, now} }

// Register registers the routes.
func (s *Certificates) Register(r *auth.Router) {
	r.Handle(http.MethodGet, PathRoots, auth.Anonymous, s.all)
	r.Handle(http.MethodGet, PathList, auth.Anonymous, s.list)
	r.Handle(http.MethodGet, PathRoot+":root", auth.Anonymous, s.one)
	r.Handle(http.MethodGet, certificate.PathRevocations+":serial", auth.Anonymous, s.revoked)
}

func (s *Certificates) all(c *gin.Context) error {
	roots := s.authority.Roots(s.now())
	if len(roots) == 0 {
		return ledger.Problemf(ledger.CodeUnavailable, "the issuer's certificates are not made yet")
	}
	var b bytes.Buffer
	for _, root := range roots {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}); err != nil {
			return fmt.Errorf("encoding a certificate: %w", err)
		}
	}
	publish(c, typeChain, rootsLife, b.Bytes())
	return nil
}

// list answers with the roots as issuers' metadata has them (see
// oid4vci.IssuerMetadata).
func (s *Certificates) list(c *gin.Context) error {
	type entry struct {
		Certificate []byte `json:"certificate"`
	}
	list := []entry{}
	for _, root := range s.authority.Roots(s.now()) {
		list = append(list, entry{root.Raw})
	}
	b, err := json.Marshal(map[string]any{"iacas": list})
	if err != nil {
		return fmt.Errorf("encoding certificates: %w", err)
	}
	publish(c, typeJSON, rootsLife, b)
	return nil
}

func (s *Certificates) one(c *gin.Context) error {
	name, ok := strings.CutSuffix(c.Param("root"), RootEnding)
	for _, root := range s.authority.Roots(s.now()) {
		if ok && certificate.Thumbprint(root) == name {
			publish(c, typeCertificate, 24*time.Hour, root.Raw)
			return nil
		}
	}
	return ledger.Problemf(ledger.CodeNotFound, "there is no such certificate")
}

func (s *Certificates) revoked(c *gin.Context) error {
	list, err := s.authority.Revocations(c.Param("serial"), s.now())
	if err != nil {
		return err
	}
	publish(c, typeRevocations, rootsLife, list)
	return nil
}

// publish answers with what anyone's page may read.
func publish(c *gin.Context, media string, life time.Duration, body []byte) {
	h := c.Writer.Header()
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(life/time.Second)))
	h.Set("Access-Control-Allow-Origin", "*")
	c.Data(http.StatusOK, media, body)
}

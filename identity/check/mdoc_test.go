package check_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/mdoc"
)

const issuerDNS = "staff.north.example"

// Certified finds whom a certificate names.
func (w *world) Certified(_ context.Context, leaf *x509.Certificate) (*check.Certified, error) {
	w.asked("certificate")
	if w.down != nil {
		return nil, w.down
	}
	for _, name := range leaf.DNSNames {
		if c := w.certified[name]; c != nil {
			return c, nil
		}
	}
	return nil, ledger.Problemf(ledger.CodeNotFound, "nobody is %v", leaf.DNSNames)
}

// authority is a certificate with its key.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// certify makes a certificate; without a parent it signs itself.
func certify(tb testing.TB, parent *authority, change func(*x509.Certificate)) *authority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		tb.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: n, Subject: pkix.Name{CommonName: n.String(), Country: []string{"DE"}},
		NotBefore: now.Add(-1000 * time.Hour), NotAfter: now.Add(20000 * time.Hour), BasicConstraintsValid: true,
	}
	change(c)
	by := parent
	if by == nil {
		by = &authority{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.certificate, key.Public(), by.key)
	if err != nil {
		tb.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &authority{made, key}
}

func asRoot(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

// asSigner makes a certificate under which the issuer of a scene signs mdocs.
func asSigner(c *x509.Certificate) {
	c.KeyUsage = x509.KeyUsageDigitalSignature
	c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{mdoc.DocumentSigner}
	c.DNSNames = []string{issuerDNS}
}

// mdocForgery is a DeviceResponse in its parts.
type mdocForgery struct {
	*scene
	root     *authority
	leaf     *authority
	document mdoc.Document
	show     map[string][]string
	session  mdoc.Session
	spoil    func([]byte) []byte // of the response
}

// mdoc makes the parts of a good one.
func (s *scene) mdoc() *mdocForgery {
	s.tb.Helper()
	f := &mdocForgery{scene: s, root: certify(s.tb, nil, asRoot)}
	f.leaf = certify(s.tb, f.root, asSigner)
	s.world.certified[issuerDNS] = &check.Certified{
		Issuer: s.issuer, Name: issuerDNS, Roots: []*x509.Certificate{f.root.certificate},
	}
	docType := "io.github.secant-platform." + strings.ToLower(s.types[0]) + ".1"
	elements := map[string]any{}
	names := s.show
	t, known := catalogue.Find(s.types[0])
	for name, value := range s.claims {
		elements[name] = value
		if name == "birthdate" || name == "licence_until" {
			elements[name] = mdoc.Date(value.(string))
		}
		if known && slices.Contains(t.Open(), name) {
			names = append(slices.Clone(names), name)
		}
	}
	f.document = mdoc.Document{
		DocType: docType, Holder: s.holder.JWK(), Signed: s.issued, ValidFrom: s.begins, ValidUntil: s.expires,
		Elements: map[string]map[string]any{docType: elements},
	}
	if s.status != nil {
		f.document.Status = &verify.StatusRef{URI: s.status.URI, Index: s.status.Index}
	}
	f.show = map[string][]string{docType: names}
	f.session = mdoc.Session{ClientID: s.audience, Nonce: s.nonce, ResponseURI: responseURI, Thumbprint: make([]byte, 32)}
	return f
}

func (f *mdocForgery) token() string {
	f.tb.Helper()
	credential, err := mdoc.Issue(signer(f.tb, f.leaf.key), []*x509.Certificate{f.leaf.certificate}, f.document)
	if err != nil {
		f.tb.Fatal(err)
	}
	response, err := mdoc.Present(credential, f.thief(), f.show, f.session)
	if err != nil {
		f.tb.Fatal(err)
	}
	if f.spoil != nil {
		response = f.spoil(response)
	}
	return segment(response)
}

// thief signs as the bearer and says to be the holder.
func (f *mdocForgery) thief() keys.Signer { return thief{f.bearer, f.holder} }

type thief struct {
	keys.Signer

	victim keys.Signer
}

func (t thief) JWK() ledger.JWK { return t.victim.JWK() }

// TestMDocForgeriesAreRefused: what this format can have wrong. The rest of its
// attacks are identity/mdoc's own tests.
func TestMDocForgeriesAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attack func(*mdocForgery)
		step   check.Step
	}{
		"the hospital's name in an attacker's certificate": {func(f *mdocForgery) {
			f.leaf = certify(f.tb, certify(f.tb, nil, asRoot), asSigner)
		}, check.StepKey},
		"a certificate of nobody's": {func(f *mdocForgery) {
			f.leaf = certify(f.tb, f.root, func(c *x509.Certificate) { asSigner(c); c.DNSNames = []string{"attacker.example"} })
		}, check.StepIssuer},
		"a certificate for a web server": {func(f *mdocForgery) {
			f.leaf = certify(f.tb, f.root, func(c *x509.Certificate) {
				asSigner(c)
				c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			})
		}, check.StepKey},
		"a certificate that has ended": {func(f *mdocForgery) {
			f.leaf = certify(f.tb, f.root, func(c *x509.Certificate) { asSigner(c); c.NotAfter = now.Add(-time.Second) })
			f.document.ValidUntil = now.Add(-2 * time.Second)
		}, check.StepKey},
		"a root that was withdrawn":                      {func(f *mdocForgery) { f.world.certified[issuerDNS].Roots = nil }, check.StepKey},
		"an issuer without certificates":                 {func(f *mdocForgery) { clear(f.world.certified) }, check.StepIssuer},
		"a certificate of an issuer that is not trusted": {func(f *mdocForgery) { f.world.certified[issuerDNS].Issuer = south }, check.StepIssuer},
		"another address":                                {func(f *mdocForgery) { f.session.ResponseURI = "https://attacker.example/responses/1" }, check.StepBinding},
		"no address":                                     {func(f *mdocForgery) { f.want.ResponseURI = "" }, check.StepBinding},
		"another encryption":                             {func(f *mdocForgery) { f.session.Thumbprint = slices.Repeat([]byte{1}, 32) }, check.StepBinding},
		"no encryption":                                  {func(f *mdocForgery) { f.session.Thumbprint = nil }, check.StepBinding},
		"a key of another size":                          {func(f *mdocForgery) { f.want.Thumbprint = make([]byte, 31) }, check.StepFormat},
		"another document":                               {func(f *mdocForgery) { f.rename("org.iso.18013.5.1.mDL") }, check.StepType},
		"a document of another type":                     {func(f *mdocForgery) { f.rename("io.github.secant-platform.patient.1") }, check.StepType},
		"elements of another name space": {func(f *mdocForgery) {
			f.document.Elements["org.iso.18013.5.1"] = map[string]any{"age_over_18": true}
			f.show["org.iso.18013.5.1"] = []string{"age_over_18"}
		}, check.StepSchema},
		"an element that nobody knows": {func(f *mdocForgery) {
			f.document.Elements[f.document.DocType]["is_admin"] = true
			f.show[f.document.DocType] = append(f.show[f.document.DocType], "is_admin")
		}, check.StepSchema},
		"an element of another type": {func(f *mdocForgery) { f.document.Elements[f.document.DocType]["speciality"] = []byte{1} }, check.StepSchema},
		"a number for a text":        {func(f *mdocForgery) { f.document.Elements[f.document.DocType]["speciality"] = 1.5 }, check.StepSchema},
		"bytes behind":               {func(f *mdocForgery) { f.spoil = func(b []byte) []byte { return append(b, 0) } }, check.StepFormat},
		"half of it":                 {func(f *mdocForgery) { f.spoil = func(b []byte) []byte { return b[:len(b)/2] } }, check.StepFormat},
		"a changed element": {func(f *mdocForgery) {
			f.spoil = func(b []byte) []byte { return []byte(strings.Replace(string(b), "Cardiology", "Psychiatry", 1)) }
		}, check.StepProof},
	} {
		s := newScene(t, "Practitioner")
		f := s.mdoc()
		c.attack(f)
		_, err := s.world.verifier(t).Verify(t.Context(), check.Presented{Format: catalogue.MDoc, Token: f.token()}, s.want)
		refused(t, name, err, c.step)
	}
}

// rename makes it a document of another type, with its elements.
func (f *mdocForgery) rename(docType string) {
	was := f.document.DocType
	f.document.DocType = docType
	f.document.Elements[docType], f.show[docType] = f.document.Elements[was], f.show[was]
	delete(f.document.Elements, was)
	delete(f.show, was)
}

// TestAnMDocsTextHasOneSpelling.
func TestAnMDocsTextHasOneSpelling(t *testing.T) {
	t.Parallel()
	s := newScene(t, "Practitioner")
	token := s.mdoc().token()
	for name, other := range map[string]string{"padding": token + "=", "line breaks": token[:8] + "\n" + token[8:], "another alphabet": "+" + token[1:]} {
		_, err := s.world.verifier(t).Verify(t.Context(), check.Presented{Format: catalogue.MDoc, Token: other}, s.want)
		refused(t, name, err, check.StepFormat)
	}
}

package certificate_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/keys/local"
	"github.com/secant-platform/secant/identity/mdoc"
)

const (
	day     = 24 * time.Hour
	purpose = "issuer"
)

var now = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

var north = certificate.Subject{
	Name: "Hospital North", Country: "DE", Base: "https://north.example:8443", DID: "did:web:north.example%3A8443:issuer:credentials",
}

// shelf keeps certificates in memory.
type shelf struct{ kept map[string][]byte }

func (s *shelf) Certificates() ([][]byte, error) {
	var all [][]byte
	for _, der := range s.kept {
		all = append(all, der)
	}
	return all, nil
}

func (s *shelf) AddCertificate(name string, der []byte) error {
	s.kept[name] = der
	return nil
}

func newKey(t *testing.T) keys.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bureau is an issuer's keys and certificates as they lie on a disk.
type bureau struct {
	t       *testing.T
	keeper  keys.Keeper
	shelf   *shelf
	subject certificate.Subject
}

func newBureau(t *testing.T) *bureau {
	t.Helper()
	keeper, err := local.Open(t.TempDir(), []byte(strings.Repeat("k", local.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	return &bureau{t, keeper, &shelf{map[string][]byte{}}, north}
}

// open opens the authority, as a process does that starts.
func (b *bureau) open() *certificate.Authority {
	b.t.Helper()
	a, err := certificate.New(certificate.Options{Subject: b.subject, Keys: b.keeper, Purpose: purpose, Store: b.shelf})
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// at returns the certificate and the roots of a time.
func (b *bureau) at(a *certificate.Authority, at time.Time) (*x509.Certificate, []*x509.Certificate) {
	b.t.Helper()
	if err := a.Renew(at); err != nil {
		b.t.Fatal(err)
	}
	key, err := b.keeper.Signer(purpose, verify.AlgES256)
	if err != nil {
		b.t.Fatal(err)
	}
	chain, err := a.Chain(key, at)
	if err != nil || len(chain) != 1 {
		b.t.Fatal(chain, err)
	}
	return chain[0], a.Roots(at)
}

// TestTheProfile: what other people's readers look at (ISO/IEC 18013-5, tables B.1
// and B.3).
func TestTheProfile(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	leaf, roots := b.at(b.open(), now)
	if len(roots) != 1 {
		t.Fatalf("%d roots", len(roots))
	}
	root := roots[0]
	type profile struct {
		Subject, Issuer       string
		Days                  int
		CA                    bool
		Path                  int
		Usage                 x509.KeyUsage
		Extended              []string
		DNS, URIs, Lists      []string
		Critical, NotCritical []string
	}
	describe := func(c *x509.Certificate) profile {
		p := profile{
			Subject: c.Subject.String(), Issuer: c.Issuer.String(), Days: int(c.NotAfter.Sub(c.NotBefore) / day),
			CA: c.IsCA, Path: c.MaxPathLen, Usage: c.KeyUsage, DNS: c.DNSNames, Lists: c.CRLDistributionPoints,
		}
		for _, u := range c.URIs {
			p.URIs = append(p.URIs, u.String())
		}
		for _, oid := range c.UnknownExtKeyUsage {
			p.Extended = append(p.Extended, oid.String())
		}
		for _, e := range c.Extensions {
			if e.Critical {
				p.Critical = append(p.Critical, e.Id.String())
			} else {
				p.NotCritical = append(p.NotCritical, e.Id.String())
			}
			if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 18}) && !bytes.Contains(e.Value, []byte(north.Base)) {
				t.Errorf("the issuer's alternative name is %x", e.Value)
			}
		}
		if len(c.SerialNumber.Bytes()) != 16 || c.SignatureAlgorithm != x509.ECDSAWithSHA256 || len(c.SubjectKeyId) != 20 {
			t.Errorf("serial number %v, %v, key id %x", c.SerialNumber, c.SignatureAlgorithm, c.SubjectKeyId)
		}
		return p
	}
	lists := []string{north.Base + "/iaca/revoked/" + certificate.Serial(root)}
	want := profile{
		Subject: "CN=Hospital North,C=DE", Issuer: "CN=Hospital North,C=DE", Days: 3650, CA: true, Path: 0,
		Usage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, Lists: lists,
		Critical: []string{"2.5.29.15", "2.5.29.19"}, NotCritical: []string{"2.5.29.14", "2.5.29.31", "2.5.29.18"},
	}
	if diff := cmp.Diff(want, describe(root)); diff != "" {
		t.Errorf("the root: %s", diff)
	}
	want = profile{
		Subject: "CN=Hospital North DS,C=DE", Issuer: "CN=Hospital North,C=DE", Days: 457, Path: -1,
		Usage: x509.KeyUsageDigitalSignature, Extended: []string{mdoc.DocumentSigner.String()}, Lists: lists,
		DNS: []string{"north.example"}, URIs: []string{north.Base, north.DID},
		Critical: []string{"2.5.29.15", "2.5.29.19", "2.5.29.37"}, NotCritical: []string{"2.5.29.14", "2.5.29.35", "2.5.29.17", "2.5.29.31", "2.5.29.18"},
	}
	if diff := cmp.Diff(want, describe(leaf)); diff != "" {
		t.Errorf("the document signer: %s", diff)
	}
	if !bytes.Equal(leaf.AuthorityKeyId, root.SubjectKeyId) || leaf.CheckSignatureFrom(root) != nil {
		t.Error("the document signer is not under the root")
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, DNSName: "north.example"}); err != nil {
		t.Errorf("the standard library: %v", err)
	}
}

// TestCertificatesAreRenewedInTime: at each time there is one for a credential of
// the longest life, under a root that outlives it; what was made stays the same
// after a restart.
func TestCertificatesAreRenewedInTime(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	a := b.open()
	leaves, roots := map[string]bool{}, map[string]bool{}
	for at := now; at.Before(now.Add(20 * 365 * day)); at = at.Add(30 * day) {
		leaf, current := b.at(a, at)
		again, _ := b.at(b.open(), at)
		if !again.Equal(leaf) {
			t.Fatalf("%v: another certificate after a restart", at)
		}
		if left := leaf.NotAfter.Sub(at); left < certificate.MaxCredential {
			t.Fatalf("%v: the certificate ends in %v", at, left)
		}
		if leaf.CheckSignatureFrom(current[0]) != nil || leaf.NotAfter.After(current[0].NotAfter) {
			t.Fatalf("%v: not under the newest root, or longer than that", at)
		}
		leaves[certificate.Thumbprint(leaf)], roots[certificate.Thumbprint(current[0])] = true, true
		if len(current) > 2 {
			t.Fatalf("%v: %d roots", at, len(current))
		}
	}
	if len(roots) != 3 || len(leaves) < 55 || len(leaves) > 70 {
		t.Errorf("%d roots and %d certificates in 20 years", len(roots), len(leaves))
	}
}

// TestRootsFollowOneAnother: another key or country makes another root, and the one
// before vouches on, until its file is taken away.
func TestRootsFollowOneAnother(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	first, roots := b.at(b.open(), now)
	if _, err := b.keeper.Rotate(purpose, verify.AlgES256); err != nil {
		t.Fatal(err)
	}
	second, same := b.at(b.open(), now.Add(time.Hour))
	if second.Equal(first) || len(same) != 1 || !same[0].Equal(roots[0]) {
		t.Error("another key of the issuer's has no certificate of its own under the same root")
	}
	if _, err := b.keeper.Rotate(certificate.PurposeRoot, verify.AlgES256); err != nil {
		t.Fatal(err)
	}
	third, two := b.at(b.open(), now.Add(2*time.Hour))
	if len(two) != 2 || !two[1].Equal(roots[0]) || third.CheckSignatureFrom(two[0]) != nil {
		t.Errorf("after the rotation of the root's key there are %d roots", len(two))
	}
	b.subject.Country = "FR"
	fourth, three := b.at(b.open(), now.Add(3*time.Hour))
	if len(three) != 3 || fourth.Issuer.Country[0] != "FR" {
		t.Errorf("in another country: %d roots, %v", len(three), fourth.Issuer)
	}
	delete(b.shelf.kept, certificate.Thumbprint(roots[0]))
	a := b.open()
	if _, left := b.at(a, now.Add(4*time.Hour)); len(left) != 2 || !left[0].Equal(three[0]) || !left[1].Equal(three[1]) {
		t.Errorf("after one was taken away: %d", len(left))
	}
	b.subject.Base, b.subject.DID = "https://other.example", "did:web:other.example:issuer:credentials"
	if moved, _ := b.at(b.open(), now.Add(5*time.Hour)); moved.URIs[0].String() != b.subject.Base {
		t.Errorf("at another host: %v", moved.URIs)
	}
}

// TestWhatTheKeysDidNotSignIsNotLookedAt: a store that others can write to.
func TestWhatTheKeysDidNotSignIsNotLookedAt(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	leaf, roots := b.at(b.open(), now)
	attacker := newKey(t)
	theirs, err := certificate.NewRoot(attacker, north, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	own, err := b.keeper.Signer(purpose, verify.AlgES256)
	if err != nil {
		t.Fatal(err)
	}
	under, err := certificate.NewSigner(theirs, attacker, own, north, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for name, der := range map[string][]byte{"root": theirs.Raw, "leaf": under.Raw, "text": []byte("none"), "empty": nil} {
		b.shelf.kept[name] = der
	}
	got, current := b.at(b.open(), now.Add(2*time.Minute))
	if !got.Equal(leaf) || len(current) != 1 || !current[0].Equal(roots[0]) {
		t.Errorf("%v, %d roots", got.Subject, len(current))
	}
}

func TestARootIsReadByItsThumbprint(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	leaf, roots := b.at(b.open(), now)
	root := roots[0]
	if got, err := certificate.ParseRoot(root.Raw, certificate.Thumbprint(root)); err != nil || !got.Equal(root) {
		t.Error(err)
	}
	other, err := certificate.NewRoot(newKey(t), north, now)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("-----BEGIN CERTIFICATE-----")
	for name, c := range map[string]struct {
		der   []byte
		named *x509.Certificate
		want  ledger.Code
	}{
		"another's":             {other.Raw, root, ledger.CodeDenied},
		"nothing":               {nil, root, ledger.CodeDenied},
		"one byte more":         {append(bytes.Clone(root.Raw), 0), root, ledger.CodeDenied},
		"a document signer":     {leaf.Raw, leaf, ledger.CodeInvalid},
		"what is no such thing": {text, &x509.Certificate{Raw: text}, ledger.CodeInvalid},
	} {
		if _, err := certificate.ParseRoot(c.der, certificate.Thumbprint(c.named)); ledger.CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRevocationsAreTheRootsOwn(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	a := b.open()
	_, roots := b.at(a, now)
	serial := certificate.Serial(roots[0])
	der, err := a.Revocations(serial, now)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil || list.CheckSignatureFrom(roots[0]) != nil || !list.NextUpdate.After(now.Add(6*day)) {
		t.Errorf("%v", err)
	}
	if again, err := a.Revocations(serial, now.Add(day)); err != nil || !bytes.Equal(again, der) {
		t.Errorf("signed anew without need: %v", err)
	}
	if later, err := a.Revocations(serial, now.Add(4*day)); err != nil || bytes.Equal(later, der) {
		t.Errorf("not signed anew: %v", err)
	}
	if _, err := a.Revocations("00", now); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Error(err)
	}
}

func TestWhatIsNotMade(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	edwards, err := b.keeper.Signer("other", verify.AlgEdDSA)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := certificate.NewRoot(edwards, north, now); err == nil {
		t.Error("a root of Ed25519")
	}
	for name, change := range map[string]func(*certificate.Subject){
		"no country":       func(s *certificate.Subject) { s.Country = "" },
		"a small country":  func(s *certificate.Subject) { s.Country = "de" },
		"a long country":   func(s *certificate.Subject) { s.Country = "DEU" },
		"no name":          func(s *certificate.Subject) { s.Name = "" },
		"no host":          func(s *certificate.Subject) { s.Base = "https://" },
		"a path":           func(s *certificate.Subject) { s.Base = "https://north.example/a" },
		"plain":            func(s *certificate.Subject) { s.Base = "http://north.example" },
		"a DID of another": func(s *certificate.Subject) { s.DID = "did:key:z6" },
	} {
		s := north
		change(&s)
		if _, err := certificate.New(certificate.Options{Subject: s, Keys: b.keeper, Purpose: purpose, Store: b.shelf}); err == nil {
			t.Errorf("%s: an authority", name)
		}
		if _, err := certificate.NewRoot(newKey(t), s, now); err == nil {
			t.Errorf("%s: a root", name)
		}
	}
	long := north
	long.Name = strings.Repeat("Ä", 100)
	b.subject = long
	leaf, roots := b.at(b.open(), now)
	for _, name := range []string{leaf.Subject.CommonName, roots[0].Subject.CommonName} {
		if n := len([]rune(name)); n != 64 {
			t.Errorf("a common name of %d characters", n)
		}
	}
}

package mdoc

import (
	"crypto"
	"crypto/x509"
	"testing"

	"github.com/veraison/go-cose"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestOneCertificateOfAnIssuer: an issuer right under its root sends one, which
// then stands by itself.
func TestOneCertificateOfAnIssuer(t *testing.T) {
	t.Parallel()
	f := forge(t)
	leaf := certify(t, f.pki.root, f.pki.leaf.key, asSigner)
	f.headers.Unprotected[labelX5Chain] = leaf.certificate.Raw
	if _, err := Verify(f.response(), f.want); err != nil {
		t.Error(err)
	}
	one := &pki{root: f.pki.root, leaf: leaf}
	issued, err := Issue(signerOf(t, leaf.key), []*x509.Certificate{leaf.certificate}, sample(f.holder))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyIssued(issued, want(one).Trust); err != nil {
		t.Error(err)
	}
	s, _, err := parseIssuerSigned(issued)
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseSign1(s.IssuerAuth)
	if err != nil {
		t.Fatal(err)
	}
	if _, alone := m.Headers.Unprotected[labelX5Chain].([]byte); !alone {
		t.Error("one certificate stands in an array")
	}
}

// TestRootsOfOneIssuerNeedNoName: and still no other usage.
func TestRootsOfOneIssuerNeedNoName(t *testing.T) {
	t.Parallel()
	f := forge(t)
	f.leaf(func(c *x509.Certificate) { c.DNSNames, c.URIs = nil, nil })
	b := f.response()
	if _, err := Verify(b, f.want); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("without a name: %v", err)
	}
	f.want.Issuers = []Issuer{{Name: "a stranger", Roots: newPKI(t, newKey(t)).issuer().Roots, Own: true}, f.want.Issuers[0]}
	f.want.Issuers[1].Own = true
	if got, err := Verify(b, f.want); err != nil || got.Issuer != issuerName {
		t.Errorf("under its own root: %+v, %v", got, err)
	}
	f.leaf(func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil })
	if _, err := Verify(f.response(), f.want); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("for another usage: %v", err)
	}
}

// TestOtherDigestsAreRead: issuers may choose (ISO/IEC 18013-5, section 9.1.2.5).
func TestOtherDigestsAreRead(t *testing.T) {
	t.Parallel()
	for name, hash := range map[string]crypto.Hash{"SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512} {
		f := forge(t)
		e := f.embed(role("nurse"))
		h := hash.New()
		h.Write(e.whole)
		f.object.Algorithm = name
		f.object.Digests = map[string]map[uint64][]byte{other: {0: h.Sum(nil)}}
		f.items = map[string][]embedded{other: {e}}
		if got, err := Verify(f.response(), f.want); err != nil || got.Elements[other]["role"] != "nurse" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestBytesOfTwoMeaningsAreRefused: what two readers might read differently.
func TestBytesOfTwoMeaningsAreRefused(t *testing.T) {
	t.Parallel()
	f := forge(t)
	b := f.response()
	deep := append(make([]byte, 0, 64), b[:1]...)
	for range 40 {
		deep = append(deep, 0x81)
	}
	for name, b := range map[string][]byte{
		"nothing":       nil,
		"cut":           b[:len(b)-1],
		"more behind":   append(b[:len(b):len(b)], 0),
		"deep":          deep,
		"no map":        {0x80},
		"no end":        append(append([]byte{0xbf}, b[1:]...), 0xff),
		"a name twice":  append(append([]byte{b[0] + 1}, b[1:]...), f.encode("version")...),
		"another case":  []byte(string(b[:1]) + "\x67Version" + string(b[9:])),
		"a name as key": {0xa1, 0x01, 0x01},
	} {
		if name == "a name twice" {
			b = append(b, f.encode("1.0")...)
		}
		if got, err := Verify(b, f.want); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: reads as %+v, %v", name, got, err)
		}
		if got, err := VerifyIssued(b, f.want.Trust); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: reads as %+v, %v", name, got, err)
		}
	}
	if _, err := Verify(make([]byte, MaxBytes+1), f.want); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("a long one: %v", err)
	}
	if _, err := VerifyIssued(make([]byte, MaxBytes+1), f.want.Trust); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("a long one: %v", err)
	}
}

// TestAVerifierWithoutAQuestionTakesNothing: a fault of ours is not the wallet's.
func TestAVerifierWithoutAQuestionTakesNothing(t *testing.T) {
	t.Parallel()
	f := forge(t)
	b := f.response()
	f.want.Session = Session{}
	if _, err := Verify(b, f.want); ledger.CodeOf(err) != ledger.CodeInternal {
		t.Error(err)
	}
}

// small is a good response of few bytes: one element, one certificate.
func small(tb testing.TB) *forgery {
	tb.Helper()
	f := forge(tb)
	leaf := certify(tb, f.pki.root, newEdwards(tb), asSigner)
	f.certified(leaf.certificate)
	f.by, f.headers.Protected = signer{signerOf(tb, leaf.key)}, cose.ProtectedHeader{}
	delete(f.items, space)
	delete(f.object.Digests, space)
	if _, err := Verify(f.response(), f.want); err != nil {
		tb.Fatal(err)
	}
	return f
}

func FuzzDeviceResponse(f *testing.F) {
	forged := small(f)
	f.Add(forged.response())
	f.Add([]byte("\xa2\x67version\x631.0\x66status\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := Verify(b, forged.want)
		if code := ledger.CodeOf(err); err != nil && code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
			t.Errorf("the fault is not the wallet's: %v", err)
		}
	})
}

func FuzzIssuerSigned(f *testing.F) {
	forged := small(f)
	f.Add(forged.encode(issuerSigned{NameSpaces: forged.items, IssuerAuth: forged.issuerAuth()}))
	f.Add([]byte("\xa1\x6aissuerAuth\x84\x40\xa0\x40\x41\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := VerifyIssued(b, forged.want.Trust)
		if code := ledger.CodeOf(err); err != nil && code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
			t.Errorf("the fault is not the issuer's: %v", err)
		}
		if _, err := Present(b, forged.holder, map[string][]string{other: {"role"}}, session); err == nil && len(b) < 500 {
			t.Error("a credential that is too short for its certificates is shown")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	f := forge(b)
	response := f.response()
	b.ReportMetric(float64(len(response)), "bytes")
	for b.Loop() {
		if _, err := Verify(response, f.want); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	p, holder := newPKI(b, newKey(b)), signerOf(b, newKey(b))
	for b.Loop() {
		issue(b, p, sample(holder))
	}
}

package mdoc

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"

	"github.com/secant-platform/secant/identity/keys"
)

// forgery is a response in its parts: as forge makes it, it is good.
type forgery struct {
	tb     testing.TB
	pki    *pki
	holder keys.Signer
	want   Want

	object  securityObject
	raw     map[string]any // members of the security object instead of its own; nil leaves one out
	items   map[string][]embedded
	headers cose.Headers
	by      cose.Signer // of the security object
	auth    func([]byte) []byte
	session Session
	device  keys.Signer
	signed  string // document type that the device signs
	spaces  embedded
	spoil   func(*document)
	answer  func(*deviceResponse)
}

func forge(tb testing.TB) *forgery {
	tb.Helper()
	f := &forgery{tb: tb, pki: newPKI(tb, newKey(tb)), holder: signerOf(tb, newKey(tb)), session: session, signed: docType}
	f.want = want(f.pki)
	f.want.Elements = nil
	f.device = f.holder
	s, object, err := parseIssuerSigned(issue(tb, f.pki, sample(f.holder)))
	if err != nil {
		tb.Fatal(err)
	}
	f.object, f.items = object.securityObject, s.NameSpaces
	f.headers = cose.Headers{Unprotected: cose.UnprotectedHeader{}, Protected: cose.ProtectedHeader{}}
	f.certified(f.pki.chain()...)
	f.by = signer{signerOf(tb, f.pki.leaf.key)}
	f.spaces = f.embed(map[string]any{})
	return f
}

func (f *forgery) certified(chain ...*x509.Certificate) {
	var ders []any
	for _, c := range chain {
		ders = append(ders, c.Raw)
	}
	f.headers.Unprotected[labelX5Chain] = ders
}

// leaf gives the issuer another certificate, by default from the same authority.
func (f *forgery) leaf(change func(*x509.Certificate)) {
	f.tb.Helper()
	c := certify(f.tb, f.pki.middle, f.pki.leaf.key, func(c *x509.Certificate) { asSigner(c); change(c) })
	f.certified(c.certificate, f.pki.middle.certificate)
}

func (f *forgery) embed(v any) embedded {
	f.tb.Helper()
	e, err := embed(v)
	if err != nil {
		f.tb.Fatal(err)
	}
	return e
}

func (f *forgery) encode(v any) []byte {
	f.tb.Helper()
	b, err := encode(v)
	if err != nil {
		f.tb.Fatal(err)
	}
	return b
}

func (f *forgery) issuerAuth() []byte {
	f.tb.Helper()
	members := map[string]cbor.RawMessage{}
	if err := decode(f.encode(f.object), &members, "the object"); err != nil {
		f.tb.Fatal(err)
	}
	for name, v := range f.raw {
		delete(members, name)
		if v != nil {
			members[name] = f.encode(v)
		}
	}
	m := cose.UntaggedSign1Message{Headers: f.headers, Payload: f.embed(members).whole}
	if err := m.Sign(rand.Reader, nil, f.by); err != nil {
		f.tb.Fatal(err)
	}
	b, err := m.MarshalCBOR()
	if err != nil {
		f.tb.Fatal(err)
	}
	if f.auth != nil {
		b = f.auth(b)
	}
	return b
}

func (f *forgery) response() []byte {
	f.tb.Helper()
	payload, err := f.session.authentication(f.signed, f.spaces)
	if err != nil {
		f.tb.Fatal(err)
	}
	signature, err := sign1(f.device, nil, payload, true)
	if err != nil {
		f.tb.Fatal(err)
	}
	d := document{
		DocType: docType, IssuerSigned: issuerSigned{NameSpaces: f.items, IssuerAuth: f.issuerAuth()},
		DeviceSigned: deviceSigned{NameSpaces: f.spaces, Auth: deviceAuth{Signature: signature}},
	}
	if f.spoil != nil {
		f.spoil(&d)
	}
	r := deviceResponse{Version: version, Documents: []document{d}}
	if f.answer != nil {
		f.answer(&r)
	}
	return f.encode(r)
}

// replace puts an item in the place of the first, with its right digest.
func (f *forgery) replace(v any) {
	e := f.embed(v)
	digest := sha256.Sum256(e.whole)
	f.items[other] = []embedded{e}
	f.object.Digests[other] = map[uint64][]byte{0: digest[:]}
}

func role(value any) map[string]any {
	return map[string]any{"digestID": 0, "random": make([]byte, minSalt), "elementIdentifier": "role", "elementValue": value}
}

func with(o map[string]any, name string, value any) map[string]any {
	if delete(o, name); value != nil {
		o[name] = value
	}
	return o
}

// claims signs under one key and says that it is by another algorithm.
type claims struct {
	cose.Signer

	algorithm cose.Algorithm
}

func (c claims) Algorithm() cose.Algorithm { return c.algorithm }

func (f *forgery) claim(a cose.Algorithm) {
	f.headers.Protected.SetAlgorithm(a)
	f.by = claims{f.by, a}
}

func at(t time.Time) map[string]any {
	return map[string]any{"signed": now, "validFrom": now, "validUntil": t}
}

package mdoc

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestForgedResponsesAreRefused: each for its own reason.
func TestForgedResponsesAreRefused(t *testing.T) {
	t.Parallel()
	for reason, spoils := range map[string]map[string]func(*forgery){
		"the credential has not 1 to 4 certificates of its issuer": {
			"no certificates":       func(f *forgery) { delete(f.headers.Unprotected, labelX5Chain) },
			"an empty chain":        func(f *forgery) { f.certified() },
			"five certificates":     func(f *forgery) { m := f.pki.middle.certificate; f.certified(f.pki.leaf.certificate, m, m, m, m) },
			"a certificate of text": func(f *forgery) { f.headers.Unprotected[labelX5Chain] = "x" },
		},
		"a certificate of the issuer is no byte string of at most 8192 bytes": {
			"a chain of text":    func(f *forgery) { f.headers.Unprotected[labelX5Chain] = []any{"x", "y"} },
			"a long certificate": func(f *forgery) { f.headers.Unprotected[labelX5Chain] = make([]byte, maxCertificate+1) },
		},
		"a certificate of the issuer cannot be read": {
			"a certificate of zeros": func(f *forgery) { f.headers.Unprotected[labelX5Chain] = make([]byte, 9) },
		},
		"the issuer's certificates stand in the protected header": {
			"certificates under it": func(f *forgery) { f.headers.Protected[labelX5Chain] = f.pki.leaf.certificate.Raw },
		},
		"the credential is not by an issuer that is trusted for its type": {
			"no authority between":      func(f *forgery) { f.certified(f.pki.leaf.certificate) },
			"no roots":                  func(f *forgery) { f.want.Issuers[0].Roots = nil },
			"another root":              func(f *forgery) { f.want.Issuers[0] = newPKI(f.tb, newKey(f.tb)).issuer() },
			"no issuers":                func(f *forgery) { f.want.Issuers = nil },
			"an issuer without a name":  func(f *forgery) { f.want.Issuers[0].Name = "" },
			"another's name, same root": func(f *forgery) { f.want.Issuers[0].Name = "south.example" },
			"a longer name":             func(f *forgery) { f.leaf(func(c *x509.Certificate) { c.DNSNames = []string{"x." + issuerName} }) },
			"a wildcard":                func(f *forgery) { f.leaf(func(c *x509.Certificate) { c.DNSNames = []string{"*.example"} }) },
			"the name as common name": func(f *forgery) {
				f.leaf(func(c *x509.Certificate) { c.DNSNames = nil; c.Subject.CommonName = issuerName })
			},
			"expired certificate": func(f *forgery) {
				f.leaf(func(c *x509.Certificate) { c.NotAfter = now.Add(30 * time.Second) })
			},
			"an authority for servers": func(f *forgery) {
				m := certify(f.tb, f.pki.root, newKey(f.tb), func(c *x509.Certificate) {
					asRoot(c)
					c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
				})
				f.certified(certify(f.tb, m, f.pki.leaf.key, asSigner).certificate, m.certificate)
			},
			"a certificate by a certificate that is no authority": func(f *forgery) {
				f.certified(certify(f.tb, f.pki.leaf, f.pki.leaf.key, asSigner).certificate, f.pki.leaf.certificate, f.pki.middle.certificate)
			},
			"signed by itself": func(f *forgery) { f.certified(certify(f.tb, nil, f.pki.leaf.key, asSigner).certificate) },
			"the root itself": func(f *forgery) {
				c := certify(f.tb, nil, f.pki.leaf.key, asSigner).certificate
				f.want.Issuers[0].Roots = []*x509.Certificate{c}
				f.certified(c)
			},
		},
		"the issuer's certificate is not for signing credentials": {
			"a server's certificate": func(f *forgery) {
				f.leaf(func(c *x509.Certificate) {
					c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
				})
			},
			"a certificate for anything": func(f *forgery) {
				f.leaf(func(c *x509.Certificate) {
					c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
				})
			},
			"a certificate for nothing": func(f *forgery) { f.leaf(func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil }) },
			"another wanted usage":      func(f *forgery) { f.want.Usage = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 6} },
			"an authority's certificate": func(f *forgery) {
				f.leaf(func(c *x509.Certificate) {
					c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
				})
			},
			"not for signatures": func(f *forgery) { f.leaf(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }) },
			"of no key usage":    func(f *forgery) { f.leaf(func(c *x509.Certificate) { c.KeyUsage = 0 }) },
		},
		"the credential was signed when its issuer's certificate was not valid": {
			"certificate of later": func(f *forgery) {
				f.leaf(func(c *x509.Certificate) { c.NotBefore = now.Add(30 * time.Second) })
			},
		},
		"the issuer's key is not of Ed25519 or P-256": {
			"a key of RSA": func(f *forgery) {
				key, err := rsa.GenerateKey(rand.Reader, 2048)
				if err != nil {
					f.tb.Fatal(err)
				}
				f.certified(certify(f.tb, f.pki.middle, key, asSigner).certificate, f.pki.middle.certificate)
			},
		},
		"the credential is not signed by its issuer": {
			"signed by another":   func(f *forgery) { f.by = signer{signerOf(f.tb, newKey(f.tb))} },
			"another algorithm":   func(f *forgery) { f.claim(cose.AlgorithmEdDSA) },
			"another ECDSA":       func(f *forgery) { f.claim(cose.AlgorithmES512) },
			"the holder's key":    func(f *forgery) { f.by = signer{f.holder} },
			"a changed signature": func(f *forgery) { f.auth = func(b []byte) []byte { b[len(b)-1] ^= 1; return b } },
		},
		"a signature's header asks for what is not understood": {
			"a critical header": func(f *forgery) { f.headers.Protected[cose.HeaderLabelCritical] = []any{int64(1)} },
		},
		"a signature of the credential is no untagged COSE_Sign1": {
			"a tagged signature": func(f *forgery) { f.auth = func(b []byte) []byte { return append([]byte{0xd2}, b...) } },
			"no signature":       func(f *forgery) { f.auth = func([]byte) []byte { return []byte{0x84, 0x40, 0xa0, 0x40, 0x40} } },
			"no message":         func(f *forgery) { f.auth = func([]byte) []byte { return []byte{0xa0} } },
			"no device's message": func(f *forgery) {
				f.spoil = func(d *document) { d.DeviceSigned.Auth.Signature = []byte{0xf6} }
			},
		},
		"what the issuer signed cannot be read": {
			"signed nothing": func(f *forgery) {
				f.auth = func([]byte) []byte {
					m := cose.UntaggedSign1Message{Headers: f.headers, Payload: []byte{}}
					if err := m.Sign(rand.Reader, nil, f.by); err != nil {
						f.tb.Fatal(err)
					}
					b, err := m.MarshalCBOR()
					if err != nil {
						f.tb.Fatal(err)
					}
					return b
				}
			},
			"a time in fractions": func(f *forgery) {
				f.raw = map[string]any{"validityInfo": with(at(now), "validUntil", cbor.Tag{Number: 0, Content: "2026-02-01T00:00:00.5Z"})}
			},
			"a time with an offset": func(f *forgery) {
				f.raw = map[string]any{"validityInfo": with(at(now), "validUntil", cbor.Tag{Number: 0, Content: "2026-02-01T00:00:00+01:00"})}
			},
			"a time without a tag": func(f *forgery) {
				f.raw = map[string]any{"validityInfo": with(at(now), "validUntil", "2026-02-01T00:00:00Z")}
			},
			"a time of a number": func(f *forgery) {
				f.raw = map[string]any{"validityInfo": with(at(now), "validUntil", cbor.Tag{Number: 1, Content: 1 << 40})}
			},
			"a point compressed": func(f *forgery) {
				k := f.object.Device.Key
				f.raw = map[string]any{"deviceKeyInfo": map[string]any{"deviceKey": map[int]any{1: k.Kty, -1: k.Crv, -2: k.X, -3: true}}}
			},
		},
		"the credential is of another type": {
			"another version":     func(f *forgery) { f.object.Version = "1.1" },
			"another signed type": func(f *forgery) { f.object.DocType = docType + "0" },
			"no type":             func(f *forgery) { f.raw = map[string]any{"docType": nil} },
		},
		"the credential's digests are by an unknown algorithm": {
			"another digest": func(f *forgery) { f.object.Algorithm = "SHA-1" },
		},
		"an element is not as its issuer signed it": {
			"digests of another": func(f *forgery) { f.object.Algorithm = "SHA-512" },
			"a changed element": func(f *forgery) {
				e := &f.items[other][0]
				*e = f.embed(role("doctor"))
			},
			"an element of no digest": func(f *forgery) { f.object.Digests[other] = nil },
			"of another name space": func(f *forgery) {
				f.items["x"] = f.items[other]
				delete(f.items, other)
			},
			"of another digest": func(f *forgery) { f.replace(with(role("x"), "digestID", 1)) },
		},
		"the credential has expired": {
			"expired": func(f *forgery) { f.object.Validity.Until = tdate{f.want.At} },
			"no time": func(f *forgery) { f.raw = map[string]any{"validityInfo": nil} },
			"no end":  func(f *forgery) { f.raw = map[string]any{"validityInfo": with(at(now), "validUntil", nil)} },
		},
		"the credential is not valid yet": {
			"not yet signed": func(f *forgery) {
				f.object.Validity.Signed = tdate{f.want.At.Add(3 * time.Minute)}
				f.object.Validity.From = f.object.Validity.Signed
			},
			"not yet valid": func(f *forgery) { f.object.Validity.From = tdate{f.want.At.Add(3 * time.Minute)} },
		},
		"the credential is valid before it was signed": {
			"valid before signed": func(f *forgery) { f.object.Validity.From = tdate{now.Add(-time.Second)} },
		},
		"the device's key is not of Ed25519 or P-256": {
			"no key":          func(f *forgery) { f.raw = map[string]any{"deviceKeyInfo": nil} },
			"another curve":   func(f *forgery) { f.object.Device.Key.Crv = 2 },
			"a symmetric key": func(f *forgery) { f.object.Device.Key.Kty = 4 },
		},
		"the device's key has a member of a private one": {
			"a private key": func(f *forgery) { f.object.Device.Key.D = make([]byte, 32) },
		},
		"the key is no usable public key of Ed25519 or P-256": {
			"off the curve":      func(f *forgery) { f.object.Device.Key.Y = make([]byte, 32) },
			"a short coordinate": func(f *forgery) { f.object.Device.Key.X = f.object.Device.Key.X[1:] },
		},
		"the device's key is for another algorithm": {
			"a key for another": func(f *forgery) { f.object.Device.Key.Alg = int(cose.AlgorithmES384) },
		},
		"the credential has a status of another kind than a token status list": {
			"another kind of status": func(f *forgery) {
				f.raw = map[string]any{"status": map[string]any{"identifier_list": map[string]any{}}}
			},
			"two kinds of status": func(f *forgery) {
				f.raw = map[string]any{"status": map[string]any{"status_list": statusList{1, "u"}, "x": 1}}
			},
		},
		"the credential's status cannot be read": {
			"a status of text":        func(f *forgery) { f.raw = map[string]any{"status": "valid"} },
			"a status of text inside": func(f *forgery) { f.raw = map[string]any{"status": map[string]any{"status_list": "x"}} },
			"a status before the list": func(f *forgery) {
				f.raw = map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": -1, "uri": "u"}}}
			},
		},
		"the credential's status names no place in a list": {
			"a status without a list": func(f *forgery) { f.raw = map[string]any{"status": map[string]any{"status_list": statusList{1, ""}}} },
			"a status beyond all": func(f *forgery) {
				f.raw = map[string]any{"status": map[string]any{"status_list": statusList{1 << 31, "u"}}}
			},
		},
		"an element is there twice or not whole": {
			"an element twice": func(f *forgery) { f.items[other] = append(f.items[other], f.items[other]...) },
			"a short salt":     func(f *forgery) { f.replace(with(role("x"), "random", make([]byte, minSalt-1))) },
			"no salt":          func(f *forgery) { f.replace(with(role("x"), "random", nil)) },
			"no name":          func(f *forgery) { f.replace(with(role("x"), "elementIdentifier", nil)) },
			"no value":         func(f *forgery) { f.replace(with(role("x"), "elementValue", nil)) },
		},
		"an element cannot be read": {
			"a negative digest": func(f *forgery) { f.replace(with(role("x"), "digestID", -1)) },
			"no element":        func(f *forgery) { f.replace("x") },
		},
		"an element's value has a tag that is not known": {
			"an unknown tag": func(f *forgery) { f.replace(role(cbor.Tag{Number: 37, Content: "x"})) },
			"an unknown tag deep": func(f *forgery) {
				f.replace(role([]any{map[string]any{"x": cbor.Tag{Number: 37, Content: "x"}}}))
			},
			"no day": func(f *forgery) { f.replace(role(cbor.Tag{Number: 1004, Content: "2026-02-30"})) },
		},
		"an element's value has a simple value that is not known": {
			"a simple value": func(f *forgery) { f.replace(role(cbor.SimpleValue(99))) },
		},
		"an element's value cannot be read": {
			"a number as a name": func(f *forgery) { f.replace(role(map[int]any{1: 1})) },
			"a number too large": func(f *forgery) { f.replace(role(uint64(1 << 63))) },
		},
		"the response cannot be read": {
			"an element of another tag": func(f *forgery) {
				f.items[other] = []embedded{{whole: f.encode(cbor.Tag{Number: 25, Content: []byte{0xa0}})}}
			},
			"an element embedded as text": func(f *forgery) {
				f.items[other] = []embedded{{whole: f.encode(cbor.Tag{Number: 24, Content: "x"})}}
			},
			"an element not embedded": func(f *forgery) { f.items[other] = []embedded{{whole: f.encode(role("x"))}} },
		},
		"a credential has at most 256 elements in a name space": {
			"too many elements": func(f *forgery) {
				for range MaxElements {
					f.items[other] = append(f.items[other], f.items[other][0])
				}
			},
		},
		"the response is not signed by the credential's device for this session": {
			"another device":      func(f *forgery) { f.device = signerOf(f.tb, newKey(f.tb)) },
			"a device of another": func(f *forgery) { f.device = signerOf(f.tb, newEdwards(f.tb)) },
			"another nonce":       func(f *forgery) { f.session.Nonce = "n-2" },
			"another client":      func(f *forgery) { f.session.ClientID = "x509_san_dns:east.example" },
			"another address":     func(f *forgery) { f.session.ResponseURI += "0" },
			"another encryption":  func(f *forgery) { f.session.Thumbprint = append(make([]byte, 31), 1) },
			"no encryption":       func(f *forgery) { f.session.Thumbprint = nil },
			"signed another type": func(f *forgery) { f.signed = "org.iso.18013.5.1.mDL" },
		},
		"the response has elements of which the device itself is the source": {
			"the device's element": func(f *forgery) { f.spaces = f.embed(map[string]any{other: map[string]any{"role": "doctor"}}) },
			"other name spaces":    func(f *forgery) { f.spoil = func(d *document) { d.DeviceSigned.NameSpaces = f.embed("") } },
		},
		"the response is not signed by the device": {
			"a device unsigned": func(f *forgery) { f.spoil = func(d *document) { d.DeviceSigned.Auth = deviceAuth{} } },
			"a MAC": func(f *forgery) {
				f.spoil = func(d *document) { d.DeviceSigned.Auth = deviceAuth{MAC: d.DeviceSigned.Auth.Signature} }
			},
			"a MAC beside": func(f *forgery) {
				f.spoil = func(d *document) { d.DeviceSigned.Auth.MAC = d.DeviceSigned.Auth.Signature }
			},
		},
		"the device's signature carries what it signs, which must be known already": {
			"what is signed inside": func(f *forgery) {
				f.spoil = func(d *document) {
					payload, err := f.session.authentication(f.signed, f.spaces)
					if err != nil {
						f.tb.Fatal(err)
					}
					if d.DeviceSigned.Auth.Signature, err = sign1(f.device, nil, payload, false); err != nil {
						f.tb.Fatal(err)
					}
				}
			},
			"the issuer's for the device's": func(f *forgery) {
				f.spoil = func(d *document) { d.DeviceSigned.Auth.Signature = d.IssuerSigned.IssuerAuth }
			},
		},
		"the response is not one document without an error": {
			"another response": func(f *forgery) { f.answer = func(r *deviceResponse) { r.Version = "2.0" } },
			"an error":         func(f *forgery) { f.answer = func(r *deviceResponse) { r.Status = 10 } },
			"errors beside":    func(f *forgery) { f.answer = func(r *deviceResponse) { r.DocumentErrors = f.encode([]any{}) } },
			"no document":      func(f *forgery) { f.answer = func(r *deviceResponse) { r.Documents = nil } },
			"two documents": func(f *forgery) {
				f.answer = func(r *deviceResponse) { r.Documents = append(r.Documents, r.Documents[0]) }
			},
		},
		"the response is not a document as it was asked for": {
			"errors in it":        func(f *forgery) { f.spoil = func(d *document) { d.Errors = f.encode(map[string]any{}) } },
			"of another type":     func(f *forgery) { f.spoil = func(d *document) { d.DocType += "0" } },
			"of a type not asked": func(f *forgery) { f.want.DocType += "0" },
		},
		"an element that was asked for is not shown": {
			"not shown": func(f *forgery) { f.want.Elements = map[string][]string{space: {"email"}} },
		},
		"an element is shown that was not asked for": {
			"more than asked": func(f *forgery) {
				f.want.Elements = map[string][]string{space: {"family_name", "given_name", "birth_date", "licence", "portrait", "checked"}}
			},
		},
	} {
		for name, spoil := range spoils {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := forge(t)
				if _, err := Verify(f.response(), f.want); err != nil {
					t.Fatalf("the good one: %v", err)
				}
				spoil(f)
				c, err := Verify(f.response(), f.want)
				problem, ok := errors.AsType[*ledger.Problem](err)
				if !ok || problem.Detail != reason || problem.Code != ledger.CodeInvalid && problem.Code != ledger.CodeTooLarge {
					t.Errorf("it reads as %+v, %v; want %q", c, err, reason)
				}
			})
		}
	}
}

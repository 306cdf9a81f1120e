package mdoc

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // one of the hashes
	_ "crypto/sha512" // the others
	"crypto/x509"
	"encoding/asn1"
	"maps"
	"slices"
	"time"

	"github.com/veraison/go-cose"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Trust is which credentials a verifier takes.
type Trust struct {
	DocType string
	At      time.Time             // now
	Issuers []Issuer              // that are trusted for the document type
	Usage   asn1.ObjectIdentifier // extended key usage of the issuer's certificate; nil: DocumentSigner
}

// Want is what a verifier asked.
type Want struct {
	Trust
	Session Session
	// Elements are what was asked for, by name space. Each must be shown, and no
	// other may be: a wallet that shows more than it was asked is broken or was
	// lured. With nil anything may be shown, and the caller looks.
	Elements map[string][]string
}

// Credential is what a verified credential says. Whether it is revoked is not
// known yet when Status is not nil.
type Credential struct {
	Issuer      string            // Name of the Issuer
	Certificate *x509.Certificate // the issuer's own, for whoever knows which are revoked
	DocType     string
	Holder      *verify.Key // to which the credential is bound
	Signed      time.Time
	ValidUntil  time.Time
	Status      *verify.StatusRef
	// Elements are the shown ones by name space and name: nil, bool, int64,
	// float64, string, []byte, Date, time.Time, and []any and map[string]any of
	// these.
	Elements map[string]map[string]any
}

// Verify judges a DeviceResponse: the issuer's signature and certificates, the
// credential's type and time, the digest of each element, the holder's signature
// over the session, and that what was asked for is shown.
func Verify(response []byte, w Want) (*Credential, error) {
	if len(response) > MaxBytes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a response has at most %d bytes", MaxBytes)
	}
	var r deviceResponse
	if err := decode(response, &r, "the response"); err != nil {
		return nil, err
	}
	if r.Version != version || r.Status != 0 || r.DocumentErrors != nil || len(r.Documents) != 1 {
		return nil, invalid("the response is not one document without an error")
	}
	d := &r.Documents[0]
	if d.Errors != nil || d.DocType != w.DocType {
		return nil, invalid("the response is not a document as it was asked for")
	}
	object, err := d.IssuerSigned.open()
	if err != nil {
		return nil, err
	}
	c, err := object.judge(&d.IssuerSigned, w.Trust)
	if err != nil {
		return nil, err
	}
	if err := d.DeviceSigned.verify(c.Holder, d.DocType, w.Session); err != nil {
		return nil, verify.InPart(verify.PartBinding, err)
	}
	return c, w.asked(c.Elements)
}

// VerifyIssued judges an IssuerSigned, as a holder does who receives one. Nobody
// has shown by it that the device's key is theirs.
func VerifyIssued(credential []byte, t Trust) (*Credential, error) {
	signed, object, err := parseIssuerSigned(credential)
	if err != nil {
		return nil, err
	}
	return object.judge(signed, t)
}

// parseIssuerSigned reads a credential; nothing of it is verified.
func parseIssuerSigned(b []byte) (*issuerSigned, *signedObject, error) {
	if len(b) > MaxBytes {
		return nil, nil, ledger.Problemf(ledger.CodeTooLarge, "a credential has at most %d bytes", MaxBytes)
	}
	s := new(issuerSigned)
	if err := decode(b, s, "the credential"); err != nil {
		return nil, nil, err
	}
	object, err := s.open()
	return s, object, err
}

// signedObject is a security object with the signature on it.
type signedObject struct {
	securityObject

	message *cose.UntaggedSign1Message
}

// open reads the security object; its signature is not verified.
func (s *issuerSigned) open() (*signedObject, error) {
	m, err := parseSign1(s.IssuerAuth)
	if err != nil {
		return nil, err
	}
	var payload embedded
	if err := decode(m.Payload, &payload, "what the issuer signed"); err != nil {
		return nil, err
	}
	o := &signedObject{message: m}
	return o, decode(payload.inner, &o.securityObject, "what the issuer signed")
}

// judge verifies all that the issuer vouches for.
func (o *signedObject) judge(s *issuerSigned, t Trust) (*Credential, error) {
	chain, err := chainOf(o.message.Headers)
	if err != nil {
		return nil, err
	}
	issuer, err := t.issuerOf(chain)
	if err != nil {
		return nil, verify.InPart(verify.PartKey, err)
	}
	if err := o.signedBy(chain[0]); err != nil {
		return nil, verify.InPart(verify.PartSignature, err)
	}
	if o.Version != version || o.DocType != t.DocType {
		return nil, invalid("the credential is of another type")
	}
	if err := o.window(chain[0], t.At); err != nil {
		return nil, verify.InPart(verify.PartTime, err)
	}
	c := &Credential{Issuer: issuer, Certificate: chain[0], DocType: o.DocType, Signed: o.Validity.Signed.Time, ValidUntil: o.Validity.Until.Time}
	if c.Holder, err = o.Device.Key.key(); err != nil {
		return nil, err
	}
	if c.Status, err = o.status(); err != nil {
		return nil, err
	}
	c.Elements, err = o.elements(s.NameSpaces)
	return c, err
}

func (o *signedObject) signedBy(leaf *x509.Certificate) error {
	jwk, err := ledger.JWKOf(leaf.PublicKey)
	if err != nil {
		return invalid("the issuer's key is not of Ed25519 or P-256")
	}
	key, err := verify.NewKey(jwk)
	if err != nil {
		return err
	}
	if o.message.Verify(nil, verifier{key}) != nil {
		return invalid("the credential is not signed by its issuer")
	}
	return nil
}

// window checks the credential's time (ISO/IEC 18013-5, section 9.3.1, step 5).
func (o *signedObject) window(leaf *x509.Certificate, at time.Time) error {
	v := o.Validity
	soon := at.Add(ledger.MaxStatementSkew)
	switch {
	case v.Signed.After(soon) || v.From.After(soon):
		return invalid("the credential is not valid yet")
	case !at.Before(v.Until.Time):
		return invalid("the credential has expired")
	case v.From.Before(v.Signed.Time):
		return invalid("the credential is valid before it was signed")
	case v.Signed.Before(leaf.NotBefore) || v.Signed.After(leaf.NotAfter):
		return invalid("the credential was signed when its issuer's certificate was not valid")
	}
	return nil
}

// hashes are the digest algorithms of the standard (section 9.1.2.5).
var hashes = map[string]crypto.Hash{"SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}

// elements checks each shown element against its digest.
func (o *signedObject) elements(spaces map[string][]embedded) (map[string]map[string]any, error) {
	hash, known := hashes[o.Algorithm]
	if !known {
		return nil, invalid("the credential's digests are by an unknown algorithm")
	}
	all := map[string]map[string]any{}
	for space, items := range spaces {
		if len(items) > MaxElements {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "a credential has at most %d elements in a name space", MaxElements)
		}
		shown := map[string]any{}
		for _, e := range items {
			var i item
			if err := decode(e.inner, &i, "an element"); err != nil {
				return nil, err
			}
			h := hash.New()
			h.Write(e.whole)
			if want := o.Digests[space][i.DigestID]; want == nil || !bytes.Equal(want, h.Sum(nil)) {
				return nil, verify.InPart(verify.PartSignature, invalid("an element is not as its issuer signed it"))
			}
			if _, twice := shown[i.Name]; twice || i.Name == "" || len(i.Random) < minSalt || len(i.Value) == 0 {
				return nil, invalid("an element is there twice or not whole")
			}
			var value any
			err := decode(i.Value, &value, "an element's value")
			if err != nil {
				return nil, err
			}
			if shown[i.Name], err = plain(value); err != nil {
				return nil, err
			}
		}
		all[space] = shown
	}
	return all, nil
}

// verify checks the holder's signature over the session (section 9.1.3.6).
func (d *deviceSigned) verify(holder *verify.Key, docType string, s Session) error {
	if d.Auth.MAC != nil || d.Auth.Signature == nil {
		return invalid("the response is not signed by the device")
	}
	const emptyMap = 0xa0
	if !bytes.Equal(d.NameSpaces.inner, []byte{emptyMap}) {
		return invalid("the response has elements of which the device itself is the source")
	}
	m, err := parseSign1(d.Auth.Signature)
	if err != nil {
		return err
	}
	if m.Payload != nil {
		return invalid("the device's signature carries what it signs, which must be known already")
	}
	if m.Payload, err = s.authentication(docType, d.NameSpaces); err != nil {
		return err
	}
	if m.Verify(nil, verifier{holder}) != nil {
		return invalid("the response is not signed by the credential's device for this session")
	}
	return nil
}

// asked compares what is shown with what was asked for.
func (w *Want) asked(shown map[string]map[string]any) error {
	if w.Elements == nil {
		return nil
	}
	for space, names := range w.Elements {
		for _, name := range names {
			if _, there := shown[space][name]; !there {
				return invalid("an element that was asked for is not shown")
			}
		}
	}
	for space, elements := range shown {
		for name := range maps.Keys(elements) {
			if !slices.Contains(w.Elements[space], name) {
				return invalid("an element is shown that was not asked for")
			}
		}
	}
	return nil
}

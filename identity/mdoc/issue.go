package mdoc

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/veraison/go-cose"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// Document is what an issuer says of a holder.
type Document struct {
	DocType    string
	Holder     ledger.JWK // of the device: to which the credential is bound
	Signed     time.Time  // times are in whole seconds; fractions are cut off
	ValidFrom  time.Time  // zero: at once
	ValidUntil time.Time
	Status     *verify.StatusRef // nil: it cannot be revoked

	// Elements are shown or kept one by one, by name space and name. Values are
	// bool, integers, floats, strings, []byte, Date, time.Time, and slices and
	// maps by text of these.
	Elements map[string]map[string]any
}

// Issue returns the credential as its holder gets it: the CBOR of an IssuerSigned.
// The chain's first certificate is the issuer's own, each further one signed the
// one before it, and the root is not among them.
func Issue(issuer keys.Signer, chain []*x509.Certificate, d Document) ([]byte, error) {
	if err := d.validate(); err != nil {
		return nil, err
	}
	x5chain, err := encodeChain(issuer, chain, d)
	if err != nil {
		return nil, err
	}
	key, err := coseKeyOf(d.Holder)
	if err != nil {
		return nil, err
	}
	object := securityObject{
		Version: version, Algorithm: "SHA-256", Digests: map[string]map[uint64][]byte{}, Device: deviceKeyInfo{key}, DocType: d.DocType,
		Validity: validity{tdate{d.Signed}, tdate{later(d.Signed, d.ValidFrom)}, tdate{d.ValidUntil}},
	}
	if d.Status != nil {
		object.Status, err = encode(map[string]any{statusListName: statusList{uint64(d.Status.Index), d.Status.URI}}) //nolint:gosec // validate refuses one below 0
		if err != nil {
			return nil, err
		}
	}
	signed := issuerSigned{NameSpaces: map[string][]embedded{}}
	for _, name := range slices.Sorted(maps.Keys(d.Elements)) {
		signed.NameSpaces[name], object.Digests[name], err = hide(d.Elements[name])
		if err != nil {
			return nil, err
		}
	}
	payload, err := embed(object)
	if err != nil {
		return nil, err
	}
	signed.IssuerAuth, err = sign1(issuer, cose.UnprotectedHeader{labelX5Chain: x5chain}, payload.whole, false)
	if err != nil {
		return nil, err
	}
	b, err := encode(signed)
	if err == nil && len(b) > MaxBytes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a credential has at most %d bytes", MaxBytes)
	}
	return b, err
}

func (d *Document) validate() error {
	if d.DocType == "" || len(d.Elements) == 0 || d.Signed.IsZero() || !d.ValidUntil.After(later(d.Signed, d.ValidFrom)) {
		return errors.New("issuing an mdoc: it needs a type, elements and a time")
	}
	if d.Status != nil && (d.Status.URI == "" || d.Status.Index < 0) {
		return errors.New("issuing an mdoc: its status names no place in a list")
	}
	n := 0
	for _, elements := range d.Elements {
		if len(elements) == 0 {
			return errors.New("issuing an mdoc: a name space is empty")
		}
		n += len(elements)
	}
	if n > MaxElements {
		return fmt.Errorf("issuing an mdoc: it has more than %d elements", MaxElements)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// encodeChain finds out before a verifier does that nobody would take the
// certificates. One alone stands by itself, several in an array (RFC 9360).
func encodeChain(issuer keys.Signer, chain []*x509.Certificate, d Document) (any, error) {
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, fmt.Errorf("issuing an mdoc: it needs 1 to %d certificates", maxChain)
	}
	leaf := chain[0]
	public, err := ledger.JWKOf(leaf.PublicKey)
	if err != nil || public != issuer.JWK() {
		return nil, errors.New("issuing an mdoc: the certificate is of another key")
	}
	if d.Signed.Before(leaf.NotBefore) || d.ValidUntil.After(leaf.NotAfter) {
		return nil, errors.New("issuing an mdoc: it is valid when the issuer's certificate is not")
	}
	// ISO/IEC 18013-5, annex B.1.4, wants a country of the authority, and wallets
	// refuse a credential without.
	if leaf.IsCA || leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 || len(leaf.Issuer.Country) != 1 {
		return nil, errors.New("issuing an mdoc: the certificate is not for signing credentials, or its authority has no country")
	}
	var ders []any
	for i, c := range chain {
		if c.CheckSignatureFrom(c) == nil {
			return nil, errors.New("issuing an mdoc: the root is among the certificates")
		}
		if i > 0 && chain[i-1].CheckSignatureFrom(c) != nil {
			return nil, errors.New("issuing an mdoc: the certificates are no chain")
		}
		ders = append(ders, c.Raw)
	}
	if len(ders) == 1 {
		return ders[0], nil
	}
	return ders, nil
}

// hide returns a name space's elements and their digests, in an order that tells
// nothing of them: which elements were not shown could otherwise be guessed from
// the numbers of those that were.
func hide(elements map[string]any) ([]embedded, map[uint64][]byte, error) {
	names := slices.Sorted(maps.Keys(elements))
	if err := shuffle(names); err != nil {
		return nil, nil, err
	}
	var items []embedded
	digests := map[uint64][]byte{}
	for i, name := range names {
		salt := make([]byte, 2*minSalt)
		if _, err := rand.Read(salt); err != nil {
			return nil, nil, fmt.Errorf("drawing a salt: %w", err)
		}
		value, err := encode(elements[name])
		if err != nil {
			return nil, nil, err
		}
		id := uint64(i)
		e, err := embed(item{DigestID: id, Random: salt, Name: name, Value: value})
		if err != nil {
			return nil, nil, err
		}
		digest := sha256.Sum256(e.whole)
		items = append(items, e)
		digests[id] = digest[:]
	}
	return items, digests, nil
}

func shuffle(names []string) error {
	for i := len(names) - 1; i > 0; i-- {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(i+1)))
		if err != nil {
			return fmt.Errorf("drawing an order: %w", err)
		}
		j := int(n.Int64())
		names[i], names[j] = names[j], names[i]
	}
	return nil
}

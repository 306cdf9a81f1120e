package did

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/mr-tron/base58"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// typeBBS is the type of a key for BBS+ signatures (W3C CCG, "BBS+ Signatures
// 2020", section 3), with publicKeyBase58. On the ledger it is that of the service
// that stands for one.
const typeBBS = "Bls12381G2Key2020"

// bbsKeySize is that of a compressed point of G2, in bytes.
const bbsKeySize = 96

// pathBBS is what stands before the key in the address of such a service.
const pathBBS = "/bbs/"

// BBSService puts a key for BBS+ signatures into a document on the ledger, whose
// keys are of Ed25519 and P-256 and no others: as a service whose address has the
// key at its end. Nothing answers there. base is where the subject is at home,
// fragment the key's name. In what [FromLedger] and [WebDocument] make of the
// document it is a key for assertions like others, and no service. It is false for
// a home whose address is too long.
func BBSService(base, fragment string, key []byte) (ledger.Service, bool) {
	s := ledger.Service{ID: fragment, Type: typeBBS, ServiceEndpoint: base + pathBBS + base64.RawURLEncoding.EncodeToString(key)}
	return s, len(key) == bbsKeySize && len(s.ServiceEndpoint) <= ledger.MaxName
}

// bbsOf returns the key that a service stands for.
func bbsOf(s ledger.Service) ([]byte, bool) {
	at := strings.LastIndex(s.ServiceEndpoint, pathBBS)
	if s.Type != typeBBS || at < 0 {
		return nil, false
	}
	key, err := base64.RawURLEncoding.Strict().DecodeString(s.ServiceEndpoint[at+len(pathBBS):])
	return key, err == nil && len(key) == bbsKeySize
}

// addBBS adds the key that a service of a record stands for, and reports whether it
// stands for one. One by another key's name is none.
func (d *Document) addBBS(s ledger.Service) bool {
	key, ok := bbsOf(s)
	id := d.ID + "#" + s.ID
	if !ok || slices.ContainsFunc(d.VerificationMethod, func(m VerificationMethod) bool { return m.ID == id }) {
		return false
	}
	d.VerificationMethod = append(d.VerificationMethod, VerificationMethod{ID: id, Type: typeBBS, Controller: d.ID, PublicKeyBase58: base58.Encode(key)})
	d.AssertionMethod = append(d.AssertionMethod, id)
	if !slices.Contains(d.Context, contextBBS) {
		d.Context = append(d.Context, contextBBS)
	}
	return true
}

// BBSKey returns the key for BBS+ signatures that kid names exactly, as
// [Document.Key] does for others: one for assertions, 96 bytes.
func (d *Document) BBSKey(kid string) ([]byte, error) {
	if strings.HasPrefix(kid, "#") {
		kid = d.ID + kid
	}
	if !slices.Contains(d.AssertionMethod, kid) {
		return nil, errNoKey
	}
	for i := range d.VerificationMethod {
		m := &d.VerificationMethod[i]
		if m.ID != kid || m.Controller != d.ID || m.Type != typeBBS || len(m.PublicKeyBase58) > 2*bbsKeySize || !strings.HasPrefix(kid, d.ID+"#") {
			continue
		}
		if key, err := base58.Decode(m.PublicKeyBase58); err == nil && len(key) == bbsKeySize {
			return key, nil
		}
	}
	return nil, errNoKey
}

// BBSKey returns an issuer's key for BBS+ signatures: see [Resolver.Key].
func (r *Resolver) BBSKey(ctx context.Context, issuer, kid string, at time.Time) ([]byte, error) {
	u, err := ParseURL(issuer)
	if err != nil {
		return nil, err
	}
	if u.DID != issuer || at.IsZero() {
		return nil, errInvalidDID
	}
	d, err := r.documentAt(ctx, u, at)
	if err != nil {
		return nil, err
	}
	return d.BBSKey(kid)
}

// base58Of reads the older form of a key, which is none when it is no text.
func base58Of(o object) string {
	var s string
	if json.Unmarshal(o["publicKeyBase58"], &s) != nil {
		return ""
	}
	return s
}

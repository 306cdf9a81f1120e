package wallet

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/mdoc"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// maxToken bounds one credential, in bytes.
const maxToken = 64 << 10

// maxDepth bounds how deep a credential may nest.
const maxDepth = 16

// Credential is what a wallet says of a credential that it holds.
type Credential struct {
	ID       string        `json:"id"`
	Format   oid4vp.Format `json:"format"`
	Types    []string      `json:"types"`
	Issuer   string        `json:"issuer,omitempty"` // as it says itself
	Key      string        `json:"key,omitempty"`    // thumbprint of the key to which it is bound
	Name     string        `json:"name,omitempty"`   // as its issuer shows it
	Expires  time.Time     `json:"expires,omitzero"`
	Received time.Time     `json:"received"`
}

// credential is one with its token.
type credential struct {
	Credential
	Token     string `json:"token"`               // of ldp_vc, its JSON
	IssuerKey []byte `json:"issuerKey,omitempty"` // of a BBS+ credential
}

// Add keeps a credential. Its key is the thumbprint of one of the wallet's, or
// empty when it is bound to none. An SD-JWT VC and an mdoc must be bound to that key.
func (w *Wallet) Add(format oid4vp.Format, token, key, name string) (*Credential, error) {
	if len(token) == 0 || len(token) > maxToken {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a credential has 1 to %d bytes", maxToken)
	}
	if key != "" {
		if _, err := w.Key(key); err != nil {
			return nil, err
		}
	}
	return w.add(credential{Credential: Credential{Format: format, Key: key, Name: name}, Token: token})
}

func (w *Wallet) add(one credential) (*Credential, error) {
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return nil, fmt.Errorf("naming a credential: %w", err)
	}
	one.ID, one.Received = hex.EncodeToString(id), w.now().UTC().Truncate(time.Second)
	r, err := one.read()
	if err != nil {
		return nil, err
	}
	if (one.Format == oid4vp.FormatSDJWT || one.Format == oid4vp.FormatMDoc) && r.bound != one.Key {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the credential is bound to another key")
	}
	one.Types, one.Issuer, one.Expires = r.types, r.issuer, r.expires
	return &one.Credential, w.change(func(c *contents) error {
		if len(c.Credentials) >= maxCredentials {
			return ledger.Problemf(ledger.CodeTooLarge, "a wallet holds at most %d credentials", maxCredentials)
		}
		c.Credentials = append(c.Credentials, one)
		return nil
	})
}

// List returns what the wallet holds, in the order in which it came.
func (w *Wallet) List() []Credential {
	list := []Credential{}
	w.view(func(c *contents) {
		for _, one := range c.Credentials {
			list = append(list, one.Credential)
		}
	})
	return list
}

// Show returns a credential with all its claims, the hidden ones too.
func (w *Wallet) Show(id string) (*Credential, map[string]any, error) {
	one, err := w.find(id)
	if err != nil {
		return nil, nil, err
	}
	r, err := one.read()
	if err != nil {
		return nil, nil, err
	}
	return &one.Credential, r.claims, nil
}

// Delete forgets a credential, or that one is to come, and its key when no other is
// bound to that.
func (w *Wallet) Delete(id string) error {
	return w.change(func(c *contents) error {
		if c.pendingAt(id) >= 0 {
			key := c.dropPending(id)
			c.dropKeys(key)
			return nil
		}
		i := slices.IndexFunc(c.Credentials, func(one credential) bool { return one.ID == id })
		if i < 0 {
			return noCredential()
		}
		key := c.Credentials[i].Key
		c.Credentials = slices.Delete(c.Credentials, i, i+1)
		c.dropKeys(key)
		return nil
	})
}

func noCredential() error {
	return ledger.Problemf(ledger.CodeNotFound, "the wallet holds no such credential")
}

func (w *Wallet) find(id string) (*credential, error) {
	var found *credential
	w.view(func(c *contents) {
		if i := slices.IndexFunc(c.Credentials, func(one credential) bool { return one.ID == id }); i >= 0 {
			one := c.Credentials[i]
			found = &one
		}
	})
	if found == nil {
		return nil, noCredential()
	}
	return found, nil
}

// reading is what a credential says, which nobody has verified.
type reading struct {
	types   []string
	issuer  string
	subject string // DID, of a W3C credential
	bound   string // thumbprint, of an SD-JWT VC or an mdoc
	expires time.Time
	claims  map[string]any
	akis    []string // key identifiers of the authorities above an SD-JWT VC's issuer, base64url
	proof   linkedProof
	older   bool // of the data model 1.1, with a linked-data proof
}

// read takes a credential apart as far as its format is known.
func (c *credential) read() (*reading, error) {
	switch c.Format {
	case oid4vp.FormatSDJWT:
		return readSDJWT(c.Token)
	case oid4vp.FormatJWT:
		return readJWT(c.Token)
	case oid4vp.FormatLDP:
		return readLinked(c.Token)
	case oid4vp.FormatMDoc:
		return readMDoc(c.Token)
	}
	return nil, ledger.Problemf(ledger.CodeInvalid, "the credential is of a format that is not known")
}

func readSDJWT(token string) (*reading, error) {
	o, err := sdjwt.Open(token)
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the credential is no SD-JWT VC")
	}
	r := &reading{claims: o.Claims, issuer: text(o.Claims["iss"]), expires: date(o.Claims["exp"])}
	if t := text(o.Claims["vct"]); t != "" {
		r.types = []string{t}
	}
	if cnf, ok := o.Claims["cnf"].(map[string]any); ok {
		b, err := json.Marshal(cnf["jwk"])
		if err != nil {
			return nil, fmt.Errorf("reading a credential: %w", err)
		}
		if key, err := verify.ParseJWK(b); err == nil {
			r.bound = key.Thumbprint()
		}
	}
	r.akis = authorities(token)
	return r, nil
}

// authorities reads the authority key identifiers of the certificates in an SD-JWT
// VC's header, by which a verifier may ask for it (OpenID4VP 1.0, section 6.1.1.1).
func authorities(token string) []string {
	segment, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return nil
	}
	var header struct {
		X5C [][]byte `json:"x5c"`
	}
	if err := json.Unmarshal(b, &header); err != nil {
		return nil
	}
	var ids []string
	for _, der := range header.X5C {
		if c, err := x509.ParseCertificate(der); err == nil && len(c.AuthorityKeyId) > 0 {
			ids = append(ids, base64.RawURLEncoding.EncodeToString(c.AuthorityKeyId))
		}
	}
	return ids
}

// readMDoc reads the base64url of an IssuerSigned. Its claims are by name space.
func readMDoc(token string) (*reading, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the credential is no mdoc")
	}
	o, err := mdoc.Open(b)
	if err != nil {
		return nil, fmt.Errorf("reading a credential: %w", err)
	}
	r := &reading{types: []string{o.DocType}, bound: o.Holder.Thumbprint(), expires: o.ValidUntil.UTC(), claims: map[string]any{}}
	for space, elements := range o.Elements {
		r.claims[space] = elements
	}
	return r, nil
}

func readJWT(token string) (*reading, error) {
	invalid := ledger.Problemf(ledger.CodeInvalid, "the credential is no JWT")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, invalid
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, invalid
	}
	payload, err := verify.ParseObject(b, maxDepth)
	if err != nil {
		return nil, invalid
	}
	r := &reading{issuer: text(payload["iss"]), subject: text(payload["sub"]), expires: date(payload["exp"])}
	claims, ok := payload["vc"].(map[string]any) // VCDM 1.1, section 6.3.1
	if !ok {
		claims = payload // VC-JOSE-COSE
	}
	return readW3C(claims, r), nil
}

func readW3C(claims map[string]any, r *reading) *reading {
	r.claims = claims
	switch t := claims["type"].(type) {
	case string:
		r.types = []string{t}
	case []any:
		for _, one := range t {
			r.types = append(r.types, text(one))
		}
	}
	if r.issuer == "" {
		r.issuer = text(claims["issuer"])
		if o, ok := claims["issuer"].(map[string]any); ok {
			r.issuer = text(o["id"])
		}
	}
	if subject, ok := claims["credentialSubject"].(map[string]any); ok && r.subject == "" {
		r.subject = text(subject["id"])
	}
	for _, name := range []string{"validUntil", "expirationDate"} {
		if t, err := time.Parse(time.RFC3339, text(claims[name])); err == nil && r.expires.IsZero() {
			r.expires = t.UTC()
		}
	}
	return r
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// maxDate is the end of the year 9999, in seconds.
const maxDate = 253402300799

// date reads a NumericDate; what is none has no end.
func date(v any) time.Time {
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}
	}
	seconds, err := n.Int64()
	if err != nil || seconds < 0 || seconds > maxDate {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

package oid4vci

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"

	"github.com/secant-platform/secant/identity/jwe"
	"github.com/secant-platform/secant/identity/jwt"
)

// TypeEncrypted is the media type of an encrypted request or response (section 10).
const TypeEncrypted = "application/jwt"

// RequestEncryption says how requests may be encrypted (section 12.2.4).
type RequestEncryption struct {
	Keys     KeySet   `json:"jwks"`
	Enc      []string `json:"enc_values_supported"`
	Required bool     `json:"encryption_required"`
}

// KeySet is a set of public keys (RFC 7517, section 5).
type KeySet struct {
	Keys []json.RawMessage `json:"keys"`
}

// ResponseEncryption says how responses may be encrypted (section 12.2.4).
type ResponseEncryption struct {
	Alg      []string `json:"alg_values_supported"`
	Enc      []string `json:"enc_values_supported"`
	Required bool     `json:"encryption_required"`
}

// recipient is to whom a response is encrypted, and how.
type recipient struct {
	key *jwe.Key
	enc string
}

// requestKey derives the key to which requests are encrypted: the same for all
// gateways of one issuer, and nothing that is kept. It protects key proofs, which are
// good once; credentials go to keys of the wallets'.
func requestKey(secret []byte) (*ecdsa.PrivateKey, *jwe.Key, error) {
	for turn := range 16 { // one of 2^32 texts is no key of the curve's
		b, err := hkdf.Key(sha256.New, secret, nil, "secant/vci/request-encryption/v1/"+strconv.Itoa(turn), 32)
		if err != nil {
			return nil, nil, fmt.Errorf("deriving a key: %w", err)
		}
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b); err == nil {
			public, err := jwe.Public(&key.PublicKey)
			return key, public, err
		}
	}
	return nil, nil, errors.New("deriving a key: there is none")
}

// opened returns what a body says, and whether it was encrypted, as its type has to
// say.
func (i *Issuer) opened(h http.Header, body []byte) (jwt.Members, bool, error) {
	if len(body) > MaxBody {
		return nil, false, refuse(CodeInvalidCredentialRequest, "the request is too large")
	}
	typ, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	encrypted := err == nil && typ == TypeEncrypted
	switch {
	case encrypted:
		if body, err = jwe.Open(string(body), i.key, i.public.KeyID); err != nil {
			return nil, false, refuse(CodeInvalidEncryption, "the request is not encrypted to the key of the metadata, by ECDH-ES with A128GCM or A256GCM")
		}
	case i.opts.RequireEncryption:
		return nil, false, refuse(CodeInvalidEncryption, "requests must be encrypted here")
	}
	m, ok := jwt.ParseMembers(body)
	if !ok {
		return nil, false, refuse(CodeInvalidCredentialRequest, "the request is not a JSON object of one meaning")
	}
	return m, encrypted, nil
}

// answerTo reads to which key a wallet wants the response to be encrypted (section
// 8.2); nil: to none. It comes in an encrypted request only, as otherwise somebody
// between could put in another.
func (i *Issuer) answerTo(m jwt.Members, encrypted bool) (*recipient, error) {
	raw, there := m["credential_response_encryption"]
	switch {
	case !there && i.opts.RequireEncryption:
		return nil, refuse(CodeInvalidEncryption, "responses are encrypted here: a key for them is needed")
	case !there:
		return nil, nil //nolint:nilnil // it is not to be encrypted
	case !encrypted:
		return nil, refuse(CodeInvalidEncryption, "a key for the response comes in a request that is encrypted")
	}
	bad := refuse(CodeInvalidEncryption, "a response is encrypted to one public key on P-256 for ECDH-ES, with A128GCM or A256GCM, and not compressed")
	var said jwt.Members
	if json.Unmarshal(raw, &said) != nil {
		return nil, bad
	}
	to := &recipient{}
	var ok1, ok2 bool
	to.enc, ok1 = said.Text("enc")
	to.key, ok2 = jwe.ParseKey(said["jwk"])
	_, known := jwe.Choose([]string{to.enc})
	if _, compressed := said["zip"]; !ok1 || !ok2 || !known || compressed || to.key.Algorithm != jwe.Algorithm { // section 10: it is stated
		return nil, bad
	}
	return to, nil
}

// sealed encrypts a response where the wallet wants it.
func (r *CredentialResponse) sealed(to *recipient) (*CredentialResponse, error) {
	if to == nil {
		return r, nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding a response: %w", err)
	}
	r.Encrypted, err = jwe.Seal(b, to.key, to.enc)
	return r, err
}

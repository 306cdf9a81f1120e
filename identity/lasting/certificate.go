// Package lasting is about the second signature of a certificate of conformity, by
// ML-DSA-65 (FIPS 204), for those who come when elliptic curves no longer convince:
// what it is over, and whether it is good.
//
// It stands beside the credential and not in it: nothing that other people's wallets
// and verifiers read is any different. Its issuer serves it by the digest of what it
// is over, and the key as well, whose thumbprint stands in the issuer's document on
// the ledger. The ledger's word decides, the host's does not.
//
// It says who made the certificate. Whether that is to be believed, and whether the
// certificate still holds, is the strict verifier's to say (identity/check).
package lasting

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/jwt"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/vc"
)

// MaxCertificate bounds a credential, in bytes.
const MaxCertificate = 64 << 10

// Certificate is a credential as lasting signatures see it. Nothing of it is verified.
type Certificate struct {
	Issuer string // by its own words
	// Signed are the bytes that the issuer's other signature is over: of a JWT its
	// header and payload as they are encoded, of a Data Integrity proof the digests of
	// its options and of the document. That signature itself is left out, because of
	// some algorithms everyone can make a second one that is as good.
	Signed []byte
}

// Open reads a credential as its issuer handed it out. An SD-JWT VC may also have been
// presented: what is disclosed, and the key binding, are not its issuer's.
func Open(contexts *vc.Contexts, f catalogue.Format, credential []byte) (*Certificate, error) {
	if len(credential) > MaxCertificate {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a certificate has at most %d bytes", MaxCertificate)
	}
	switch f {
	case catalogue.SDJWT:
		token, _, ok := strings.Cut(string(credential), "~")
		if !ok {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the certificate is no SD-JWT")
		}
		return openJWT(token)
	case catalogue.JWT:
		return openJWT(string(credential))
	case catalogue.LD:
		issuer, signed, err := contexts.Signed(credential)
		if err != nil {
			return nil, err
		}
		return &Certificate{Issuer: issuer, Signed: signed}, nil
	}
	return nil, ledger.Problemf(ledger.CodeInvalid, "certificates of that format have no lasting signatures")
}

func openJWT(token string) (*Certificate, error) {
	jws, err := verify.ParseJWS(token)
	if err != nil {
		return nil, err
	}
	claims, ok := jwt.ParseMembers(jws.Payload)
	issuer, is := claims.Text("iss")
	if !ok || !is || issuer == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the certificate does not name its issuer")
	}
	return &Certificate{Issuer: issuer, Signed: []byte(token[:strings.LastIndexByte(token, '.')])}, nil
}

// Digest returns SHA-256 of what is signed, in hexadecimal, by which the lasting
// signature is served.
func (c *Certificate) Digest() string {
	sum := sha256.Sum256(c.Signed)
	return hex.EncodeToString(sum[:])
}

// Sign makes the lasting signature: a compact JWS without its payload.
func (c *Certificate) Sign(key *keys.LastingKey) (string, error) {
	return key.Detached(verify.TypeLastingCertificate, c.Signed)
}

// Verify checks that a lasting signature is the certificate's, by the key. Whose key
// that is, the caller knows from elsewhere.
func (c *Certificate) Verify(key verify.LastingJWK, signature string) error {
	return key.VerifyDetached(verify.TypeLastingCertificate, c.Signed, signature)
}

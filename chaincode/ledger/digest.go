package ledger

import (
	"crypto/sha256"
	"encoding/hex"
)

// Digest returns the domain-separated SHA-256 of canonical bytes, in lower-case
// hexadecimal: SHA-256("secant/" + kind + "/v1" + 0x00 + content).
func Digest(kind string, content []byte) string {
	h := sha256.New()
	h.Write([]byte("secant/" + kind + "/v1\x00"))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

// BodyDigest returns the plain SHA-256 of a document's bytes as received, in
// lower-case hexadecimal: the digest by which anyone with the document finds it.
func BodyDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

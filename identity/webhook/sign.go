package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The headers of a message (Standard Webhooks, "Webhook headers").
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Tolerance is how far a message's time may be from the receiver's clock, unless a
// receiver decides otherwise.
const Tolerance = 5 * time.Minute

// The versions of signatures.
const (
	shared = "v1"  // HMAC-SHA256
	public = "v1a" // Ed25519
)

// maxID and maxSignatures bound what a receiver looks at.
const (
	maxID         = 255
	maxSignatures = 16
	maxHeader     = 4 << 10 // bytes
)

// Signer signs messages.
type Signer struct {
	// Secrets are the ones that the receiver may have. While one is being replaced
	// there are two, and a signature under each.
	Secrets []Secret
	// Key signs besides; nil: no such signature.
	Key ed25519.PrivateKey
}

// Sign returns the headers of a message that is sent at a time. The id must be the
// same whenever the message is sent again, and must not have a dot.
func (s *Signer) Sign(id string, at time.Time, body []byte) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	text := content(id, stamp, body)
	signatures := make([]string, 0, len(s.Secrets)+1)
	for _, secret := range s.Secrets {
		signatures = append(signatures, shared+","+base64.StdEncoding.EncodeToString(secret.mac(text)))
	}
	if s.Key != nil {
		signatures = append(signatures, public+","+base64.StdEncoding.EncodeToString(ed25519.Sign(s.Key, text)))
	}
	h := http.Header{}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderSignature, strings.Join(signatures, " "))
	return h
}

// content is the text that is signed.
func content(id, stamp string, body []byte) []byte {
	text := make([]byte, 0, len(id)+len(stamp)+len(body)+2)
	text = append(text, id...)
	text = append(text, '.')
	text = append(text, stamp...)
	text = append(text, '.')
	return append(text, body...)
}

func (s Secret) mac(text []byte) []byte {
	m := hmac.New(sha256.New, s.key)
	_, _ = m.Write(text) // never fails: hash.Hash
	return m.Sum(nil)
}

// Verify returns the id of a message whose headers and body are signed under the
// secret, at a time no further than tolerance from now, in whichever direction. It
// fails with a denied problem. The body is the bytes as they came.
func Verify(secret Secret, header http.Header, body []byte, now time.Time, tolerance time.Duration) (id string, err error) {
	if secret.IsZero() {
		return "", errSecret
	}
	return verify(header, body, now, tolerance, shared, func(text, signature []byte) bool {
		return hmac.Equal(signature, secret.mac(text))
	})
}

// VerifyKey is Verify under the sender's public key.
func VerifyKey(key ed25519.PublicKey, header http.Header, body []byte, now time.Time, tolerance time.Duration) (id string, err error) {
	if len(key) != ed25519.PublicKeySize {
		return "", errPublic
	}
	return verify(header, body, now, tolerance, public, func(text, signature []byte) bool {
		return ed25519.Verify(key, text, signature)
	})
}

func verify(
	header http.Header, body []byte, now time.Time, tolerance time.Duration, version string, fits func(text, signature []byte) bool,
) (string, error) {
	id, stamp, signatures, err := read(header)
	if err != nil {
		return "", err
	}
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || strconv.FormatInt(at, 10) != stamp || at < 0 {
		return "", errHeaders
	}
	// Compared in seconds: far times overflow a duration.
	off, most := now.Unix()-at, int64(tolerance/time.Second)
	if off > most || off < -most {
		return "", errTime
	}
	text := content(id, stamp, body)
	for i, one := range strings.Fields(signatures) {
		if i == maxSignatures {
			break
		}
		v, encoded, _ := strings.Cut(one, ",")
		if v != version {
			continue
		}
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if err == nil && fits(text, signature) {
			return id, nil
		}
	}
	return "", errSignature
}

// read returns the three headers, each of which must be there once.
func read(header http.Header) (id, stamp, signatures string, err error) {
	for name, to := range map[string]*string{HeaderID: &id, HeaderTimestamp: &stamp, HeaderSignature: &signatures} {
		values := header.Values(name)
		if len(values) != 1 || values[0] == "" || len(values[0]) > maxHeader {
			return "", "", "", errHeaders
		}
		*to = values[0]
	}
	// With a dot in it, an id and a timestamp could be read as another id with
	// another timestamp, or as the beginning of a body.
	if len(id) > maxID || strings.Contains(id, ".") {
		return "", "", "", errHeaders
	}
	return id, stamp, signatures, nil
}

var (
	errHeaders   = ledger.Problemf(ledger.CodeDenied, "the message does not have the headers of a signed webhook, each once")
	errTime      = ledger.Problemf(ledger.CodeDenied, "the message's time is too far from now")
	errSignature = ledger.Problemf(ledger.CodeDenied, "no signature of the message fits")
)

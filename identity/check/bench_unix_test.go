//go:build unix

package check_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"github.com/hyperledger/aries-framework-go/pkg/doc/verifiable"

	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/status"
)

// BenchmarkCore is BenchmarkVerify by the time that processors spend, which other work
// on the machine changes little, beside aries' own check of a VC-JWT: one signature and
// nothing else, where a presentation here has two, and status, trust and schema.
func BenchmarkCore(b *testing.B) {
	var aries float64
	b.Run("aries' own VC-JWT EdDSA", func(b *testing.B) {
		public, token := ariesToken(b)
		aries = perCore(b, 0, func() error {
			_, err := verifiable.ParseCredential([]byte(token), verifiable.WithPublicKeyFetcher(verifiable.SingleKey(public, "Ed25519")))
			return err
		})
	})
	for name, issuer := range map[string]func(testing.TB) keys.Signer{"EdDSA": edwards, "ES256": p256} {
		b.Run("dc+sd-jwt/"+name, func(b *testing.B) {
			s := newScene(b, "Practitioner")
			s.by = issuer(b)
			s.world.publish(s.issuer, now.Add(-100*time.Hour), map[string]keys.Signer{"key-1": s.by})
			p := newPress(s, status.MaxCapacity)
			p.publishToken()
			v, err := check.New(check.Options{
				Keys: s.world, Trust: s.world, Status: p.lists(), Now: func() time.Time { return now }, Contexts: contexts(),
			})
			if err != nil {
				b.Fatal(err)
			}
			presented := check.Presented{Format: catalogue.SDJWT, Token: makers[catalogue.SDJWT](s)}
			perCore(b, aries, func() error {
				s.world.lookedUp = s.world.lookedUp[:0]
				_, err := v.Verify(b.Context(), presented, s.want)
				return err
			})
		})
	}
}

// perCore says how often a second a processor does it, and by comparison.
func perCore(b *testing.B, beside float64, do func() error) float64 {
	b.Helper()
	before := processorTime(b)
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	rate := float64(b.N) / (processorTime(b) - before).Seconds()
	b.ReportMetric(rate, "each/core-s")
	if beside > 0 {
		b.ReportMetric(rate/beside, "of-aries")
	}
	return rate
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ariesSigner is a key as aries' documentation has it.
type ariesSigner struct{ key ed25519.PrivateKey }

func (s ariesSigner) Sign(b []byte) ([]byte, error) { return ed25519.Sign(s.key, b), nil }
func (s ariesSigner) Alg() string                   { return "EdDSA" }

// ariesToken is a VC-JWT that aries makes.
func ariesToken(b *testing.B) (ed25519.PublicKey, string) {
	b.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	document, err := json.Marshal(m{
		"@context": []string{"https://www.w3.org/2018/credentials/v1"}, "type": []string{"VerifiableCredential"}, "issuer": north,
		"issuanceDate": now, "expirationDate": now.Add(time.Hour), "credentialSubject": m{"id": "did:example:1"},
	})
	if err != nil {
		b.Fatal(err)
	}
	c, err := verifiable.ParseCredential(document, verifiable.WithDisabledProofCheck(), verifiable.WithCredDisableValidation())
	if err != nil {
		b.Fatal(err)
	}
	claims, err := c.JWTClaims(false)
	if err != nil {
		b.Fatal(err)
	}
	token, err := claims.MarshalJWS(verifiable.EdDSA, ariesSigner{key}, north+"#key-1")
	if err != nil {
		b.Fatal(err)
	}
	return public, token
}

package vc_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/hyperledger/aries-framework-go/pkg/doc/verifiable"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/vc"
)

// measure runs f in a loop of the benchmark's, and says how often a second that is,
// and how often by comparison with the SD-JWT VC.
func measure(b *testing.B, beside float64, f func() error) float64 {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "each/s")
	if beside > 0 {
		b.ReportMetric(rate/beside, "of-SD-JWT")
	}
	return rate
}

// BenchmarkIssue issues the same claims in each format. SD-JWT VC is first, and
// the others are measured by it.
func BenchmarkIssue(b *testing.B) {
	contexts := clinic(b)
	ec, ed := newKey(b, ledger.CurveP256), newKey(b, ledger.CurveEd25519)
	s := newBBS(b)
	var base float64
	b.Run("SD-JWT VC ES256", func(b *testing.B) {
		base = measure(b, 0, func() error {
			_, err := sdjwt.Issue(ec, selective(ec.JWK()))
			return err
		})
	})
	for _, f := range formats {
		key := ed
		if f.curve == ledger.CurveP256 {
			key = ec
		}
		b.Run(f.name, func(b *testing.B) {
			measure(b, base, func() error {
				_, err := f.issue(contexts, key, sample())
				return err
			})
		})
	}
	b.Run("BBS+", func(b *testing.B) {
		measure(b, base, func() error {
			_, err := vc.IssueBBS(contexts, s, anonymousSample())
			return err
		})
	})
	b.Run("aries' own JWT of Ed25519", func(b *testing.B) {
		_, sign := ariesKey(b)
		measure(b, base, func() error {
			_, err := ariesIssue(sign)
			return err
		})
	})
}

// BenchmarkVerify verifies them. SD-JWT VC is a presentation with key binding: two
// signatures. So are the presentations that come last.
func BenchmarkVerify(b *testing.B) {
	var base float64
	b.Run("SD-JWT VC ES256", func(b *testing.B) { base = measureSDJWT(b) })
	for _, f := range formats {
		b.Run(f.name, func(b *testing.B) {
			w := newWard(b, f.curve)
			credential, err := f.issue(w.Contexts, w.issuer, sample())
			if err != nil {
				b.Fatal(err)
			}
			measure(b, base, func() error {
				_, err := f.verify(w.Verifier, b.Context(), credential, now)
				return err
			})
		})
	}
	benchmarkBBS(b, base)
	b.Run("aries' own JWT of Ed25519", func(b *testing.B) {
		public, sign := ariesKey(b)
		token, err := ariesIssue(sign)
		if err != nil {
			b.Fatal(err)
		}
		measure(b, base, func() error {
			_, err := verifiable.ParseCredential([]byte(token), verifiable.WithPublicKeyFetcher(verifiable.SingleKey(public, "Ed25519")))
			return err
		})
	})
	for _, p := range pairs {
		b.Run("presentation, "+p.name, func(b *testing.B) {
			w := newWard(b, p.curve)
			credential, err := p.issue(w.Contexts, w.issuer, sample())
			if err != nil {
				b.Fatal(err)
			}
			shown, err := p.present(w, w.shows, credential)
			if err != nil {
				b.Fatal(err)
			}
			measure(b, base, func() error {
				_, err := p.verify(w, b.Context(), shown, w.wants)
				return err
			})
		})
	}
}

func benchmarkBBS(b *testing.B, base float64) {
	b.Helper()
	s := newBBS(b)
	v := bbsVerifier(b, s)
	credential, err := vc.IssueBBS(v.Contexts, s, anonymousSample())
	if err != nil {
		b.Fatal(err)
	}
	part, err := v.Disclose(b.Context(), credential, []string{"profession"}, nonce, now)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"BBS+": func() error { _, err := v.VerifyBBS(b.Context(), credential, now); return err },
		"BBS+, deriving a part": func() error {
			_, err := v.Disclose(b.Context(), credential, []string{"profession"}, nonce, now)
			return err
		},
		"BBS+, a part": func() error { _, err := v.VerifyDisclosure(b.Context(), part, nonce, now); return err },
	} {
		b.Run(name, func(b *testing.B) { measure(b, base, f) })
	}
}

// selective is the sample as an SD-JWT VC.
func selective(holder ledger.JWK) sdjwt.Credential {
	c := sample()
	return sdjwt.Credential{
		Issuer: c.Issuer, KeyID: c.KeyID, Type: "NurseCredential", Holder: holder, Issued: c.Issued, Expires: c.Expires,
		Hidden: c.Subject,
	}
}

func measureSDJWT(b *testing.B) float64 {
	b.Helper()
	issuer, holder := newKey(b, ledger.CurveP256), newKey(b, ledger.CurveP256)
	issued, err := sdjwt.Issue(issuer, selective(holder.JWK()))
	if err != nil {
		b.Fatal(err)
	}
	shown, err := sdjwt.Present(issued, holder, []string{"profession"}, sdjwt.Binding{Nonce: "n-1", Audience: "aud", At: now})
	if err != nil {
		b.Fatal(err)
	}
	key, err := verify.NewKey(issuer.JWK())
	if err != nil {
		b.Fatal(err)
	}
	return measure(b, 0, func() error {
		p, err := verify.ParsePresentation(shown)
		if err != nil {
			return err
		}
		_, err = p.Verify(key, verify.Binding{Audience: "aud", Nonce: "n-1", At: now, MaxAge: time.Minute})
		return err
	})
}

// ariesSigner is a key as aries' documentation has it.
type ariesSigner struct{ key ed25519.PrivateKey }

func (s ariesSigner) Sign(b []byte) ([]byte, error) { return ed25519.Sign(s.key, b), nil }
func (s ariesSigner) Alg() string                   { return "EdDSA" }

func ariesKey(b *testing.B) (ed25519.PublicKey, ariesSigner) {
	b.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return public, ariesSigner{key}
}

func ariesIssue(s ariesSigner) (string, error) {
	given := sample()
	subject := map[string]any{"id": nurse}
	for name, claim := range given.Subject {
		subject[name] = claim
	}
	document, err := json.Marshal(map[string]any{
		"@context": []string{vc.ContextV1, clinicURL}, "type": []string{"VerifiableCredential", "NurseCredential"}, "id": given.ID,
		"issuer": hospital, "issuanceDate": given.Issued, "expirationDate": given.Expires, "credentialSubject": subject,
	})
	if err != nil {
		return "", err
	}
	c, err := verifiable.ParseCredential(document, verifiable.WithDisabledProofCheck(), verifiable.WithCredDisableValidation())
	if err != nil {
		return "", err
	}
	claims, err := c.JWTClaims(false)
	if err != nil {
		return "", err
	}
	return claims.MarshalJWS(verifiable.EdDSA, s, hospital+"#key-1")
}

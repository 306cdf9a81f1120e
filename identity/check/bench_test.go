package check_test

import (
	"testing"
	"time"

	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/status"
)

// BenchmarkVerify judges whole presentations, one after another: proof and holder's
// proof, keys, trust and roster, status in a list of a million, schema. The sources
// are in memory, as a node's read model and caches are.
func BenchmarkVerify(b *testing.B) {
	for _, f := range check.Formats() {
		for name, issuer := range map[string]func(testing.TB) keys.Signer{"EdDSA": edwards, "ES256": p256} {
			if f == catalogue.MDoc && name == "EdDSA" {
				continue // its issuers' certificates are of P-256 here
			}
			b.Run(string(f)+"/"+name, func(b *testing.B) {
				s := newScene(b, "Practitioner")
				s.by = issuer(b)
				s.world.publish(s.issuer, now.Add(-100*time.Hour), map[string]keys.Signer{"key-1": s.by})
				bench(b, s, f)
			})
		}
	}
}

func bench(b *testing.B, s *scene, f catalogue.Format) {
	b.Helper()
	p := newPress(s, status.MaxCapacity)
	if f == catalogue.JWT || f == catalogue.LD {
		s.status = &check.StatusRef{Kind: check.StatusBitstring, URI: bitsURI, Index: s.status.Index}
		p.publishBits(s.issuer, s.keyID, s.by)
	} else {
		p.publishToken()
	}
	v, err := check.New(check.Options{
		Keys: s.world, Trust: s.world, Status: p.lists(), Certificates: s.world, Now: func() time.Time { return now }, Contexts: contexts(),
	})
	if err != nil {
		b.Fatal(err)
	}
	presented := check.Presented{Format: f, Token: makers[f](s)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), presented, s.want); err != nil {
			b.Fatal(err)
		}
		s.world.lookedUp = s.world.lookedUp[:0]
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "presentations/s")
}

package did_test

import (
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
)

// BenchmarkKey is what a verifier pays for an issuer's or holder's key, with a
// ledger that answers at once.
func BenchmarkKey(b *testing.B) {
	public := newJWK(b, ledger.CurveP256)
	store := &books{versions: map[string][]ledger.DID{}}
	for i := range 100 {
		store.versions[lab] = append(store.versions[lab], record(lab, i+1, born.Add(time.Duration(i)*time.Hour), public))
	}
	r := resolver(store)
	jwk, err := did.JWKDID(public)
	if err != nil {
		b.Fatal(err)
	}
	key, err := did.KeyDID(public)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, id, kid string
		at            time.Time
	}{
		{"secant", lab, "#key-1", born.Add(1000 * time.Hour)},
		{"secant in the past", lab, "#key-1", born.Add(50*time.Hour + time.Minute)},
		{"jwk", jwk, "#0", born},
		{"key", key, kidOf(key), born},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Key(b.Context(), c.id, c.kid, did.AssertionMethod, c.at); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

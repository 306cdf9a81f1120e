package status_test

import (
	"math/rand/v2"
	"testing"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/status"
)

// million is a list of a million credentials, of which one in a hundred is revoked
// and one in a thousand suspended.
func million(tb testing.TB) *status.List {
	tb.Helper()
	l := newList(tb, status.MaxCapacity, 2)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range l.Capacity() {
		s := status.Valid
		switch n := r.IntN(1000); {
		case n < 10:
			s = status.Revoked
		case n == 10:
			s = status.Suspended
		}
		if err := l.Restore(i, s); err != nil {
			tb.Fatal(err)
		}
	}
	return l
}

func BenchmarkMillion(b *testing.B) {
	l := million(b)
	signer, key := newSigner(b)
	token := sign(b, l, signer, edition)
	encoded := encode(b, credential(b, l, issuer, status.Revocation, edition))
	unpacked, err := status.ParseBitstring(encoded)
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld()
	w.serve(listURI, []byte(token))
	w.commit(1, []byte(token))
	c := w.cache(b, nil)

	b.Run("sign token", func(b *testing.B) {
		for b.Loop() {
			sign(b, l, signer, edition)
		}
		b.ReportMetric(float64(len(token)), "bytes")
	})
	b.Run("verify token", func(b *testing.B) {
		for b.Loop() {
			if _, err := verify.ParseStatusList(token, key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode bitstring", func(b *testing.B) {
		for b.Loop() {
			credential(b, l, issuer, status.Revocation, edition)
		}
		b.ReportMetric(float64(len(encoded)), "bytes")
	})
	b.Run("decode bitstring", func(b *testing.B) {
		for b.Loop() {
			if _, err := status.ParseBitstring(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("look up bit", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := unpacked.At(i * 7919 % status.MaxCapacity); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("look up in cache", func(b *testing.B) {
		q := atThree
		for i := 0; b.Loop(); i++ {
			q.Index = i * 7919 % status.MaxCapacity
			if _, err := c.Status(b.Context(), q); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAllocate(b *testing.B) {
	l := newList(b, status.MaxCapacity, 2)
	for b.Loop() {
		if l.Free() == 0 {
			l = newList(b, status.MaxCapacity, 2)
		}
		if _, err := l.Allocate(); err != nil {
			b.Fatal(err)
		}
	}
}

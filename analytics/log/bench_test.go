package log

import (
	"context"
	"testing"
)

func BenchmarkAdd(b *testing.B) {
	l, err := Open(b.Context(), b.TempDir(), Options{Origin: "secant/bench/log"})
	if err != nil {
		b.Fatal(err)
	}
	futures := make(chan func() (uint64, error), 4096)
	done := make(chan error, 1)
	go func() {
		var failed error
		for f := range futures {
			if _, err := f(); err != nil {
				failed = err
			}
		}
		done <- failed
	}()
	b.ResetTimer()
	for i := range b.N {
		futures <- l.Add(b.Context(), entry(uint64(i)))
	}
	close(futures)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.StopTimer()
	if err := l.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkInclusion(b *testing.B) {
	l, err := Open(b.Context(), b.TempDir(), Options{Origin: "secant/bench/log"})
	if err != nil {
		b.Fatal(err)
	}
	const size = 100_000
	var last func() (uint64, error)
	for i := range uint64(size) {
		last = l.Add(b.Context(), entry(i))
	}
	if _, err := last(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for i := range b.N {
		if _, err := l.Inclusion(b.Context(), uint64(i)*7919%size, size); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "proofs/s")
	b.StopTimer()
	if err := l.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

package vault

import (
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// BenchmarkAppend measures making requests durable: groups of records of some
// size, sealed beforehand.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ size, group int }{{500, 1}, {500, 64}, {20_000, 8}} {
		b.Run(fmt.Sprintf("bytes=%d/group=%d", c.size, c.group), func(b *testing.B) {
			v := openVault(b, b.TempDir(), Options{})
			body := make([]byte, c.size)
			group := make([]*Draft, c.group)
			var id ID
			b.SetBytes(int64(c.size * c.group))
			for b.Loop() {
				for i := range group {
					rand.Read(id[:])
					group[i] = v.NewDraft()
					group[i].Append(func(dst []byte) []byte { return append(dst, body...) })
					if err := group[i].Seal(id, [32]byte{}); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := v.Append(group); err != nil {
					b.Fatal(err)
				}
				if err := v.Sync(); err != nil {
					b.Fatal(err)
				}
				for _, d := range group {
					d.Release()
				}
			}
			b.ReportMetric(float64(b.N*c.group)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// BenchmarkOpen measures the start of a vault with many small requests: the
// time, by index files and without them, and the memory that stays taken.
func BenchmarkOpen(b *testing.B) {
	const records = 200_000
	dir := b.TempDir()
	v := openVault(b, dir, Options{SegmentSize: 16 << 20})
	body := make([]byte, 400)
	for n := 0; n < records; n += 1000 {
		var group []*Draft
		for range 1000 {
			var id ID
			rand.Read(id[:])
			d := v.NewDraft()
			d.Append(func(dst []byte) []byte { return append(dst, body...) })
			if err := d.Seal(id, [32]byte{}); err != nil {
				b.Fatal(err)
			}
			group = append(group, d)
		}
		if _, err := v.Append(group); err != nil {
			b.Fatal(err)
		}
		for _, d := range group {
			d.Release()
		}
	}
	if err := v.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := v.Close(); err != nil {
		b.Fatal(err)
	}
	open := func(b *testing.B, indexed bool) {
		b.Helper()
		var before, after runtime.MemStats
		var spent time.Duration
		for b.Loop() {
			if !indexed {
				for _, path := range segmentFiles(b, dir) {
					if err := os.Remove(indexPath(path)); err != nil && !os.IsNotExist(err) {
						b.Fatal(err)
					}
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&before)
			begun := time.Now()
			v, err := Open(b.Context(), dir, Options{SegmentSize: 16 << 20})
			spent += time.Since(begun)
			if err != nil {
				b.Fatal(err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if v.Size() != records {
				b.Fatalf("%d records", v.Size())
			}
			if err := v.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(spent.Seconds()/float64(b.N)/records*1e6, "s/1M-requests")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/records, "bytes/request")
	}
	b.Run("indexed", func(b *testing.B) { open(b, true) })
	b.Run("unindexed", func(b *testing.B) { open(b, false) })
}

func BenchmarkGet(b *testing.B) {
	v := openVault(b, b.TempDir(), Options{})
	put(b, v, 0, 1000)
	i := 0
	for b.Loop() {
		if _, err := v.Get(b.Context(), testID(i%1000)); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

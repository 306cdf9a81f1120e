package proof

import (
	"crypto/rand"
	"testing"
)

// readings of 178 bytes, a thousand a request: a monitor's NDJSON line.
const (
	benchRecords = 1000
	benchRecord  = 178
)

func perRecord(b *testing.B, n int) {
	b.Helper()
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkBatch(b *testing.B) {
	record := make([]byte, benchRecord)
	var seed Seed
	rand.Read(seed[:])
	var batch Batch
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset(&seed)
		for range benchRecords {
			_ = batch.Add(record)
		}
		batch.Root()
	}
	perRecord(b, benchRecords)
}

func BenchmarkLeafHash(b *testing.B) {
	record := make([]byte, benchRecord)
	var seed Seed
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		salt := SaltOf(&seed, i)
		LeafHash(&salt, record)
	}
	perRecord(b, 1)
}

func BenchmarkTree(b *testing.B) {
	leaves := make([]Hash, benchRecords)
	var t Tree
	b.ReportAllocs()
	for b.Loop() {
		t.Reset(leaves)
	}
	perRecord(b, benchRecords)
}

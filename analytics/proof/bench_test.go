package proof_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	mproof "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/proof/prooftest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func goldenOf(tb testing.TB) (*proof.Bundle, *ledger.Trust) {
	tb.Helper()
	trust, err := ledger.ParseTrust(read(tb, "testdata/device.trust.golden.json"))
	if err != nil {
		tb.Fatal(err)
	}
	b, err := proof.ParseBundle(read(tb, "testdata/device.golden.json"))
	if err != nil {
		tb.Fatal(err)
	}
	return b, trust
}

func newWorldFor(tb testing.TB) *prooftest.Request {
	tb.Helper()
	return prooftest.NewRequest(tb, north, proof.VouchedByDevice, []byte("record"))
}

// logSize is the size of the log under the benchmarks: a day of one request
// every tenth of a second.
const logSize = 1 << 20

// benchWorld is a log of logSize requests, of which a few hundred have a
// thousand device-signed records each, with bundles for records of all of them.
func benchWorld(b *testing.B) (*proof.Verifier, []*proof.Bundle) {
	b.Helper()
	c := prooftest.New(b)
	log := prooftest.NewLog(b, north)
	requests := make([]*prooftest.Request, 200)
	at := make([]uint64, len(requests))
	units := make([]*ledger.SignedRead, len(requests))
	for i := range uint64(logSize) {
		if n := i / (logSize / uint64(len(requests))); i%(logSize/uint64(len(requests))) == 17 && n < uint64(len(requests)) {
			records := make([][]byte, 1000)
			for j := range records {
				records[j] = fmt.Appendf(nil, "%-178d", j)
			}
			requests[n] = prooftest.NewRequest(b, north, proof.VouchedByDevice, records...)
			units[n] = c.UnitCall(b, &requests[n].Unit).Sign(b)
			at[n] = log.Add(requests[n].Entry(b))
			continue
		}
		log.Add(proof.Hash{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	view := log.Anchor(b)
	anchor := c.AnchorCall(b, view).Sign(b)
	v, err := proof.NewVerifier(c.Trust())
	if err != nil {
		b.Fatal(err)
	}
	paths := log.Paths(b, at)
	var bundles []*proof.Bundle
	for n, r := range requests {
		entry, err := proof.NewLogProof(&r.Statement, r.Salt, at[n], paths[n])
		if err != nil {
			b.Fatal(err)
		}
		tree := r.Tree()
		for _, index := range []int{0, 333, 998, 999} {
			record, err := proof.NewRecord(r.Records[index], &r.Seed, tree, index)
			if err != nil {
				b.Fatal(err)
			}
			bundles = append(bundles, &proof.Bundle{
				Format: proof.Format, Record: record, Statement: r.Statement, Log: entry,
				Checkpoint: view.Anchor.Checkpoint, Anchor: *anchor, Device: units[n],
			})
		}
	}
	return v, bundles
}

// measured reports the rate by the wall and by the processor time of this
// program: beside other load only the second says what one core can do.
func measured(b *testing.B, what string, run func()) {
	b.Helper()
	before := processorTime(b)
	b.ResetTimer()
	run()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), what+"/s")
	b.ReportMetric(float64(b.N)/(processorTime(b)-before).Seconds(), what+"/core-s")
}

func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkVerify measures offline verification in one run: the library's
// inclusion proof alone in a log of 2^20, then ours with more and more of the
// chain in it.
func BenchmarkVerify(b *testing.B) {
	v, bundles := benchWorld(b)
	b.Run("library inclusion alone", func(b *testing.B) {
		type inclusion struct {
			leaf, root []byte
			path       [][]byte
		}
		all := make([]inclusion, len(bundles))
		for i, bundle := range bundles {
			leaf := rfc6962.DefaultHasher.HashLeaf(bundle.Log.Entry[:])
			var path [][]byte
			for _, h := range bundle.Log.Path {
				path = append(path, h[:])
			}
			root, err := mproof.RootFromInclusionProof(rfc6962.DefaultHasher, bundle.Log.Index, logSize, leaf, path)
			if err != nil {
				b.Fatal(err)
			}
			all[i] = inclusion{leaf, root, path}
		}
		measured(b, "proofs", func() {
			for i := range b.N {
				p := &all[i%len(all)]
				if err := mproof.VerifyInclusion(rfc6962.DefaultHasher, bundles[i%len(all)].Log.Index, logSize, p.leaf, p.path, p.root); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("record under a verified entry", func(b *testing.B) {
		entries := make([]*proof.Entry, len(bundles))
		for i, bundle := range bundles {
			head, err := v.Head(bundle.Checkpoint, &bundle.Anchor)
			if err != nil {
				b.Fatal(err)
			}
			if entries[i], err = head.Entry(&bundle.Statement, &bundle.Log, bundle.Device); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		measured(b, "proofs", func() {
			for i := range b.N {
				if err := entries[i%len(entries)].Record(&bundles[i%len(bundles)].Record); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("whole bundle, signatures seen before", func(b *testing.B) {
		b.ReportAllocs()
		for _, bundle := range bundles { // as an auditor's second pass finds it
			if _, err := v.Verify(bundle); err != nil {
				b.Fatal(err)
			}
		}
		measured(b, "proofs", func() {
			for i := range b.N {
				if _, err := v.Verify(bundles[i%len(bundles)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("whole bundle from JSON, signatures seen before", func(b *testing.B) {
		raw, err := bundles[0].Encode()
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(raw)))
		measured(b, "proofs", func() {
			for range b.N {
				if _, err := v.VerifyJSON(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("whole bundle, everything new", func(b *testing.B) {
		golden, trust := goldenOf(b)
		measured(b, "proofs", func() {
			for range b.N {
				fresh, err := proof.NewVerifier(trust)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := fresh.Verify(golden); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkBatch measures what a node does for each reading of a bulk request:
// salt, leaf and sub-tree, for a thousand lines of 178 bytes.
func BenchmarkBatch(b *testing.B) {
	record := make([]byte, 178)
	var batch proof.Batch
	b.ReportAllocs()
	measured(b, "records", func() {
		for n := 0; n < b.N; n += 1000 {
			batch.Reset(&proof.Seed{1})
			for range 1000 {
				_ = batch.Add(record)
			}
			batch.Root()
		}
	})
}

// BenchmarkTree measures the sub-tree alone, all levels kept for paths.
func BenchmarkTree(b *testing.B) {
	leaves := make([]proof.Hash, 1000)
	var tree proof.Tree
	b.ReportAllocs()
	measured(b, "leaves", func() {
		for n := 0; n < b.N; n += len(leaves) {
			tree.Reset(leaves)
		}
	})
}

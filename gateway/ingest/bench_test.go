package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/gateway/vault"
)

// BenchmarkSubmit measures the whole pipeline on a real disk with a real log:
// signed requests of readings of 178 bytes, from so many senders at once, each
// answered when it is durable. It reports readings a second, the time to the
// answer, processor time and bytes on disk per reading.
func BenchmarkSubmit(b *testing.B) {
	for _, c := range []struct {
		readings, senders int
		packed            bool
		subjects          int // that are named
	}{
		{1, 256, false, 0},
		{100, 64, false, 0},
		{1000, 32, false, 0},
		{1000, 32, true, 0},
		{1000, 32, false, 1},
		{1000, 32, true, 1},
		{1000, 32, false, 50},
		{1000, 32, true, 50},
		{10000, 8, false, 0},
		{10000, 8, true, 0},
	} {
		name := fmt.Sprintf("readings=%d/senders=%d", c.readings, c.senders)
		if c.packed {
			name += "/zstd"
		}
		if c.subjects > 0 {
			name += fmt.Sprintf("/subjects=%d", c.subjects)
		}
		b.Run(name, func(b *testing.B) { benchmarkSubmit(b, c.readings, c.senders, c.packed, c.subjects) })
	}
}

func benchmarkSubmit(b *testing.B, readings, senders int, packed bool, subjects int) {
	b.Helper()
	p := benchPipeline(b)
	d := newDevice(b)
	body := ndjson(readings)
	records := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	requests := make([]Request, b.N)
	wire, encoding := body, ""
	if packed && subjects < 2 {
		wire, encoding = pack(b, body), EncodingZstd
	}
	all := make([]about, subjects)
	for i := range all {
		n := len(records) / subjects
		all[i] = about{subject: fmt.Sprintf("patient-%d", i), records: records[i*n : (i+1)*n], packed: packed}
	}
	for i := range requests {
		switch subjects {
		case 0:
			requests[i] = d.request(MediaNDJSON, body, records...)
		case 1:
			requests[i] = d.request(MediaNDJSON, body, records...)
			requests[i].Subject = pseudonym.ID(all[0].subject)
		default:
			for k := range all {
				rand.Read(all[k].seed[:])
			}
			requests[i], _ = d.signParts(b, all...)
		}
	}
	times := make([]time.Duration, b.N)
	var next atomic.Int64
	var sending sync.WaitGroup
	runtime.GC()
	used := processorTime(b)
	b.ResetTimer()
	for range senders {
		sending.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				begun := time.Now()
				r := requests[i]
				if subjects < 2 {
					r.Body, r.Encoding = bytes.NewReader(wire), encoding
				}
				if _, err := p.Submit(b.Context(), r); err != nil {
					b.Error(err)
					return
				}
				times[i] = time.Since(begun)
			}
		})
	}
	sending.Wait()
	b.StopTimer()
	total := float64(b.N) * float64(readings)
	slices.Sort(times)
	b.ReportMetric(total/b.Elapsed().Seconds(), "readings/s")
	b.ReportMetric(float64((processorTime(b)-used).Nanoseconds())/total, "cpu-ns/reading")
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkProofParts measures reading the node's side of a proof: for a record
// of a request that was read just before, and for one of a request that has to
// be decrypted and hashed again.
func BenchmarkProofParts(b *testing.B) {
	for _, readings := range []int{1, 1000, 10000} {
		for _, cached := range []bool{true, false} {
			b.Run(fmt.Sprintf("readings=%d/cached=%v", readings, cached), func(b *testing.B) {
				p := benchPipeline(b)
				r, err := p.Submit(b.Context(), Request{Organisation: north, MediaType: MediaNDJSON, Body: bytes.NewReader(ndjson(readings))})
				if err != nil {
					b.Fatal(err)
				}
				if !cached {
					p.opener.limit = 0
				}
				i := 0
				b.ResetTimer()
				for b.Loop() {
					if _, err := p.ProofParts(b.Context(), r.ID, i%readings); err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		}
	}
}

func benchPipeline(b *testing.B) *Pipeline {
	b.Helper()
	dir := b.TempDir()
	v, err := vault.Open(b.Context(), filepath.Join(dir, "vault"), vault.Options{})
	if err != nil {
		b.Fatal(err)
	}
	l, err := log.Open(b.Context(), filepath.Join(dir, "log"), log.Options{Origin: "secant/bench/" + north})
	if err != nil {
		b.Fatal(err)
	}
	p, err := Open(b.Context(), v, l, Options{Logger: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		_ = l.Close(context.Background())
		_ = v.Close()
	})
	awaitRunning(b, p)
	return p
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStages measures where the processor's time goes, per reading, in
// requests of 1,000.
func BenchmarkStages(b *testing.B) {
	const readings = 1000
	body := ndjson(readings)
	records := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	packed := pack(b, body)
	var seed proof.Seed
	rand.Read(seed[:])
	limits, err := Options{}.validate()
	if err != nil {
		b.Fatal(err)
	}
	w, err := newWorker(limits.Limits)
	if err != nil {
		b.Fatal(err)
	}
	v, err := vault.Open(b.Context(), b.TempDir(), vault.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = v.Close() })
	d := newDevice(b)
	r := d.request(MediaNDJSON, body, records...)
	statement := proof.Statement{
		Organisation: north, Unit: d.unit, VouchedBy: proof.VouchedByDevice, Count: readings, MediaType: MediaJSON, Signature: r.Signature,
		Root: proof.Root(proof.LeafHashes(nil, &r.Seed, records)),
	}
	stage := func(name string, work func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				work()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/readings, "ns/reading")
			b.ReportMetric(0, "ns/op")
		})
	}
	stage("json", func() {
		for _, record := range records {
			if f, _ := w.reader.json.check(record, true); f != sound {
				b.Fatal("the readings are not JSON")
			}
		}
	})
	stage("judge-and-commit", func() {
		if _, _, err := w.take(formats[MediaNDJSON], []part{{seed: seed, storage: storedRaw, body: body}}); err != nil {
			b.Fatal(err)
		}
	})
	stage("content-digest", func() { statement.Content = proof.ContentDigest(&seed, sha256.Sum256(body)) })
	stage("signature", func() {
		if !statement.VerifySignature(d.key) {
			b.Fatal("the signature does not verify")
		}
	})
	dst := make([]byte, 0, len(body))
	stage("compress", func() { dst, _ = w.pack(dst[:0], body) })
	stage("decompress", func() {
		if _, err := w.unpack(packed); err != nil {
			b.Fatal(err)
		}
	})
	stage("encrypt", func() {
		draft := v.NewDraft()
		draft.Append(func(b []byte) []byte { return append(b, dst...) })
		if err := draft.Seal(vault.ID{1}, [32]byte{}); err != nil {
			b.Fatal(err)
		}
		draft.Release()
	})
}

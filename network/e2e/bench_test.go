package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/klauspost/compress/zstd"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Each benchmark measures for this long on a live network, in one run with what
// it is compared with.
const benchFor = 10 * time.Second

// load calls work from many goroutines for benchFor, or until it is done, and
// returns what each call that succeeded took.
func load(b *testing.B, concurrency int, work func(ctx context.Context) error) (perSecond float64, took []time.Duration) {
	b.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	ctx, cancel := context.WithTimeout(b.Context(), benchFor)
	defer cancel()
	start := time.Now()
	for range concurrency {
		wg.Go(func() {
			for ctx.Err() == nil && failed.Load() == nil {
				begin := time.Now()
				// What is under way when the time is over is finished, and counted.
				err := work(b.Context())
				switch {
				case errors.Is(err, errDone):
					return
				case errors.Is(err, errUncounted):
					continue
				case err != nil:
					failed.Store(&err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(begin))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		b.Fatal(details(*err))
	}
	slices.Sort(took)
	return float64(len(took)) / time.Since(start).Seconds(), took
}

func percentile(sorted []time.Duration, p int) float64 {
	return float64(sorted[(len(sorted)-1)*p/100].Microseconds()) / 1000
}

// benchClient keeps one connection for each caller.
var benchClient = &http.Client{
	Timeout:   patience,
	Transport: &http.Transport{MaxIdleConnsPerHost: 512, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}},
}

// post posts, and wants that status.
func post(ctx context.Context, c node, path, contentType string, body io.Reader, want int, headers ...string) error {
	status, answer, _, err := exchange(ctx, c, path, contentType, body, headers...)
	return wanted(want, status, answer, err)
}

func wanted(want, status int, answer []byte, err error) error {
	if err == nil && status != want {
		err = fmt.Errorf("status %d: %s", status, answer)
	}
	return err
}

// exchange posts over one of benchClient's connections and returns all of the answer.
func exchange(ctx context.Context, c node, path, contentType string, body io.Reader, headers ...string) (int, []byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, body)
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := benchClient.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, res.Header, err
}

// BenchmarkTransactions compares registering a model through the node with the
// same transaction by the bare fabric-gateway client, at concurrency 1 and 100.
func BenchmarkTransactions(b *testing.B) {
	n := live(b)
	contract := n.contract(b, "medtech", "registrar")
	c := n.node(b, "medtech", "registrar")
	model := func() ledger.RegisterModel {
		return ledger.RegisterModel{DI: "BENCH-" + rand.Text(), Name: "Bedside monitor", ModelNumber: "BM-1", RiskClass: "IIb"}
	}
	raw := func(ctx context.Context) error {
		err := rawSubmit(ctx, contract, ledger.DeviceRegisterModel, model())
		if _, unknown := errors.AsType[*client.SubmitError](err); unknown {
			return errUncounted // the bare client does not look such an outcome up
		}
		return err
	}
	node := func(ctx context.Context) error {
		body, err := json.Marshal(model())
		if err != nil {
			return err
		}
		return post(ctx, c, "/v1/models", "application/json", bytes.NewReader(body), http.StatusCreated)
	}
	for _, concurrency := range []int{1, 100} {
		b.Run(fmt.Sprintf("concurrency=%d", concurrency), func(b *testing.B) {
			for b.Loop() {
				rawRate, rawTook := load(b, concurrency, raw)
				nodeRate, nodeTook := load(b, concurrency, node)
				b.ReportMetric(rawRate, "raw-tx/s")
				b.ReportMetric(nodeRate, "node-tx/s")
				b.ReportMetric(nodeRate/rawRate, "node/raw")
				b.ReportMetric(percentile(rawTook, 50), "raw-p50-ms")
				b.ReportMetric(percentile(nodeTook, 50), "node-p50-ms")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// BenchmarkReadings measures readings made durable with a receipt, signed by eight
// devices, since a node bounds what one may ask for, beside the running network.
func BenchmarkReadings(b *testing.B) {
	n := live(b)
	devices := make([]device, 8)
	for i := range devices {
		devices[i] = n.newDevice(b, "hospital-north")
	}
	c := n.node(b, "hospital-north", "")
	for _, s := range []struct {
		requests, records, connections int
		compressed                     bool
	}{{40_000, 1, 128, false}, {3000, 1000, 32, false}, {3000, 1000, 32, true}} {
		b.Run(fmt.Sprintf("records=%d/zstd=%v", s.records, s.compressed), func(b *testing.B) {
			for b.Loop() {
				rate, took := load(b, s.connections, prepared(b, devices, c, s.requests, s.records, s.compressed))
				b.ReportMetric(rate*float64(s.records), "readings/s")
				b.ReportMetric(percentile(took, 50), "p50-ms")
				b.ReportMetric(percentile(took, 95), "p95-ms")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// prepared has devices sign so many requests of so many records in turn, since what they
// spend on that is not the node's, and returns what sends one of them.
func prepared(b *testing.B, devices []device, c node, requests, records int, compressed bool) func(context.Context) error {
	b.Helper()
	type request struct {
		headers []string
		body    []byte
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		b.Fatal(err)
	}
	ready := make(chan request, requests)
	for i := range requests {
		headers, body := devices[i%len(devices)].signed(b, readings(records))
		if compressed {
			body = encoder.EncodeAll(body, nil)
			headers = append(headers, "Content-Encoding", "zstd")
		}
		ready <- request{headers, body}
	}
	close(ready)
	return func(ctx context.Context) error {
		r, more := <-ready
		if !more {
			return errDone
		}
		return post(ctx, c, "/v1/readings", "application/x-ndjson", bytes.NewReader(r.body), http.StatusAccepted, r.headers...)
	}
}

// BenchmarkProof measures the time from a receipt to its proof, while a device
// sends ten requests a second, and how many proofs a core verifies under a head
// that it has seen.
func BenchmarkProof(b *testing.B) {
	n := live(b)
	d := n.newDevice(b, "hospital-north")
	c := n.node(b, "hospital-north", "auditor")
	b.Run("receipt-to-proof", func(b *testing.B) {
		for b.Loop() {
			var mu sync.Mutex
			var took []time.Duration
			var wg sync.WaitGroup
			for range 100 {
				start := time.Now()
				id := d.send(c, readings(1)).ID
				wg.Go(func() {
					c.bundle(id, 0)
					mu.Lock()
					took = append(took, time.Since(start))
					mu.Unlock()
				})
				time.Sleep(100 * time.Millisecond)
			}
			wg.Wait()
			slices.Sort(took)
			b.ReportMetric(percentile(took, 50), "p50-ms")
			b.ReportMetric(percentile(took, 95), "p95-ms")
			b.ReportMetric(0, "ns/op")
		}
	})
	b.Run("verify", func(b *testing.B) {
		const records = 1000
		id := d.send(c, readings(records)).ID
		bundles := make([]*proof.Bundle, records)
		for i := range bundles {
			var err error
			if bundles[i], err = proof.ParseBundle(c.bundle(id, i)); err != nil {
				b.Fatal(err)
			}
		}
		v := n.verifier(b)
		i := 0
		for b.Loop() {
			if _, err := v.Verify(bundles[i%records]); err != nil {
				b.Fatal(err)
			}
			i++
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "proofs/s")
	})
}

// errDone ends a load before its time: there is nothing left to send.
var errDone = errors.New("nothing left to send")

// errUncounted says that nobody knows whether a call took effect.
var errUncounted = errors.New("the outcome is unknown")

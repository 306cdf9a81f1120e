package client_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	fabric "github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/client/clienttest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// These tests and benchmarks run against a network that somebody has brought up:
//
//	go test ./chaincode/client -run Live -network ~/.secant
//	go test ./chaincode/client -run NONE -bench Submit -network ~/.secant
var networkDir = flag.String("network", "", "state directory of a running network, for the live tests")

// running reads the configuration of an organisation's client from the state
// directory of a running network.
func running(tb testing.TB, org string) client.Config {
	tb.Helper()
	if *networkDir == "" {
		tb.Skip("needs a running network, named by -network")
	}
	var network struct {
		Channel, Chaincode string
		Organisations      []struct {
			ID    string
			Peers []struct {
				Name string
				Port int
			}
		}
	}
	if err := json.Unmarshal(readFile(tb, "network.json"), &network); err != nil {
		tb.Fatal(err)
	}
	cfg := client.Config{
		Organisation: org, Channel: network.Channel, Chaincode: network.Chaincode,
		Identities: map[ledger.Role]client.Identity{},
	}
	for _, o := range network.Organisations {
		for _, p := range o.Peers {
			cfg.Peers = append(cfg.Peers, client.Peer{
				Name: p.Name, Organisation: o.ID, Address: fmt.Sprintf("127.0.0.1:%d", p.Port),
				TLSRoot: readFile(tb, "orgs", o.ID, "tlsca", "cert.pem"),
			})
		}
	}
	for _, role := range ledger.Roles {
		cfg.Identities[role] = client.Identity{
			Certificate: readFile(tb, "orgs", org, "clients", string(role), "cert.pem"),
			Key:         readFile(tb, "orgs", org, "clients", string(role), "key.pem"),
		}
	}
	return cfg
}

func readFile(tb testing.TB, path ...string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{*networkDir}, path...)...))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func connect(tb testing.TB, cfg client.Config, opts ...client.Option) *client.Client {
	tb.Helper()
	c, err := client.Connect(tb.Context(), cfg, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

func TestLive(t *testing.T) {
	c := connect(t, running(t, "hospital-north"), client.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))))
	clienttest.Suite(t, c, "hospital-north")
}

// BenchmarkSubmit compares Submit with the bare fabric-gateway client, in turns
// on one network so that both meet the same weather.
func BenchmarkSubmit(b *testing.B) {
	cfg := running(b, "hospital-north")
	c := connect(b, cfg)
	contract := bare(b, cfg)
	for _, concurrency := range []int{1, 100} {
		b.Run(fmt.Sprintf("concurrency=%d", concurrency), func(b *testing.B) {
			var raw, own sample
			for b.Loop() {
				for range 4 {
					raw.add(load(b, concurrency, func(ctx context.Context) error {
						arg, err := json.Marshal(clienttest.Report())
						if err != nil {
							return err
						}
						_, err = contract.SubmitWithContext(ctx, ledger.ThreatShare, fabric.WithBytesArguments(arg))
						return err
					}))
					own.add(load(b, concurrency, func(ctx context.Context) error {
						_, _, err := client.Submit[ledger.Threat](ctx, c, ledger.RoleSharer, ledger.ThreatShare, clienttest.Report())
						return err
					}))
				}
			}
			if len(own.failures) > 0 {
				b.Errorf("%d submits failed; the first: %v", len(own.failures), own.failures[0])
			}
			b.ReportMetric(float64(len(raw.failures)), "raw-failures")
			b.ReportMetric(raw.rate(), "raw-tx/s")
			b.ReportMetric(own.rate(), "tx/s")
			b.ReportMetric(100*own.rate()/raw.rate(), "%")
			b.ReportMetric(raw.p50(), "raw-p50-ms")
			b.ReportMetric(own.p50(), "p50-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// bare is the contract as the bare fabric-gateway client reaches it, through the
// same peer.
func bare(b *testing.B, cfg client.Config) *fabric.Contract {
	b.Helper()
	pair := cfg.Identities[ledger.RoleSharer]
	cert, err := identity.CertificateFromPEM(pair.Certificate)
	if err != nil {
		b.Fatal(err)
	}
	key, err := identity.PrivateKeyFromPEM(pair.Key)
	if err != nil {
		b.Fatal(err)
	}
	id, err := identity.NewX509Identity(cfg.Organisation, cert)
	if err != nil {
		b.Fatal(err)
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		b.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cfg.Peers[0].TLSRoot)
	conn, err := grpc.NewClient(cfg.Peers[0].Address, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, "")))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	gw, err := fabric.Connect(id, fabric.WithSign(sign), fabric.WithClientConnection(conn))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = gw.Close() })
	return gw.GetNetwork(cfg.Channel).GetContract(cfg.Chaincode)
}

// sample is what several loads together took.
type sample struct {
	calls    []time.Duration
	failures []error
	spent    time.Duration
}

func (s *sample) add(o sample) {
	s.calls = append(s.calls, o.calls...)
	s.failures = append(s.failures, o.failures...)
	s.spent += o.spent
}

func (s *sample) rate() float64 { return float64(len(s.calls)) / s.spent.Seconds() }

func (s *sample) p50() float64 {
	slices.Sort(s.calls)
	return float64(s.calls[len(s.calls)/2].Microseconds()) / 1000
}

// load calls work from many goroutines for some seconds. The bare client fails
// when orderers lag, so failures are counted.
func load(b *testing.B, concurrency int, work func(context.Context) error) sample {
	b.Helper()
	var (
		mu       sync.Mutex
		wg       sync.WaitGroup
		calls    []time.Duration
		failures []error
	)
	start := time.Now()
	for range concurrency {
		wg.Go(func() {
			for time.Since(start) < 6*time.Second {
				begin := time.Now()
				err := work(b.Context())
				mu.Lock()
				if err == nil {
					calls = append(calls, time.Since(begin))
				} else {
					failures = append(failures, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return sample{calls: calls, failures: failures, spent: time.Since(start)}
}

package client_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
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

// newReport is a request that no other equals.
func newReport() ledger.ShareThreat {
	var digest [32]byte
	if _, err := rand.Read(digest[:]); err != nil {
		panic(err)
	}
	return ledger.ShareThreat{
		Digest: hex.EncodeToString(digest[:]), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 1,
	}
}

func TestLiveSubmitReadFollow(t *testing.T) {
	c := connect(t, running(t, "hospital-north"), client.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))))
	before, err := c.Height(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req := newReport()
	record, commit, err := client.Submit[ledger.Threat](t.Context(), c, ledger.RoleSharer, ledger.ThreatShare, req)
	if err != nil {
		t.Fatal(err)
	}
	if record.Digest != req.Digest || record.Sharer != "hospital-north" || commit.Block < before {
		t.Errorf("committed %+v in %+v", record, commit)
	}
	var again ledger.Threat
	if err := c.Evaluate(t.Context(), ledger.ThreatGet, ledger.GetThreat{Digest: req.Digest}, &again); err != nil || again != *record {
		t.Errorf("read back %+v, %v", again, err)
	}
	o, err := c.Outcome(t.Context(), commit.Tx)
	if err != nil || o != (client.Outcome{Known: true, Valid: true, Code: "VALID", Block: commit.Block}) {
		t.Errorf("outcome %+v, %v", o, err)
	}
	o, err = c.Outcome(t.Context(), req.Digest)
	if err != nil || o.Known {
		t.Errorf("outcome of a transaction that never was: %+v, %v", o, err)
	}

	if _, _, err := client.Submit[ledger.Threat](t.Context(), c, ledger.RoleSharer, ledger.ThreatShare, req); ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		t.Errorf("shared twice: %v", err)
	}
	if _, _, err := client.Submit[ledger.Threat](t.Context(), c, ledger.RoleScorer, ledger.ThreatShare, newReport()); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("shared as scorer: %v", err)
	}
	if err := c.Evaluate(t.Context(), ledger.ThreatGet, ledger.GetThreat{Digest: newReport().Digest}, nil); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("read what is not there: %v", err)
	}

	read, err := c.SignedRead(t.Context(), ledger.ThreatGet, ledger.GetThreat{Digest: req.Digest})
	if err != nil || len(read.Endorsements) < 3 {
		t.Errorf("signed read: %v", err)
	}

	stop := errors.New("seen")
	next := uint64(0)
	err = c.Follow(t.Context(), 0, func(_ context.Context, b *ledger.Block) error {
		if b.Number != next {
			t.Errorf("delivered block %d instead of %d", b.Number, next)
		}
		next++
		for _, tx := range b.Txs {
			if tx.ID != commit.Tx {
				continue
			}
			if !tx.Valid || tx.Name != ledger.ThreatShare || tx.Creator != "hospital-north" || len(tx.Writes) != 1 ||
				tx.Event == nil || tx.Event.Kind != ledger.EventThreatShared || time.Since(tx.Time) > time.Minute {
				t.Errorf("delivered %+v", tx)
			}
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Error(err)
	}
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
						arg, err := json.Marshal(newReport())
						if err != nil {
							return err
						}
						_, err = contract.SubmitWithContext(ctx, ledger.ThreatShare, fabric.WithBytesArguments(arg))
						return err
					}))
					own.add(load(b, concurrency, func(ctx context.Context) error {
						_, _, err := client.Submit[ledger.Threat](ctx, c, ledger.RoleSharer, ledger.ThreatShare, newReport())
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

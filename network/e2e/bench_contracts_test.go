package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/lifecycle"
	processes "github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// BenchmarkContracts compares each contract's main write with a bare put, the
// smallest transaction that Fabric can carry, by the same client on the same
// network: orderers and peers alone, without nodes. Each is measured right after
// a bare put of the same concurrency.
func BenchmarkContracts(b *testing.B) {
	n := startLedger(b)
	n.deployBare(b)
	writes := n.mainWrites(b)
	for b.Loop() {
		var table strings.Builder
		fmt.Fprintf(&table, "\n%-20s %9s %7s %7s %6s %8s %7s %6s %7s %7s %6s\n",
			"WRITE", "AT A TIME", "tx/s", "bare", "ratio", "CPU-ms", "bare", "ratio", "p50 ms", "bare", "ratio")
		for _, w := range writes {
			bare := n.cost(b, w.concurrency, n.barePut)
			got := n.cost(b, w.concurrency, w.work)
			fmt.Fprintf(&table, "%-20s %9d %7.1f %7.1f %6.2f %8.1f %7.1f %6.2f %7.0f %7.0f %6.2f\n", w.name, w.concurrency,
				got.rate, bare.rate, got.rate/bare.rate, got.cpu, bare.cpu, got.cpu/bare.cpu, got.p50, bare.p50, got.p50/bare.p50)
			unit := strings.ReplaceAll(w.name, ":", "-")
			b.ReportMetric(got.rate/bare.rate, unit+"-rate/bare")
			b.ReportMetric(got.cpu/bare.cpu, unit+"-cpu/bare")
		}
		b.ReportMetric(0, "ns/op")
		b.Log(table.String())
	}
}

// write is one contract's main write.
type write struct {
	name        string
	concurrency int
	work        func(context.Context) error
}

// ledgerOnly is a network's ledger, and the ways into it that go round the nodes.
type ledgerOnly struct {
	*network

	net   *topology.Network
	gates map[string]*client.Gateway // by organisation and role
	next  atomic.Int64
}

// startLedger brings orderers, peers and the chaincode up, for one benchmark.
func startLedger(b *testing.B) *ledgerOnly {
	b.Helper()
	if testing.Short() {
		b.Skip("needs a live network, which -short leaves out")
	}
	n := &ledgerOnly{network: &network{dir: filepath.Join(b.TempDir(), "net"), port: freeBase()}, gates: map[string]*client.Gateway{}}
	b.Cleanup(func() { _ = launch.Reset(context.Background(), n.dir, nil) })
	if _, err := launch.Up(b.Context(), launch.Options{Dir: n.dir, Port: n.port, Source: filepath.Join("..", ".."), NoNodes: true}); err != nil {
		b.Fatal(err)
	}
	n.connect(b)
	return n
}

// connect opens a way into the ledger for each role of each organisation.
func (n *ledgerOnly) connect(b *testing.B) {
	b.Helper()
	var err error
	if n.net, err = topology.Load(n.dir); err != nil {
		b.Fatal(err)
	}
	for _, o := range n.net.Organisations {
		p := n.peer(b, o)
		for _, role := range ledger.Roles {
			id, sign := n.identity(b, o.ID, string(role))
			gw, err := client.Connect(id, client.WithSign(sign), client.WithClientConnection(p.Conn))
			if err != nil {
				b.Fatal(err)
			}
			n.gates[o.ID+"/"+string(role)] = gw
		}
	}
}

func (n *ledgerOnly) peer(b *testing.B, o topology.Organisation) *channel.Peer {
	b.Helper()
	p, err := channel.NewPeer(n.net, o, o.Peers[0])
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Close() })
	return p
}

// deployBare puts the bare chaincode beside the consortium's own.
func (n *ledgerOnly) deployBare(b *testing.B) {
	b.Helper()
	program := filepath.Join(b.TempDir(), "barecc")
	c := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./barecc")
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("building the bare chaincode: %v\n%s", err, out)
	}
	pkg, err := lifecycle.Pack("bare", program)
	if err != nil {
		b.Fatal(err)
	}
	d := &lifecycle.Deployer{Channel: n.net.Channel, Chaincode: "bare"}
	for _, o := range n.net.Organisations {
		for _, p := range o.Peers {
			c, err := channel.NewPeer(n.net, o, p)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			d.Peers = append(d.Peers, c)
		}
	}
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	if _, err := d.Deploy(ctx, pkg); err != nil {
		b.Fatal(details(err))
	}
	if err := d.Ready(ctx, "key", "value"); err != nil {
		b.Fatal(details(err))
	}
}

// submit sends a request and tells an outcome that nobody knows from a failure.
func (n *ledgerOnly) submit(ctx context.Context, org string, role ledger.Role, name string, req any) error {
	err := rawSubmit(ctx, n.gates[org+"/"+string(role)].GetNetwork(n.net.Channel).GetContract(n.net.Chaincode), name, req)
	if _, unknown := errors.AsType[*client.SubmitError](err); unknown {
		return errUncounted
	}
	return err
}

// barePut puts as many bytes as the record of a report has, under a key as long.
func (n *ledgerOnly) barePut(ctx context.Context) error {
	gw := n.gates[n.turn(n.members()...)+"/"+string(ledger.RoleSharer)]
	key := "thr" + randomDigest() + "hospital-north"
	_, err := gw.GetNetwork(n.net.Channel).GetContract("bare").SubmitWithContext(ctx, key, client.WithArguments(strings.Repeat("x", 250)))
	if _, unknown := errors.AsType[*client.SubmitError](err); unknown {
		return errUncounted
	}
	return err
}

// turn has the organisations take turns.
func (n *ledgerOnly) turn(orgs ...string) string {
	return orgs[int(n.next.Add(1))%len(orgs)]
}

func (n *ledgerOnly) members() []string {
	var out []string
	for _, o := range n.net.Organisations {
		out = append(out, o.ID)
	}
	return out
}

// measured is what a load cost.
type measured struct{ rate, cpu, p50 float64 }

// cost loads the network and divides the processor time that its processes used
// meanwhile by the transactions.
func (n *ledgerOnly) cost(b *testing.B, concurrency int, work func(context.Context) error) measured {
	b.Helper()
	before := n.cpu(b)
	rate, took := load(b, concurrency, work)
	used := n.cpu(b) - before
	if len(took) == 0 {
		b.Fatal("no transaction went through")
	}
	return measured{rate, float64(used.Microseconds()) / 1000 / float64(len(took)), percentile(took, 50)}
}

// cpu is the processor time that orderers, peers and chaincodes have used.
func (n *ledgerOnly) cpu(b *testing.B) time.Duration {
	b.Helper()
	records, err := processes.Table{Dir: n.net.RunDir()}.List()
	if err != nil {
		b.Fatal(err)
	}
	var sum time.Duration
	for _, r := range records {
		if !r.Alive() {
			continue
		}
		t, err := processes.CPU(r.PID)
		if err != nil {
			b.Fatal(err)
		}
		sum += t
	}
	return sum
}

func randomDigest() string {
	var d [32]byte
	_, _ = rand.Read(d[:]) // never fails
	return hex.EncodeToString(d[:])
}

// mainWrites prepares the ledger and returns each contract's main write.
func (n *ledgerOnly) mainWrites(b *testing.B) []write {
	b.Helper()
	for _, o := range n.net.Organisations {
		token, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		n.must(b, o.ID, ledger.RoleRegistrar, ledger.IdentityRegister, ledger.RegisterOrganisation{
			Name: o.Title, Kind: o.Kind, Endpoint: o.Node.URL(), TokenKey: hex.EncodeToString(token), Revision: 1, Network: networkName,
		})
	}
	const di = "BENCH-1"
	n.must(b, "medtech", ledger.RoleRegistrar, ledger.DeviceRegisterModel, ledger.RegisterModel{DI: di, Name: "Bedside monitor", ModelNumber: "BM-1", RiskClass: "IIb"})
	n.must(b, "medtech", ledger.RoleRegistrar, ledger.DevicePublishRelease, ledger.PublishRelease{
		DI: di, Version: "1.0.0", SBOMDigest: randomDigest(), SBOMFormat: ledger.FormatCycloneDX,
	})
	hospitals := []string{"hospital-north", "hospital-south", "hospital-east"}
	units := map[string]string{}
	for _, org := range hospitals {
		mac := randomDigest()
		n.must(b, "medtech", ledger.RoleRegistrar, ledger.DeviceRegisterUnit, ledger.RegisterUnit{SerialMAC: mac, DI: di, Lot: "L1", Release: "1.0.0", Owner: org})
		units[org] = ledger.UnitID("medtech", mac)
	}
	const many = 100
	return []write{
		{ledger.IdentityCreateDID, many, func(ctx context.Context) error {
			org := n.turn(n.members()...)
			key := newSigner(b, ledger.CurveEd25519)
			req := ledger.CreateDID{DID: ledger.IssuerDID(networkName, org, "bench-"+randomDigest()[:16]), Keys: documentKeys(issuerKey, key)}
			req.Signature = control(b, key, req.DID+"#"+issuerKey, &req)
			return n.submit(ctx, org, ledger.RoleRegistrar, ledger.IdentityCreateDID, req)
		}},
		{ledger.DeviceRegisterUnit, many, func(ctx context.Context) error {
			return n.submit(ctx, "medtech", ledger.RoleRegistrar, ledger.DeviceRegisterUnit, ledger.RegisterUnit{
				SerialMAC: randomDigest(), DI: di, Lot: "L1", Release: "1.0.0", Owner: n.turn(hospitals...), PublicKey: publicKey(b),
			})
		}},
		{ledger.AnchorCommit, len(n.members()), n.anchors(b)},
		{ledger.ThreatShare, many, func(ctx context.Context) error {
			return n.submit(ctx, n.turn(n.members()...), ledger.RoleSharer, ledger.ThreatShare, ledger.ShareThreat{
				Digest: randomDigest(), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 1024,
			})
		}},
		{ledger.RiskPublish, many, func(ctx context.Context) error {
			org := n.turn(hospitals...)
			return n.submit(ctx, org, ledger.RoleScorer, ledger.RiskPublish, ledger.PublishScore{
				Subject: units[org], Model: "bench/1", InputDigest: randomDigest(), Value: 1234,
			})
		}},
	}
}

// must submits until it is done everywhere: right after one transaction the peers
// do not all have the next one's premises yet.
func (n *ledgerOnly) must(b *testing.B, org string, role ledger.Role, name string, req any) {
	b.Helper()
	await(b, name+" by "+org, func() bool {
		err := n.submit(b.Context(), org, role, name, req)
		if err == nil || errors.Is(err, errUncounted) {
			return err == nil
		}
		text := details(err)
		switch {
		case strings.Contains(text, "["+string(ledger.CodeAlreadyExists)+"]"):
			return true // an earlier attempt
		case strings.Contains(text, "do not match"), strings.Contains(text, "MVCC_READ_CONFLICT"),
			strings.Contains(text, "["+string(ledger.CodeBusy)+"]"), strings.Contains(text, "["+string(ledger.CodeNotFound)+"]"):
			return false
		}
		b.Fatalf("%s by %s: %s", name, org, text)
		return false
	})
	await(b, "every peer to have it", func() bool {
		heights := map[uint64]bool{}
		for _, o := range n.net.Organisations {
			for _, p := range o.Peers {
				height, err := channel.Metric(b.Context(), p.Operations, n.net.Channel, channel.MetricPeerHeight)
				if err != nil {
					return false
				}
				heights[height] = true
			}
		}
		return len(heights) == 1
	})
}

func publicKey(b *testing.B) string {
	b.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return hex.EncodeToString(public)
}

// anchors opens a stream for every organisation and returns what commits the
// next anchor of one that nobody else works on: a stream has one in flight at a
// time, and each grows by a second's worth of leaves.
func (n *ledgerOnly) anchors(b *testing.B) func(context.Context) error {
	b.Helper()
	type stream struct {
		org      string
		log      *statetest.Log
		id       string
		sequence uint64
		size     uint64
	}
	idle := make(chan *stream, len(n.members()))
	for _, org := range n.members() {
		s := &stream{org: org, log: statetest.NewLog("secant/dev/bench/" + org)}
		s.id = ledger.StreamID(s.log.Verifier)
		n.must(b, org, ledger.RoleAnchorer, ledger.AnchorOpen, ledger.OpenStream{Verifier: s.log.Verifier})
		idle <- s
	}
	return func(ctx context.Context) error {
		s := <-idle
		defer func() { idle <- s }()
		size := s.log.Grow(100)
		req := ledger.CommitAnchor{Stream: s.id, Sequence: s.sequence, Checkpoint: s.log.Checkpoint(size)}
		if s.size > 0 {
			req.Proof = s.log.Consistency(s.size, size)
		}
		arg, err := json.Marshal(req)
		if err != nil {
			return err
		}
		// Unlike the others it may come too early at a peer that lags: tried again.
		for {
			_, err = n.gates[s.org+"/"+string(ledger.RoleAnchorer)].GetNetwork(n.net.Channel).GetContract(n.net.Chaincode).
				SubmitWithContext(ctx, ledger.AnchorCommit, client.WithArguments(string(arg)))
			if err == nil {
				s.sequence, s.size = s.sequence+1, size
				return nil
			}
			switch text := details(err); {
			case strings.Contains(text, "["+string(ledger.CodeAlreadyExists)+"]"):
				s.sequence, s.size = s.sequence+1, size // an earlier attempt went through
				return errUncounted
			case !strings.Contains(text, "["+string(ledger.CodeBusy)+"]") && !strings.Contains(text, "do not match"):
				if _, unknown := errors.AsType[*client.SubmitError](err); !unknown {
					return err
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// meter loads a running network and reads its processes' processor time.
type meter struct {
	pids      map[string][]int // by kind
	contracts []*client.Contract
	closers   []func() error
}

// newMeter connects to the first peer of every organisation in the role that
// shares reports, and notes the network's processes.
func newMeter(ctx context.Context, dir string) (*meter, error) {
	n, err := topology.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("loading the network: %w", err)
	}
	state, err := launch.Status(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("looking at the network: %w", err)
	}
	m := &meter{pids: map[string][]int{}}
	for _, p := range state.Processes {
		if p.PID > 0 {
			m.pids[p.Kind] = append(m.pids[p.Kind], p.PID)
		}
	}
	for _, o := range n.Organisations {
		if err := m.connect(n, o); err != nil {
			m.close()
			return nil, err
		}
	}
	return m, nil
}

func (m *meter) connect(n *topology.Network, o topology.Organisation) error {
	p, err := channel.NewPeer(n, o, o.Peers[0])
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", o.Peers[0].Name, err)
	}
	m.closers = append(m.closers, p.Close)
	id, sign, err := caller(n, o.ID, ledger.RoleSharer)
	if err != nil {
		return fmt.Errorf("loading an identity of %s: %w", o.ID, err)
	}
	gw, err := client.Connect(id, client.WithSign(sign), client.WithClientConnection(p.Conn),
		client.WithEndorseTimeout(30*time.Second), client.WithSubmitTimeout(30*time.Second), client.WithCommitStatusTimeout(time.Minute))
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", p.Name, err)
	}
	m.closers = append(m.closers, gw.Close)
	m.contracts = append(m.contracts, gw.GetNetwork(n.Channel).GetContract(n.Chaincode))
	return nil
}

func caller(n *topology.Network, org string, role ledger.Role) (*identity.X509Identity, identity.Sign, error) {
	dir := n.ClientDir(org, string(role))
	cert, err := readPEM(filepath.Join(dir, material.CertFile), identity.CertificateFromPEM)
	if err != nil {
		return nil, nil, err
	}
	key, err := readPEM(filepath.Join(dir, material.KeyFile), identity.PrivateKeyFromPEM)
	if err != nil {
		return nil, nil, err
	}
	id, err := identity.NewX509Identity(org, cert)
	if err != nil {
		return nil, nil, fmt.Errorf("making an identity: %w", err)
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		return nil, nil, fmt.Errorf("making a signer: %w", err)
	}
	return id, sign, nil
}

func (m *meter) close() {
	for _, c := range slices.Backward(m.closers) {
		_ = c() // nothing is lost with it
	}
}

// cpu reads the processor time used so far, by kind; "client" is this process.
func (m *meter) cpu() (map[string]time.Duration, error) {
	out := map[string]time.Duration{"client": ownCPU()}
	for kind, pids := range m.pids {
		for _, pid := range pids {
			t, err := process.CPU(pid)
			if err != nil {
				return nil, fmt.Errorf("reading what a %s has used: %w", kind, err)
			}
			out[kind] += t
		}
	}
	return out, nil
}

// memory reads how many bytes of memory the network holds (proc(5),
// /proc/pid/statm, field 2).
func (m *meter) memory() int {
	sum := 0
	for _, pids := range m.pids {
		for _, pid := range pids {
			b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
			if f := strings.Fields(string(b)); err == nil && len(f) > 1 {
				pages, _ := strconv.Atoi(f[1]) // zero is seen in the table
				sum += pages * os.Getpagesize()
			}
		}
	}
	return sum
}

// since subtracts an earlier reading.
func since(now, before map[string]time.Duration) map[string]time.Duration {
	out := map[string]time.Duration{}
	for kind := range now {
		out[kind] = now[kind] - before[kind]
	}
	return out
}

// idle returns how many milliseconds of processor time a second the network uses
// while nobody calls it.
func (m *meter) idle(ctx context.Context, length time.Duration) (float64, error) {
	before, err := m.cpu()
	if err != nil {
		return 0, err
	}
	if err := wait(ctx, length); err != nil {
		return 0, err
	}
	after, err := m.cpu()
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for kind, t := range since(after, before) {
		if kind != "client" {
			sum += t
		}
	}
	return float64(sum.Milliseconds()) / length.Seconds(), nil
}

// measure loads the network and looks at it while the load is on: neither its
// start nor its end counts.
func (m *meter) measure(ctx context.Context, concurrency int, warm, length time.Duration) (sample, error) {
	s := sample{concurrency: concurrency}
	loading, stop := context.WithCancel(ctx)
	l := &load{meter: m}
	var wg sync.WaitGroup
	for i := range concurrency {
		wg.Go(func() { l.run(loading, m.contracts[i%len(m.contracts)]) })
	}
	defer wg.Wait()
	defer stop()
	if err := wait(ctx, warm); err != nil {
		return s, err
	}
	before, err := m.cpu()
	if err != nil {
		return s, err
	}
	start := time.Now()
	l.begin()
	if err := wait(ctx, length); err != nil {
		return s, err
	}
	took := l.end()
	seconds := time.Since(start).Seconds()
	after, err := m.cpu()
	if err != nil {
		return s, err
	}
	if len(took) == 0 {
		return s, errors.Join(errors.New("no transaction went through"), l.last())
	}
	slices.Sort(took)
	s.tps = float64(len(took)) / seconds
	s.p50, s.p95 = took[len(took)/2], took[len(took)*95/100]
	s.memory = m.memory()
	s.failed = int(l.failed.Load())
	s.cpu = map[string]float64{}
	for kind, t := range since(after, before) {
		s.cpu[kind] = float64(t.Microseconds()) / 1000 / float64(len(took))
	}
	return s, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// load submits reports and notes how long each took.
type load struct {
	meter  *meter
	failed atomic.Int64
	mu     sync.Mutex
	on     bool
	took   []time.Duration
	err    error
}

func (l *load) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on, l.took = true, nil
	l.failed.Store(0)
}

func (l *load) end() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on = false
	return l.took
}

func (l *load) last() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// run shares one report after another until ctx ends; the last one is finished.
func (l *load) run(ctx context.Context, c *client.Contract) {
	for ctx.Err() == nil {
		var b [32]byte
		_, _ = rand.Read(b[:]) // never fails
		arg, err := json.Marshal(ledger.ShareThreat{
			Digest: hex.EncodeToString(b[:]), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 1024,
		})
		begin := time.Now()
		if err == nil {
			_, err = c.SubmitWithContext(context.WithoutCancel(ctx), ledger.ThreatShare, client.WithArguments(string(arg)))
		}
		l.mu.Lock()
		switch {
		case err != nil:
			l.failed.Add(1)
			l.err = err
		case l.on:
			l.took = append(l.took, time.Since(begin))
		}
		l.mu.Unlock()
	}
}

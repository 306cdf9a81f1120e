// Package launch brings a whole consortium up on one machine, looks at it, and
// takes it down: orderers, peers and nodes as background processes on loopback. Every step asks first what is there, so that the same call
// starts a network, repairs one of which half was killed, upgrades one whose
// program changed, and does nothing to one that is well.
package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/network/build"
	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// How long each part of a start may take before it is given up. They are for
// machines that are busy with something else; a quiet one needs seconds.
const (
	fabricTime = 3 * time.Minute // orderers and peers up and on the channel
	deployTime = 4 * time.Minute // chaincode installed, approved, committed, endorsing
	nodeTime   = 2 * time.Minute // nodes ready
	stopGrace  = 25 * time.Second
)

// Options say what to bring up. The zero value is the default network.
type Options struct {
	// Dir is the state directory. Default: .secant in the home directory.
	Dir string
	// Port is the first of the 100 ports that the network uses. Zero: as the
	// directory's network has it, else 7000.
	Port int
	// Out is told of the progress. Default: nobody is.
	Out io.Writer
	// Source is the root of this module's source. Default: found from the working
	// directory upwards.
	Source string
	// Cache is the folder of built programs. Default: SECANT_CACHE, else below
	// the user's cache folder.
	Cache string
	// Tuning, when it is not nil, replaces settings of the network, from now on.
	Tuning *topology.Tuning
	// NoNodes leaves the nodes out: the ledger alone.
	NoNodes bool
}

// launcher is one run of a command on one network.
type launcher struct {
	net      *topology.Network
	table    process.Table
	programs *build.Programs
	progress *progress
}

func newLauncher(n *topology.Network, out io.Writer) *launcher {
	if out == nil {
		out = io.Discard
	}
	return &launcher{net: n, table: process.Table{Dir: n.RunDir()}, progress: &progress{out: out}}
}

// Up brings the network up, or back up, and returns its state when a majority
// endorses and every node is ready. It may be called again at any time.
func Up(ctx context.Context, o Options) (*State, error) {
	start := time.Now()
	dir, err := stateDir(o.Dir)
	if err != nil {
		return nil, err
	}
	n, err := network(dir, o.Port)
	if err != nil {
		return nil, err
	}
	if o.Tuning != nil {
		n.Tuning = o.Tuning
	}
	unlock, err := lock(n, "up")
	if err != nil {
		return nil, err
	}
	defer unlock()

	l := newLauncher(n, o.Out)
	s, err := l.up(ctx, o)
	if err != nil && ctx.Err() != nil {
		return nil, &process.Failure{
			What: "bringing the network up", Err: context.Cause(ctx),
			Do: "what was started goes on running: `secant up` resumes, `secant down` stops it",
		}
	}
	if err != nil {
		return nil, err
	}
	l.progress.say("up in %.1fs", time.Since(start).Seconds())
	return s, nil
}

func (l *launcher) up(ctx context.Context, o Options) (*State, error) {
	n := l.net
	l.progress.say("consortium %q in %s, ports %d to %d", n.Name, n.Dir, n.Base, n.Base+topology.Span-1)
	if err := preflight(n); err != nil {
		return nil, err
	}
	if err := l.stopFormer(ctx); err != nil {
		return nil, err
	}
	running, err := l.running()
	if err != nil {
		return nil, err
	}
	for _, p := range n.Processes() {
		if running[p.Name] {
			continue
		}
		if err := l.reclaim(ctx, p); err != nil {
			return nil, err
		}
	}
	if err := checkPorts(ctx, n, running); err != nil {
		return nil, err
	}
	if port, foreign := strangerWithin(n); foreign {
		l.progress.say("warning: somebody uses port %d, within the %d ports from %d on; another network there needs ports of its own (--port)",
			port, topology.Span, n.Base)
	}
	if err := l.build(ctx, o); err != nil {
		return nil, err
	}
	// From here on the directory is ours, also if the rest fails.
	if err := n.Save(); err != nil {
		return nil, err
	}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	if err := l.fabric(ctx); err != nil {
		return nil, err
	}
	if !o.NoNodes {
		if err := l.nodes(ctx); err != nil {
			return nil, err
		}
	}
	return l.state(ctx, !o.NoNodes)
}

// build makes the programs that are missing. Where it cannot, away from the
// source or without a compiler, a network that was up before starts with the
// programs of that time.
func (l *launcher) build(ctx context.Context, o Options) error {
	var err error
	l.programs, err = build.All(ctx, build.Options{Cache: o.Cache, Source: o.Source, Step: l.progress.step})
	if !errors.Is(err, build.ErrNoSource) && !errors.Is(err, exec.ErrNotFound) {
		return err
	}
	last, lastErr := l.lastPrograms()
	if lastErr != nil {
		return err
	}
	l.programs = last
	l.progress.say("starting the programs of last time: %v", errors.Unwrap(err))
	return nil
}

// lastPrograms returns the programs with which the network was last up, if they
// are all still there.
func (l *launcher) lastPrograms() (*build.Programs, error) {
	b, err := os.ReadFile(l.net.ProgramsFile())
	if err != nil {
		return nil, fmt.Errorf("reading which programs ran last: %w", err)
	}
	p := &build.Programs{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("reading which programs ran last: %w", err)
	}
	for _, path := range []string{p.Peer, p.Orderer, p.Configtxgen, p.Secant, p.Chaincode, p.Builder} {
		if _, err := build.Digest(path); err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("looking for a program: %w", err)
		}
		now := time.Now()
		_ = os.Chtimes(filepath.Dir(path), now, now) // in use: not among those that go when newer ones come
	}
	return p, nil
}

// stateDir resolves the state directory.
func stateDir(asked string) (string, error) {
	if asked == "" {
		return topology.DefaultDir()
	}
	dir, err := filepath.Abs(asked)
	if err != nil {
		return "", fmt.Errorf("resolving the state directory: %w", err)
	}
	return dir, nil
}

// network loads the directory's network, or makes a new one that is not saved
// yet.
func network(dir string, port int) (*topology.Network, error) {
	n, err := topology.Load(dir)
	switch {
	case errors.Is(err, topology.ErrNoNetwork):
		if err := empty(dir); err != nil {
			return nil, err
		}
		return topology.New(dir, port)
	case err != nil:
		return nil, reachable(dir, err)
	case port != 0 && port != n.Base:
		return nil, &process.Failure{
			What: "choosing the ports", Err: fmt.Errorf("the network in %s uses ports from %d on, and its channel names them", n.Dir, n.Base),
			Do: "leave --port out, give another --dir for a second network, or start anew with: secant reset",
		}
	}
	return n, nil
}

func lock(n *topology.Network, what string) (func(), error) {
	unlock, err := disk.Lock(n.LockFile(), "secant "+what)
	var held *disk.Held
	if errors.As(err, &held) {
		return nil, &process.Failure{
			What: "taking the network in " + n.Dir, Err: held,
			Do: "wait until it has ended; `secant status` shows how far it is",
		}
	}
	return unlock, reachable(n.Dir, err)
}

// running names the processes that run as they were last started. It forgets
// chaincode that has ended: its peer starts another, under another name when the
// code has changed.
func (l *launcher) running() (map[string]bool, error) {
	records, err := l.table.List()
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, r := range records {
		out[r.Name] = r.Alive()
		if !out[r.Name] && r.Kind == string(topology.KindChaincode) {
			if err := l.table.Forget(r.Name); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// ensure starts a process that is not running, and starts anew one whose program
// or configuration has changed.
func (l *launcher) ensure(ctx context.Context, p topology.Process, env ...string) (process.Record, error) {
	spec, err := l.spec(p, env...)
	if err != nil {
		return process.Record{}, err
	}
	r, found, err := l.table.Find(p.Name)
	if err != nil {
		return r, err
	}
	if found && r.Alive() {
		if r.Fingerprint == spec.Fingerprint {
			return r, process.Trim(r.Log)
		}
		l.progress.say("restarting %s: its program or configuration changed", p.Name)
		if _, err := l.table.Stop(ctx, []process.Record{r}, stopGrace); err != nil {
			return r, err
		}
	}
	if p.Kind == topology.KindPeer {
		if err := l.stopChaincodes(ctx, p.Name); err != nil {
			return r, err
		}
	}
	if err := l.reclaim(ctx, p); err != nil {
		return r, err
	}
	if p.Kind != topology.KindNode {
		if err := l.clean(p); err != nil {
			return r, err
		}
	}
	return l.table.Start(spec)
}

// current reports whether a process runs as it should be started.
func (l *launcher) current(p topology.Process) (bool, error) {
	spec, err := l.spec(p)
	if err != nil {
		return false, err
	}
	r, found, err := l.table.Find(p.Name)
	return found && r.Alive() && r.Fingerprint == spec.Fingerprint, err
}

// startAll ensures all processes of a kind and waits for each, side by side,
// with the given check.
func (l *launcher) startAll(ctx context.Context, kind topology.Kind, check func(topology.Process) (probe, error)) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, p := range l.net.Processes() {
		if p.Kind != kind {
			continue
		}
		g.Go(func() error {
			r, err := l.ensure(gctx, p)
			if err != nil {
				return err
			}
			probe, err := check(p)
			if err != nil {
				return err
			}
			return l.until(gctx, r, probe)
		})
	}
	return g.Wait()
}

// probe asks a process whether it has come as far as it should. It may bring
// the process further, too.
type probe func(ctx context.Context) error

// until asks again and again until the probe is content. It ends early when the
// process has ended, and shows its log either way.
func (l *launcher) until(ctx context.Context, r process.Record, ask probe) error {
	const (
		pause = 50 * time.Millisecond
		each  = 30 * time.Second
	)
	for {
		attempt, cancel := context.WithTimeout(ctx, each)
		err := ask(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if !r.Alive() {
			return r.Failed("starting "+r.Name, errors.New("it ended by itself"), l.revive(r))
		}
		select {
		case <-ctx.Done():
			return r.Failed("waiting for "+r.Name, fmt.Errorf("it runs, but does not answer as it should: %w", err),
				"see its log; `secant down` and `secant up` start it anew, `secant reset` starts from nothing")
		case <-time.After(pause):
		}
	}
}

// revive says what to do about a process that does not start. A peer's ledger is
// a copy: the others give it back.
func (l *launcher) revive(r process.Record) string {
	const again = "see its log; then run the command again"
	if r.Kind != string(topology.KindPeer) {
		return again
	}
	return again + "; should its ledger be damaged, delete " + filepath.Join(l.net.PeerDir(r.Name), "data") +
		": the peer fetches the channel from the orderers anew"
}

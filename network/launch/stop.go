package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// Down stops everything in the order in which it can end cleanly: nodes, peers,
// chaincodes that outlived theirs, orderers. What does not end is killed. All
// data stays.
func Down(ctx context.Context, dir string, out io.Writer) error {
	n, err := existing(dir)
	if err != nil {
		return err
	}
	unlock, err := lock(n, "down")
	if err != nil {
		return err
	}
	defer unlock()
	l := newLauncher(n, out)
	stopped, err := l.stop(ctx)
	switch {
	case err != nil:
		return err
	case stopped == 0:
		l.progress.say("was not running; its data is in %s", n.Dir)
	default:
		l.progress.say("stopped; its data stays in %s", n.Dir)
	}
	return nil
}

// existing loads the network of a directory.
func existing(dir string) (*topology.Network, error) {
	dir, err := stateDir(dir)
	if err != nil {
		return nil, err
	}
	n, err := topology.Load(dir)
	if errors.Is(err, topology.ErrNoNetwork) {
		return nil, &process.Failure{
			What: "looking for a network in " + dir, Err: err,
			Do: "start one with `secant up`, or say where it is with --dir",
		}
	}
	return n, reachable(dir, err)
}

// reachable says what to do about a state directory that is somebody else's.
func reachable(dir string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return &process.Failure{
		What: "using the state directory " + dir, Err: err,
		Do: "say with --dir a directory that is yours (or SECANT_DIR)",
	}
}

// stop ends all processes and returns how many ran.
func (l *launcher) stop(ctx context.Context) (int, error) {
	records, err := l.table.List()
	if err != nil {
		return 0, err
	}
	stopped := 0
	for _, kind := range []topology.Kind{topology.KindNode, topology.KindPeer, topology.KindChaincode, topology.KindOrderer} {
		var these []process.Record
		running := 0
		for _, r := range records {
			if r.Kind != string(kind) {
				continue
			}
			these = append(these, r)
			if r.Alive() {
				running++
			}
		}
		if len(these) == 0 {
			continue
		}
		stopped += running
		var done func(error)
		if running > 0 {
			done = l.progress.step(fmt.Sprintf("stopping %d %ss", running, kind))
		}
		killed, err := l.table.Stop(ctx, these, stopGrace)
		if done != nil {
			done(err)
		}
		if err != nil {
			return stopped, err
		}
		if len(killed) > 0 {
			l.progress.say("had to kill %s", strings.Join(killed, ", "))
		}
	}
	return stopped, nil
}

// stopFormer ends what former members still run: a removal that stopped half-way
// leaves it.
func (l *launcher) stopFormer(ctx context.Context) error {
	s := &Session{l: l}
	for _, p := range l.net.FormerProcesses() {
		if err := s.Stop(ctx, p.Name); err != nil {
			return err
		}
	}
	return nil
}

// stopChaincodes ends what chaincode of a peer still runs although the peer does
// not: one that never reached its peer does not notice that it is gone.
func (l *launcher) stopChaincodes(ctx context.Context, peer string) error {
	records, err := l.table.List()
	if err != nil {
		return err
	}
	var left []process.Record
	for _, r := range records {
		if r.Kind == string(topology.KindChaincode) && strings.HasPrefix(r.Name, chaincodeName(peer)+"-") {
			left = append(left, r)
		}
	}
	_, err = l.table.Stop(ctx, left, stopGrace)
	return err
}

// chaincodeName begins the name of a peer's chaincode processes; the builder
// adds the package.
func chaincodeName(peer string) string { return "chaincode-" + peer }

// Reset stops everything and deletes the network's directory. It touches a
// directory only if that holds a network of ours, or the lock alone that a failed
// first start leaves.
func Reset(ctx context.Context, dir string, out io.Writer) error {
	n, err := existing(dir)
	if errors.Is(err, topology.ErrNoNetwork) {
		if n = begun(dir); n == nil {
			return err
		}
	} else if err != nil {
		return err
	}
	unlock, err := lock(n, "reset")
	if err != nil {
		return err
	}
	defer unlock()
	l := newLauncher(n, out)
	if _, err := l.stop(ctx); err != nil {
		return err
	}
	// The network file goes last: if deleting stops half-way, the next reset
	// still knows the directory as ours.
	for _, path := range n.Contents() {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("deleting the network: %w", err)
		}
	}
	// A directory with anything else in it stays.
	_ = os.Remove(n.WalletsDir())
	_ = os.Remove(n.Dir)
	l.progress.say("deleted the network in %s", n.Dir)
	return nil
}

// begun returns the network of a directory in which a first start failed before
// it made anything; nil for any other directory.
func begun(dir string) *topology.Network {
	dir, err := stateDir(dir)
	if err != nil {
		return nil
	}
	n := &topology.Network{Dir: dir}
	if !exists(n.LockFile()) || empty(dir) != nil {
		return nil
	}
	return n
}

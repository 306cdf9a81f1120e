package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	return newLauncher(n, out).stop(ctx)
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
	return n, err
}

func (l *launcher) stop(ctx context.Context) error {
	records, err := l.table.List()
	if err != nil {
		return err
	}
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
		var done func(error)
		if running > 0 {
			done = l.progress.step(fmt.Sprintf("stopping %d %ss", running, kind))
		}
		killed, err := l.table.Stop(ctx, these, stopGrace)
		if done != nil {
			done(err)
		}
		if err != nil {
			return err
		}
		if len(killed) > 0 {
			l.progress.say("had to kill %s", strings.Join(killed, ", "))
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
// directory only if that holds a network of ours.
func Reset(ctx context.Context, dir string, out io.Writer) error {
	n, err := existing(dir)
	if err != nil {
		return err
	}
	unlock, err := lock(n, "reset")
	if err != nil {
		return err
	}
	defer unlock()
	l := newLauncher(n, out)
	if err := l.stop(ctx); err != nil {
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
	_ = os.Remove(n.Dir)
	l.progress.say("deleted the network in %s", n.Dir)
	return nil
}

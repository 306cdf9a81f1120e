package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// Start starts one process of a network that was up before, with the programs
// of that time, and waits until it answers as it should. env ("KEY=value") is
// added to its environment. A process that runs is left alone.
func Start(ctx context.Context, dir, name string, env ...string) error {
	l, p, err := one(dir, name)
	if err != nil {
		return err
	}
	unlock, err := lock(l.net, "start "+name)
	if err != nil {
		return err
	}
	defer unlock()
	if l.programs, err = l.lastPrograms(); err != nil {
		return &process.Failure{What: "starting " + name, Err: err, Do: "run `secant up` first"}
	}
	ctx, cancel := context.WithTimeout(ctx, nodeTime)
	defer cancel()
	r, err := l.ensure(ctx, p, env...)
	if err != nil {
		return err
	}
	probe, err := l.answers(p)
	if err != nil {
		return err
	}
	return l.until(ctx, r, probe)
}

// answers is the probe of one process on a network that has its channel.
func (l *launcher) answers(p topology.Process) (probe, error) {
	switch p.Kind {
	case topology.KindNode:
		o, _ := l.net.Organisation(p.Organisation)
		return func(ctx context.Context) error { return ready(ctx, o.Node) }, nil
	case topology.KindOrderer, topology.KindPeer:
		genesis, err := channel.ReadGenesis(l.net)
		if err != nil {
			return nil, err
		}
		if p.Kind == topology.KindOrderer {
			return l.joinOrderer(p, genesis)
		}
		return l.joinPeer(p, genesis), nil
	default:
		return nil, fmt.Errorf("%s is started by its peer", p.Name)
	}
}

// Kill sends a signal to one process. With SIGKILL or SIGTERM it also waits
// until the process is gone. A process that does not run is an error.
func Kill(dir, name string, sig syscall.Signal) error {
	n, err := existing(dir)
	if err != nil {
		return err
	}
	r, found, err := process.Table{Dir: n.RunDir()}.Find(name)
	if err != nil {
		return err
	}
	sent := false
	if found {
		if sent, err = r.Signal(sig); err != nil {
			return err
		}
	}
	if !sent {
		return fmt.Errorf("%s does not run", name)
	}
	if sig != syscall.SIGKILL && sig != syscall.SIGTERM {
		return nil
	}
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for deadline := time.Now().Add(stopGrace); r.Alive(); <-t.C {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s still runs %s after signal %d", name, stopGrace, sig)
		}
	}
	return nil
}

// one finds a process of a network by its name.
func one(dir, name string) (*launcher, topology.Process, error) {
	n, err := existing(dir)
	if err != nil {
		return nil, topology.Process{}, err
	}
	p, ok := n.Process(name)
	if !ok {
		return nil, p, unknown(n, name)
	}
	return newLauncher(n, nil), p, nil
}

func unknown(n *topology.Network, name string) error {
	var names []string
	for _, p := range n.Processes() {
		names = append(names, p.Name)
	}
	return &process.Failure{
		What: "looking for the process " + name, Err: errors.New("the network has none of that name"),
		Do: "take one of: " + strings.Join(names, ", "),
	}
}

// Logs copies the log of a process to out. With follow it goes on until ctx
// ends. The name of a chaincode process serves as well, as status shows it or
// without its last part.
func Logs(ctx context.Context, dir, name string, out io.Writer, follow bool) error {
	n, err := existing(dir)
	if err != nil {
		return err
	}
	path, err := logOf(n, name)
	if err != nil {
		return err
	}
	return follower{path: path, out: out}.run(ctx, follow)
}

// logOf finds the log of a process by the process's name.
func logOf(n *topology.Network, name string) (string, error) {
	if _, ok := n.Process(name); ok {
		return n.LogFile(name), nil
	}
	for _, p := range n.Processes() {
		// All chaincode of a peer shares a log, also after it has ended.
		of := chaincodeName(p.Name)
		if p.Kind == topology.KindPeer && (name == of || strings.HasPrefix(name, of+"-")) {
			return n.LogFile(of), nil
		}
	}
	return "", unknown(n, name)
}

// follower copies a file that grows, is cut, or is put aside and begun anew.
type follower struct {
	path string
	out  io.Writer
}

func (f follower) run(ctx context.Context, follow bool) error {
	const pause = 200 * time.Millisecond
	var at int64
	t := time.NewTicker(pause)
	defer t.Stop()
	for {
		var err error
		if at, err = f.copyFrom(at); err != nil || !follow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// copyFrom copies what stands after an offset and returns the next one.
func (f follower) copyFrom(at int64) (int64, error) {
	file, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil // nothing was logged yet
	}
	if err != nil {
		return at, fmt.Errorf("opening the log: %w", err)
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return at, fmt.Errorf("measuring the log: %w", err)
	}
	if st.Size() < at {
		at = 0 // it was cut or begun anew
	}
	if _, err := file.Seek(at, io.SeekStart); err != nil {
		return at, fmt.Errorf("seeking in the log: %w", err)
	}
	n, err := io.Copy(f.out, file)
	if err != nil {
		return at + n, fmt.Errorf("copying the log: %w", err)
	}
	return at + n, nil
}

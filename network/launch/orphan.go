package launch

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// reclaim ends what holds a port of a process that is about to be started, if it
// is that process itself: a launcher that was killed between starting it and
// recording it leaves one that nobody knows of. It is ours beyond doubt only if it
// works in that process's own folder; anybody else is left alone.
func (l *launcher) reclaim(ctx context.Context, p topology.Process) error {
	dir := l.net.NodeDir(p.Organisation)
	if p.Kind != topology.KindNode {
		dir = l.folder(p)
	}
	place, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil //nolint:nilerr // there is no such folder yet, so nobody works in it
	}
	for _, port := range p.Ports {
		if free(port.Number) {
			continue
		}
		o, known := process.FindOwner(port.Number)
		if !known || o.PID <= 1 || o.Dir != place {
			continue
		}
		l.progress.say("ending process %d: it is %s, started but never recorded", o.PID, p.Name)
		if err := end(ctx, o.PID, port.Number); err != nil {
			return fmt.Errorf("ending a %s that was never recorded: %w", p.Name, err)
		}
	}
	return nil
}

// end has a process end, kindly at first, and waits until its port is free.
func end(ctx context.Context, pid, port int) error {
	const kind = 10 * time.Second
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(pid, sig); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("signalling process %d: %w", pid, err)
		}
		for deadline := time.Now().Add(kind); time.Now().Before(deadline); {
			if free(port) {
				return nil
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return fmt.Errorf("process %d goes on", pid)
}

package process

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// look is how often a process is looked at while waiting for it.
const look = 20 * time.Millisecond

// Signal sends a signal to the process of a record, if it still runs. It
// reports whether it did.
func (r Record) Signal(sig syscall.Signal) (bool, error) {
	if !r.Alive() {
		return false, nil
	}
	err := syscall.Kill(r.PID, sig)
	if errors.Is(err, syscall.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("signalling %s (process %d): %w", r.Name, r.PID, err)
	}
	return true, nil
}

// Stop asks all the processes to end, kills those that have not after grace,
// waits until each is gone and forgets it. It returns the names of those that
// had to be killed. When ctx ends first, the rest stays recorded.
func (t Table) Stop(ctx context.Context, records []Record, grace time.Duration) (killed []string, err error) {
	for _, r := range records {
		if _, err := r.Signal(syscall.SIGTERM); err != nil {
			return nil, err
		}
	}
	deadline := time.Now().Add(grace)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for _, r := range records {
		sent := false
		for r.Alive() {
			if !sent && time.Now().After(deadline) {
				if _, err := r.Signal(syscall.SIGKILL); err != nil {
					return killed, err
				}
				sent = true
				killed = append(killed, r.Name)
			}
			select {
			case <-ctx.Done():
				return killed, fmt.Errorf("stopping %s: %w", r.Name, ctx.Err())
			case <-ticker.C:
			}
		}
		if err := t.Forget(r.Name); err != nil {
			return killed, err
		}
	}
	return killed, nil
}

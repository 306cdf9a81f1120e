// Package demo plays the people, programs and devices around a running
// consortium: it loads a small living one, and it runs the main job and checks
// each step. It knows the nodes by their HTTP interface only and is in no way
// privileged. What it has to compute itself, a device's signature and a risk
// score, it computes by the documented formats and not with the platform's
// code, so that it is also a check of those documents.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// Target is a running consortium.
type Target struct {
	Dir    string // its state directory
	Secant string // the program that verifies proofs; empty: the one that is running
}

// The organisations that take part.
const (
	north   = "hospital-north"
	south   = "hospital-south"
	east    = "hospital-east"
	medtech = "medtech"
)

// The roles in which the nodes are called.
const (
	registrar   = "registrar"
	analyst     = "analyst"
	riskManager = "risk-manager"
	auditor     = "auditor"
	operator    = "operator"
)

// requestTimeout bounds one call; a command waits for its block.
const requestTimeout = 60 * time.Second

// world is the consortium as seen by those who call it.
type world struct {
	net    *topology.Network
	client *http.Client
	secant string
}

func open(t Target) (*world, error) {
	net, err := topology.Load(t.Dir)
	if errors.Is(err, topology.ErrNoNetwork) {
		return nil, &process.Failure{
			What: "looking for a network in " + t.Dir, Err: err,
			Do: "start one with `secant up`, or say where it is with --dir",
		}
	}
	if err != nil {
		return nil, fmt.Errorf("finding the consortium: %w", err)
	}
	w := &world{net: net, secant: t.Secant, client: &http.Client{Timeout: requestTimeout}}
	if w.secant == "" {
		if w.secant, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("finding the program that verifies proofs: %w", err)
		}
	}
	for _, org := range []string{north, south, east, medtech} {
		if _, ok := net.Organisation(org); !ok {
			return nil, fmt.Errorf("the consortium in %s has no %s", net.Dir, org)
		}
	}
	return w, nil
}

// dir is where the demo keeps what its devices would keep: keys above all.
func (w *world) dir(parts ...string) string {
	return filepath.Join(append([]string{w.net.Dir, "demo"}, parts...)...)
}

// as returns an organisation's node, to be called in a role.
func (w *world) as(org, role string) *caller {
	o, ok := w.net.Organisation(org)
	if !ok { // open has looked for every one that is named here
		panic("no organisation " + org)
	}
	return &caller{client: w.client, org: org, base: o.Node.URL(), tokenFile: w.net.TokenFile(org, role)}
}

// patience is how long one organisation may take to learn what another did.
const patience = 2 * time.Minute

// await asks until ok says yes. An error of ok ends the wait.
func await(ctx context.Context, what string, ok func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ok(ctx)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("waiting for %s: nothing after %v", what, patience)
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// narrator writes one line for each step, with what it took. The first failed
// write sticks.
type narrator struct {
	out   io.Writer
	step  int
	begin time.Time
	err   error
}

func narrate(out io.Writer) *narrator { return &narrator{out: out, begin: time.Now()} }

// did tells of a step that was done and checked.
func (n *narrator) did(format string, args ...any) {
	n.step++
	n.line(fmt.Sprintf("%2d  %s (%s)", n.step, fmt.Sprintf(format, args...), since(n.begin)))
	n.begin = time.Now()
}

// note adds to a step.
func (n *narrator) note(format string, args ...any) {
	n.line("    " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n    "))
}

func (n *narrator) line(s string) {
	if n.err == nil {
		_, n.err = fmt.Fprintln(n.out, s)
	}
}

func since(t time.Time) string {
	d := time.Since(t)
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// short is the beginning of an id, enough to recognise it.
func short(id string) string { return id[:min(len(id), 12)] }

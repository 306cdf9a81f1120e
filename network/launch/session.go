package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// Session is a network in the hands of one command that governs it: until Close
// no other command changes it.
type Session struct {
	l      *launcher
	unlock func()
}

// Open takes the network of a directory for a command, which is named for those
// who have to wait. out is told of the progress; nil: nobody is.
func Open(dir, command string, out io.Writer) (*Session, error) {
	n, err := existing(dir)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(n, command)
	if err != nil {
		return nil, err
	}
	// What stands on the disk may have changed before the lock was ours.
	if n, err = existing(dir); err != nil {
		unlock()
		return nil, err
	}
	return &Session{l: newLauncher(n, out), unlock: unlock}, nil
}

// Close lets others have the network.
func (s *Session) Close() { s.unlock() }

// Network is the network as its file describes it.
func (s *Session) Network() *topology.Network { return s.l.net }

// Step tells of a step that begins, and returns what to call when it is done.
func (s *Session) Step(what string) func(error) { return s.l.progress.step(what) }

// Say tells of something that was found or done.
func (s *Session) Say(format string, args ...any) { s.l.progress.say(format, args...) }

// Restart stops a process and starts it again with the programs of last time,
// and waits until it answers as it should: of a peer, that it brings a majority
// together. One that does not run is started.
func (s *Session) Restart(ctx context.Context, name string) error {
	p, ok := s.l.net.Process(name)
	if !ok {
		return unknown(s.l.net, name)
	}
	var err error
	if s.l.programs, err = s.l.lastPrograms(); err != nil {
		return &process.Failure{What: "restarting " + name, Err: err, Do: "run `secant up` first"}
	}
	ctx, cancel := context.WithTimeout(ctx, nodeTime)
	defer cancel()
	r, found, err := s.l.table.Find(name)
	if err != nil {
		return err
	}
	if found {
		if _, err := s.l.table.Stop(ctx, []process.Record{r}, stopGrace); err != nil {
			return err
		}
	}
	if r, err = s.l.ensure(ctx, p); err != nil {
		return err
	}
	probe, err := s.l.answers(p)
	if err != nil {
		return err
	}
	if err := s.l.until(ctx, r, probe); err != nil || p.Kind != topology.KindPeer {
		return err
	}
	peer, err := s.l.dial(name)
	if err != nil {
		return err
	}
	defer peer.Close()
	return s.l.deployer([]*channel.Peer{peer}).Ready(ctx, readyFunction)
}

// errDown means that a governing command found processes that do not run.
var errDown = errors.New("everything has to run for this")

// Running fails when a process of the given kinds does not run: a change that
// needs them all had better not begin.
func (s *Session) Running(kinds ...topology.Kind) error {
	running, err := s.l.running()
	if err != nil {
		return err
	}
	for _, p := range s.l.net.Processes() {
		if slices.Contains(kinds, p.Kind) && !running[p.Name] {
			return &process.Failure{
				What: "looking at what runs", Err: fmt.Errorf("%s does not: %w", p.Name, errDown),
				Do: "run `secant up`, then the command again",
			}
		}
	}
	return nil
}

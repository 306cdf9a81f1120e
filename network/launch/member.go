package launch

import (
	"context"
	"errors"
	"time"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// Save writes the network file: what was changed in the session's network.
func (s *Session) Save() error { return s.l.net.Save() }

// Alive names the processes that run.
func (s *Session) Alive() (map[string]bool, error) {
	all, err := s.l.running()
	if err != nil {
		return nil, err
	}
	for name, alive := range all {
		if !alive {
			delete(all, name)
		}
	}
	return all, nil
}

// programs finds the programs with which the network was last up: a change of
// its members upgrades nothing.
func (s *Session) programs() error {
	if s.l.programs != nil {
		return nil
	}
	p, err := s.l.lastPrograms()
	if err != nil {
		return &process.Failure{What: "looking for the programs that run", Err: err, Do: "run `secant up` first"}
	}
	s.l.programs = p
	return nil
}

// CheckPorts fails when a port of a joining organisation is in use.
func (s *Session) CheckPorts(ctx context.Context) error {
	joining := *s.l.net
	joining.Organisations = s.l.net.Joining
	running, err := s.l.running()
	if err != nil {
		return err
	}
	return checkPorts(ctx, &joining, running)
}

// Prepare makes the certificates that are missing and renders every process's
// configuration anew. It restarts nothing.
func (s *Session) Prepare(ctx context.Context) error {
	if err := s.programs(); err != nil {
		return err
	}
	return s.l.prepare(ctx)
}

// Fabric starts the members' orderers and peers that do not run, restarts those
// whose configuration has changed, brings them onto the channel, and the
// chaincode with which the network was last up onto the peers.
func (s *Session) Fabric(ctx context.Context) error {
	if err := s.programs(); err != nil {
		return err
	}
	return s.l.fabric(ctx)
}

// Nodes configures the members' nodes anew and restarts those whose
// configuration has changed, one after the other, each when the one before is
// ready: an organisation is without its node for seconds, the consortium never
// without nodes.
func (s *Session) Nodes(ctx context.Context) error {
	if err := s.programs(); err != nil {
		return err
	}
	if err := s.l.configureNodes(); err != nil {
		return err
	}
	for _, p := range s.l.net.Processes() {
		if p.Kind != topology.KindNode {
			continue
		}
		if err := s.node(ctx, p); err != nil {
			return err
		}
	}
	return s.l.tokens(ctx)
}

// node starts or restarts one node, unless it runs as it should.
func (s *Session) node(ctx context.Context, p topology.Process) error {
	ctx, cancel := context.WithTimeout(ctx, nodeTime)
	defer cancel()
	current, err := s.l.current(p)
	if err != nil {
		return err
	}
	r, err := s.l.ensure(ctx, p)
	if err != nil {
		return err
	}
	done := func(error) {}
	if !current {
		done = s.Step("waiting until " + p.Name + " is ready")
	}
	ask, err := s.l.answers(p)
	if err == nil {
		err = s.l.until(ctx, r, ask)
	}
	done(err)
	return err
}

// Stop ends processes by their names, members' or not, with what chaincode of
// theirs still runs. One that does not run is left alone.
func (s *Session) Stop(ctx context.Context, all ...string) error {
	for _, name := range all {
		r, found, err := s.l.table.Find(name)
		if err != nil {
			return err
		}
		if found && r.Alive() {
			done := s.l.progress.step("stopping " + name)
			_, err = s.l.table.Stop(ctx, []process.Record{r}, stopGrace)
			done(err)
		} else if found {
			err = s.l.table.Forget(name)
		}
		if err != nil {
			return err
		}
		if err := s.l.stopChaincodes(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// changeTime is how long a change of the channel's configuration may take. An
// orderer that has just left costs the others a change of their leader.
const changeTime = 2 * time.Minute

// Change changes the channel's configuration and says so as a step; see
// channel.Update. It waits for at most two minutes.
func (s *Session) Change(ctx context.Context, what string, change channel.Change) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	done := s.Step(what)
	changed, err = channel.Update(ctx, s.l.net, change)
	done(err)
	var refused *channel.Refused
	f := &process.Failure{What: what, Err: err}
	switch {
	case err == nil:
		return changed, nil
	case errors.Is(err, channel.ErrNoPeer):
		f.Do = "start the network with `secant up`, then run the command again"
	case errors.As(err, &refused):
		f.Do = "the channel is as it was; the orderer's log says more (secant logs " + refused.Orderer + ")"
	case ctx.Err() != nil:
		f.Do = "see with `secant status` that the orderers and a majority of the peers run, then run the command again: it finds out whether the change took effect"
	default:
		return changed, err
	}
	return changed, f
}

package govern

import (
	"context"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// rotateOrderer renews what an organisation's orderer has for its membership and
// for TLS. The consensus knows its orderers by their certificates, so the channel
// learns of the new ones first; from then until it has restarted with them the
// orderer counts as one that is down.
func rotateOrderer(ctx context.Context, s *launch.Session, o topology.Organisation) error {
	n := s.Network()
	r := material.OrdererOf(n, o)
	// While this one is out the others have to agree without it.
	if err := abreast(ctx, s, "looking whether the other orderers keep up", o.Orderer.Name); err != nil {
		return err
	}
	fresh, err := r.Stage(n, time.Now())
	if err != nil {
		return err
	}
	if !fresh {
		s.Say("going on with the renewal of %s that stopped", r.Name)
	}
	dir, ok := r.Staged()
	if !ok {
		dir = r.Dir()
	}
	c, err := channel.ConsenterAt(dir, o)
	if err != nil {
		return err
	}
	_, err = s.Change(ctx, "telling the channel of the new certificates of "+o.Orderer.Name, func(config *common.Config) error {
		return channel.PutConsenter(config, c)
	})
	if err != nil {
		return err
	}
	if err := r.Swap(); err != nil {
		return err
	}
	if err := restart(ctx, s, o.Orderer.Name); err != nil {
		return err
	}
	if err := abreast(ctx, s, "waiting until "+o.Orderer.Name+" keeps up with the others"); err != nil {
		return err
	}
	return r.Settle(n)
}

// abreast waits until all orderers, but those that are named, keep up.
func abreast(ctx context.Context, s *launch.Session, what string, but ...string) error {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	done := s.Step(what)
	err := channel.Abreast(ctx, s.Network(), but...)
	done(err)
	if err != nil {
		return &process.Failure{
			What: what, Err: err,
			Do: "see with `secant status` and `secant logs` what ails them, `secant up` starts what is down; then run the command again",
		}
	}
	return nil
}

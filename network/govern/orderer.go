package govern

import (
	"context"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

// rotateOrderer renews what an organisation's orderer has for its membership and
// for TLS. The consensus knows its orderers by their certificates, so the channel
// learns of the new ones first; from then until it has restarted with them the
// orderer counts as one that is down.
func rotateOrderer(ctx context.Context, s *launch.Session, o topology.Organisation) error {
	n := s.Network()
	r := material.OrdererOf(n, o)
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
	return r.Settle(n)
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/lifecycle"
	"github.com/secant-platform/secant/network/topology"
)

// endorseBy puts the chaincode under a policy that asks for peers of count
// organisations, whichever.
func endorseBy(ctx context.Context, dir string, count int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	n, err := topology.Load(dir)
	if err != nil {
		return fmt.Errorf("loading the network: %w", err)
	}
	d := &lifecycle.Deployer{Channel: n.Channel, Chaincode: n.Chaincode}
	defer func() {
		for _, p := range d.Peers {
			_ = p.Close() // nothing is lost with it
		}
	}()
	for _, o := range n.Organisations {
		for _, p := range o.Peers {
			c, err := channel.NewPeer(n, o, p)
			if err != nil {
				return fmt.Errorf("connecting to %s: %w", p.Name, err)
			}
			d.Peers = append(d.Peers, c)
		}
	}
	if _, err := d.Redefine(ctx, ledger.PolicyOutOf(count)); err != nil {
		return fmt.Errorf("changing the endorsement policy: %w", err)
	}
	if err := d.Ready(ctx, "org.hyperledger.fabric:GetMetadata"); err != nil {
		return fmt.Errorf("waiting for endorsers: %w", err)
	}
	return nil
}

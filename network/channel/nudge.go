package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/topology"
)

// Nudge has one more block made, with a transaction that reads a few rows and
// writes nothing. An orderer that was restarted misses what the others send it
// first, since they notice only then that their connections to it are broken; on
// a channel where nothing else happens it would stay behind.
func Nudge(ctx context.Context, n *topology.Network) error {
	arg, err := json.Marshal(ledger.PageRequest{Size: 1})
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	var last error
	for _, o := range n.Organisations {
		for _, p := range o.Peers {
			if !listening(ctx, p.Port) {
				continue
			}
			if last = nudge(ctx, n, o, p, arg); last == nil {
				return nil
			}
		}
	}
	if last == nil {
		last = ErrNoPeer
	}
	return last
}

func nudge(ctx context.Context, n *topology.Network, o topology.Organisation, p topology.Peer, arg []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askTime)
	defer cancel()
	peer, err := NewPeer(n, o, p)
	if err != nil {
		return err
	}
	defer peer.Close()
	g, err := peer.Gateway()
	if err != nil {
		return err
	}
	defer g.Close()
	_, err = g.GetNetwork(n.Channel).GetContract(n.Chaincode).
		SubmitWithContext(ctx, ledger.IdentityList, client.WithBytesArguments(arg))
	if err != nil {
		return fmt.Errorf("having a block made through %s: %w", p.Name, err)
	}
	return nil
}

// Abreast waits until every orderer of the network, but those that are named,
// takes part in ordering and has as many blocks as the one that has most. It has
// blocks made meanwhile. The error names those that do not keep up.
func Abreast(ctx context.Context, n *topology.Network, but ...string) error {
	const settle = 3 * time.Second // until another block is made
	nudged := time.Now()
	for {
		behind, err := notAbreast(ctx, n, but)
		if err != nil {
			return err
		}
		if len(behind) == 0 {
			return nil
		}
		if time.Since(nudged) > settle {
			_ = Nudge(ctx, n) // whether it helped is seen from the orderers
			nudged = time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("these orderers do not keep up: %w", errors.Join(behind...))
		case <-time.After(pause):
		}
	}
}

// notAbreast says of each orderer that does not keep up why not.
func notAbreast(ctx context.Context, n *topology.Network, but []string) ([]error, error) {
	heights := map[string]uint64{} // of those that take part
	var behind []error
	for _, o := range n.Organisations {
		if o.Orderer == nil || slices.Contains(but, o.Orderer.Name) {
			continue
		}
		client, err := NewOrderer(n, o)
		if err != nil {
			return nil, err
		}
		at, joined, err := client.Status(ctx)
		switch {
		case err != nil:
			behind = append(behind, fmt.Errorf("%s: %w", o.Orderer.Name, err))
		case !joined || !at.Active():
			behind = append(behind, fmt.Errorf("%s takes no part", o.Orderer.Name))
		default:
			heights[o.Orderer.Name] = at.Height
		}
	}
	var most uint64
	for _, h := range heights {
		most = max(most, h)
	}
	for name, h := range heights {
		if h < most {
			behind = append(behind, fmt.Errorf("%s has %d of %d blocks", name, h, most))
		}
	}
	return behind, nil
}

package channel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"
	"github.com/hyperledger/fabric-config/configtx"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	ab "github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

const (
	askTime = 10 * time.Second // one question to one process
	pause   = 100 * time.Millisecond
	// retries is how often a change is computed anew because another one came
	// between.
	retries = 5
)

// Change edits a copy of the channel's newest configuration. It may be called
// several times, and must change nothing in one that is as it should be.
type Change func(*common.Config) error

// Update changes the channel's configuration. It computes the difference, has it
// signed by the administrators of as many organisations as the policies of what
// is changed ask for, submits it, and returns when every member's peer and
// orderer that runs has the block. changed is false when there was nothing to
// do. While the network cannot order it tries until ctx ends; it may then still
// take effect, and calling Update again is the way to find out.
func Update(ctx context.Context, n *topology.Network, change Change) (changed bool, err error) {
	for range retries {
		now, err := Newest(ctx, n)
		if err != nil {
			return changed, err
		}
		tx := configtx.New(now.Config)
		if err := change(tx.UpdatedConfig()); err != nil {
			return changed, err
		}
		if proto.Equal(now.Config.GetChannelGroup(), tx.UpdatedConfig().GetChannelGroup()) {
			return changed, everywhere(ctx, n, now)
		}
		update, err := tx.ComputeMarshaledUpdate(n.Channel)
		if err != nil {
			return changed, fmt.Errorf("computing the configuration's change: %w", err)
		}
		envelope, err := sign(n, now.Config, tx.UpdatedConfig(), update)
		if err != nil {
			return changed, err
		}
		changed = true
		if err := order(ctx, n, now, envelope); err != nil {
			return changed, err
		}
	}
	return changed, errors.New("the channel's configuration changes again and again while this change is made: try again when it rests")
}

// sign makes the envelope of an update with the signatures that it needs. An
// organisation that the change removes signs only if it cannot be done without.
func sign(n *topology.Network, config, updated *common.Config, marshaled []byte) (*common.Envelope, error) {
	update := &common.ConfigUpdate{}
	if err := proto.Unmarshal(marshaled, update); err != nil {
		return nil, fmt.Errorf("reading the change back: %w", err)
	}
	var able []string
	identities := map[string]*configtx.SigningIdentity{}
	for _, o := range n.Organisations {
		id, err := administrator(n, o.ID)
		if err != nil {
			return nil, err
		}
		able = append(able, o.ID)
		identities[o.ID] = id
	}
	leaves := func(org string) bool {
		return Application(updated).GetGroups()[org] == nil || Ordering(config).GetGroups()[org] != nil && Ordering(updated).GetGroups()[org] == nil
	}
	slices.SortStableFunc(able, func(a, b string) int {
		switch {
		case leaves(a) == leaves(b):
			return 0
		case leaves(a):
			return 1
		}
		return -1
	})
	signers, err := signersOf(config, update, able)
	if err != nil {
		return nil, err
	}
	var signatures []*common.ConfigSignature
	for _, org := range signers {
		s, err := identities[org].CreateConfigSignature(marshaled)
		if err != nil {
			return nil, fmt.Errorf("signing for %s: %w", org, err)
		}
		signatures = append(signatures, s)
	}
	envelope, err := configtx.NewEnvelope(marshaled, signatures...)
	if err != nil {
		return nil, fmt.Errorf("making the envelope: %w", err)
	}
	if err := identities[signers[0]].SignEnvelope(envelope); err != nil {
		return nil, fmt.Errorf("signing the envelope: %w", err)
	}
	return envelope, nil
}

// administrator loads the identity with which an organisation signs changes.
func administrator(n *topology.Network, org string) (*configtx.SigningIdentity, error) {
	dir := n.AdminDir(org)
	cert, err := identity.ReadCertificate(filepath.Join(dir, material.CertFile))
	if err != nil {
		return nil, fmt.Errorf("loading the administrator of %s: %w", org, err)
	}
	key, err := identity.ReadPrivateKey(filepath.Join(dir, material.KeyFile))
	if err != nil {
		return nil, fmt.Errorf("loading the administrator of %s: %w", org, err)
	}
	return &configtx.SigningIdentity{Certificate: cert, PrivateKey: key, MSPID: org}, nil
}

// order hands the envelope to the orderers, one after the other and again, until
// one takes it and the channel's configuration has moved on.
func order(ctx context.Context, n *topology.Network, from *Configuration, envelope *common.Envelope) error {
	const each = 8 * time.Second // until it is tried through another orderer
	var last error
	for {
		for _, o := range n.Organisations {
			if o.Orderer == nil || !listening(ctx, o.Orderer.Operations) {
				continue
			}
			last = broadcast(ctx, n, o, envelope)
			var refused *Refused
			if errors.As(last, &refused) && !moved(ctx, n, from) {
				return last
			}
			// An orderer's yes means that it has the change, not that it is
			// ordered; its no may mean that an earlier attempt went through.
			if err := awaitMove(ctx, n, from, each); err == nil {
				return nil
			} else if last == nil {
				last = err
			}
			if ctx.Err() != nil {
				return fmt.Errorf("changing the channel's configuration: %w", last)
			}
		}
		if last == nil {
			last = errors.New("no orderer runs")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("changing the channel's configuration: %w", last)
		case <-time.After(pause):
		}
	}
}

// Refused means that the orderers do not accept a change.
type Refused struct { //nolint:errname // named for the state it describes
	Orderer string
	Info    string // its reason
}

// Error names the orderer and its reason.
func (r *Refused) Error() string { return r.Orderer + " refused the change: " + r.Info }

// broadcast gives the envelope to one orderer.
func broadcast(ctx context.Context, n *topology.Network, o topology.Organisation, envelope *common.Envelope) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	roots, err := pool(n.TLSRoot(o.ID))
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(topology.Address(o.Orderer.Port),
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, "")))
	if err != nil {
		return fmt.Errorf("preparing the connection to %s: %w", o.Orderer.Name, err)
	}
	defer conn.Close()
	stream, err := ab.NewAtomicBroadcastClient(conn).Broadcast(ctx)
	if err != nil {
		return fmt.Errorf("calling %s: %w", o.Orderer.Name, err)
	}
	if err := stream.Send(envelope); err != nil {
		return fmt.Errorf("sending to %s: %w", o.Orderer.Name, err)
	}
	answer, err := stream.Recv()
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", o.Orderer.Name, err)
	}
	switch answer.GetStatus() {
	case common.Status_SUCCESS:
		return nil
	case common.Status_BAD_REQUEST, common.Status_FORBIDDEN, common.Status_REQUEST_ENTITY_TOO_LARGE:
		return &Refused{Orderer: o.Orderer.Name, Info: answer.GetInfo()}
	default:
		return fmt.Errorf("%s cannot take it now: %s %s", o.Orderer.Name, answer.GetStatus(), answer.GetInfo())
	}
}

func moved(ctx context.Context, n *topology.Network, from *Configuration) bool {
	now, err := Newest(ctx, n)
	return err == nil && now.Config.GetSequence() > from.Config.GetSequence()
}

// awaitMove waits a while until the channel has a newer configuration.
func awaitMove(ctx context.Context, n *topology.Network, from *Configuration, while time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, while)
	defer cancel()
	for !moved(ctx, n, from) {
		select {
		case <-ctx.Done():
			return errors.New("an orderer has the change, but no peer has seen it in a block")
		case <-time.After(pause):
		}
	}
	return nil
}

// everywhere waits until each peer and orderer that runs and belongs to the
// configuration has it.
func everywhere(ctx context.Context, n *topology.Network, c *Configuration) error {
	const settle = 3 * time.Second // until another block is made
	nudged := time.Now()
	for {
		behind, err := lagging(ctx, n, c)
		if err != nil || len(behind) == 0 {
			return err
		}
		if time.Since(nudged) > settle {
			_ = Nudge(ctx, n) // whether it helped is seen from those that lag
			nudged = time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the change stands in block %d, but these have not got it: %s", c.Number(), strings.Join(behind, ", "))
		case <-time.After(pause):
		}
	}
}

// lagging names the running processes that lack a configuration which concerns
// them.
func lagging(ctx context.Context, n *topology.Network, c *Configuration) ([]string, error) {
	var behind []string
	consenters, err := Consenters(c.Config)
	if err != nil {
		return nil, err
	}
	orders := map[string]bool{}
	for _, m := range consenters {
		orders[m.GetMspId()] = true
	}
	for _, o := range n.Organisations {
		if o.Orderer != nil && orders[o.ID] && listening(ctx, o.Orderer.Operations) {
			client, err := NewOrderer(n, o)
			if err != nil {
				return nil, err
			}
			switch st, joined, err := client.Status(ctx); {
			case err != nil:
				behind = append(behind, fmt.Sprintf("%s (%v)", o.Orderer.Name, err))
			case joined && st.Height <= c.Number():
				behind = append(behind, fmt.Sprintf("%s (it has %d blocks)", o.Orderer.Name, st.Height))
			}
		}
		if _, member := Application(c.Config).GetGroups()[o.ID]; !member {
			continue
		}
		for _, p := range o.Peers {
			if !listening(ctx, p.Operations) {
				continue
			}
			if lack := lacks(ctx, n, o, p, c); lack != "" {
				behind = append(behind, fmt.Sprintf("%s (%s)", p.Name, lack))
			}
		}
	}
	return behind, nil
}

// lacks says why a running peer has not got a configuration; empty when it has,
// or has not joined the channel yet: then it will learn all of it.
func lacks(ctx context.Context, n *topology.Network, o topology.Organisation, p topology.Peer, c *Configuration) string {
	peer, err := NewPeer(n, o, p)
	if err != nil {
		return err.Error()
	}
	defer peer.Close()
	asking, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	joined, err := peer.Joined(asking)
	if err != nil {
		return err.Error()
	}
	if !joined {
		return ""
	}
	now, err := peer.Configuration(ctx)
	switch {
	case err != nil:
		return err.Error()
	case now.Config.GetSequence() < c.Config.GetSequence():
		return fmt.Sprintf("it has the one of block %d", now.Number())
	}
	return ""
}

// listening reports whether anybody accepts connections at a port. It is asked of
// operations ports: the others expect TLS, and log a complaint about each knock.
func listening(ctx context.Context, port int) bool {
	d := net.Dialer{Timeout: 2 * time.Second}
	c, err := d.DialContext(ctx, "tcp", topology.Address(port))
	if err != nil {
		return false
	}
	_ = c.Close() // it was only knocked at
	return true
}

package govern

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

// probeFunction reads nothing and takes no arguments: contract-api gives it to
// every chaincode.
const probeFunction = "org.hyperledger.fabric:GetMetadata"

// trialTime is how long a certificate may take to be accepted: peers that have
// just started find each other within seconds.
const trialTime = 60 * time.Second

// pause is how long to wait before asking again.
const pause = 200 * time.Millisecond

// clientFiles and serverFiles are where certificate and key lie below the folder
// of a client and of a server.
var (
	clientFiles = [2]string{material.CertFile, material.KeyFile}
	serverFiles = [2]string{
		filepath.Join("msp", "signcerts", material.CertFile), filepath.Join("msp", "keystore", material.KeyFile),
	}
)

// load reads an identity of an organisation from its folder.
func load(org, dir string, files [2]string) (identity.SigningIdentity, error) {
	cert, err := identity.ReadCertificate(filepath.Join(dir, files[0]))
	if err != nil {
		return nil, fmt.Errorf("reading a certificate of %s: %w", org, err)
	}
	key, err := identity.ReadPrivateKey(filepath.Join(dir, files[1]))
	if err != nil {
		return nil, fmt.Errorf("reading a key of %s: %w", org, err)
	}
	id, err := identity.NewPrivateKeySigningIdentity(org, cert, key)
	if err != nil {
		return nil, fmt.Errorf("using a certificate of %s: %w", org, err)
	}
	return id, nil
}

// tryClient has a proposal endorsed with a client's identity by as many
// organisations as the policy wants: each checks the certificate.
func tryClient(ctx context.Context, n *topology.Network, o topology.Organisation, id identity.SigningIdentity) error {
	return through(ctx, n, o, o.Peers[0], id, func(ctx context.Context, g *client.Gateway) error {
		proposal, err := g.GetNetwork(n.Channel).GetContract(n.Chaincode).NewProposal(probeFunction)
		if err != nil {
			return fmt.Errorf("making a proposal: %w", err)
		}
		_, err = proposal.EndorseWithContext(ctx)
		return err
	})
}

// tryPeer reads a block with a peer's identity from another organisation's peer,
// which gives blocks to the channel's members only.
func tryPeer(ctx context.Context, n *topology.Network, o topology.Organisation, id identity.SigningIdentity) error {
	other, err := another(n, o.ID)
	if err != nil {
		return err
	}
	return through(ctx, n, *other, other.Peers[0], id, func(ctx context.Context, g *client.Gateway) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		blocks, err := g.GetNetwork(n.Channel).BlockEvents(ctx, client.WithStartBlock(0))
		if err != nil {
			return err
		}
		if _, ok := <-blocks; !ok {
			return errors.New("it gives no block for this certificate")
		}
		return nil
	})
}

// tryEndorser asks through another organisation's peer for an endorsement by one
// organisation, until it carries the certificate (PEM): then the others know the
// peer again. An organisation that has several peers is content with any of them.
func tryEndorser(ctx context.Context, n *topology.Network, o topology.Organisation, cert []byte) error {
	other, err := another(n, o.ID)
	if err != nil {
		return err
	}
	admin, err := load(other.ID, n.AdminDir(other.ID), clientFiles)
	if err != nil {
		return err
	}
	return through(ctx, n, *other, other.Peers[0], admin, func(ctx context.Context, g *client.Gateway) error {
		proposal, err := g.GetNetwork(n.Channel).GetContract(n.Chaincode).
			NewProposal(probeFunction, client.WithEndorsingOrganizations(o.ID))
		if err != nil {
			return fmt.Errorf("making a proposal: %w", err)
		}
		tx, err := proposal.EndorseWithContext(ctx)
		if err != nil {
			return err
		}
		by, err := endorsers(tx)
		if err != nil {
			return err
		}
		for _, id := range by {
			if id.GetMspid() == o.ID && (len(o.Peers) > 1 || string(id.GetIdBytes()) == string(cert)) {
				return nil
			}
		}
		return errors.New("it still endorses with another certificate")
	})
}

// endorsers lists who endorsed a transaction.
func endorsers(tx *client.Transaction) ([]*msp.SerializedIdentity, error) {
	b, err := tx.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding a transaction: %w", err)
	}
	var (
		prepared gateway.PreparedTransaction
		payload  common.Payload
		body     peer.Transaction
		action   peer.ChaincodeActionPayload
	)
	err = proto.Unmarshal(b, &prepared)
	if err == nil {
		err = proto.Unmarshal(prepared.GetEnvelope().GetPayload(), &payload)
	}
	if err == nil {
		err = proto.Unmarshal(payload.GetData(), &body)
	}
	if err == nil && len(body.GetActions()) != 1 {
		err = errors.New("it has not exactly one action")
	}
	if err == nil {
		err = proto.Unmarshal(body.GetActions()[0].GetPayload(), &action)
	}
	var out []*msp.SerializedIdentity
	for _, e := range action.GetAction().GetEndorsements() {
		id := &msp.SerializedIdentity{}
		if err == nil {
			err = proto.Unmarshal(e.GetEndorser(), id)
		}
		out = append(out, id)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a transaction: %w", err)
	}
	return out, nil
}

// through connects to a peer with an identity and calls f until it is content or
// the time for a trial is over.
func through(
	ctx context.Context, n *topology.Network, o topology.Organisation, p topology.Peer, id identity.SigningIdentity,
	f func(context.Context, *client.Gateway) error,
) error {
	conn, err := channel.NewPeer(n, o, p)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.Identity = id
	g, err := conn.Gateway()
	if err != nil {
		return err
	}
	defer g.Close()
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	for {
		err := f(ctx, g)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("asking %s: %w", p.Name, err)
		case <-time.After(pause):
		}
	}
}

// another finds an organisation with a peer other than the given one.
func another(n *topology.Network, org string) (*topology.Organisation, error) {
	for i := range n.Organisations {
		if o := &n.Organisations[i]; o.ID != org && len(o.Peers) > 0 {
			return o, nil
		}
	}
	return nil, fmt.Errorf("no organisation but %s has a peer", org)
}

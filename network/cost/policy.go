package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/lifecycle"
	"github.com/secant-platform/secant/network/topology"
)

// endorseBy changes the chaincode's endorsement policy to peers of count
// organisations, whichever.
func endorseBy(ctx context.Context, dir string, count int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	n, err := topology.Load(dir)
	if err != nil {
		return fmt.Errorf("loading the network: %w", err)
	}
	b, err := os.ReadFile(n.ChaincodeFile())
	if err != nil {
		return fmt.Errorf("reading which chaincode is deployed: %w", err)
	}
	var now lifecycle.Definition
	if err := json.Unmarshal(b, &now); err != nil {
		return fmt.Errorf("reading which chaincode is deployed: %w", err)
	}
	policy, err := outOf(n, count)
	if err != nil {
		return err
	}
	def := &chaincode.Definition{
		ChannelName: n.Channel, Name: n.Chaincode, PackageID: now.PackageID, Version: now.Version,
		Sequence: now.Sequence + 1, ApplicationPolicy: policy,
	}
	var peers []*channel.Peer
	defer func() {
		for _, p := range peers {
			_ = p.Close() // nothing is lost with it
		}
	}()
	for _, o := range n.Organisations {
		for _, p := range o.Peers {
			c, err := channel.NewPeer(n, o, p)
			if err != nil {
				return fmt.Errorf("connecting to %s: %w", p.Name, err)
			}
			peers = append(peers, c)
		}
		c := peers[len(peers)-1]
		if err := chaincode.NewGateway(c.Conn, c.Identity).Approve(ctx, def); err != nil {
			return fmt.Errorf("approving for %s: %w", o.ID, err)
		}
	}
	if err := chaincode.NewGateway(peers[0].Conn, peers[0].Identity).Commit(ctx, def); err != nil {
		return fmt.Errorf("committing the policy: %w", err)
	}
	d := &lifecycle.Deployer{Channel: n.Channel, Chaincode: n.Chaincode, Peers: peers}
	if err := d.Ready(ctx, "org.hyperledger.fabric:GetMetadata"); err != nil {
		return fmt.Errorf("waiting for endorsers: %w", err)
	}
	return nil
}

// outOf is the policy that peers of count of the organisations endorse.
func outOf(n *topology.Network, count int) (*peer.ApplicationPolicy, error) {
	envelope := &common.SignaturePolicyEnvelope{}
	rule := &common.SignaturePolicy_NOutOf{N: int32(count)} //nolint:gosec // a small number
	for i, o := range n.Organisations {
		role, err := proto.Marshal(&msp.MSPRole{MspIdentifier: o.ID, Role: msp.MSPRole_PEER})
		if err != nil {
			return nil, fmt.Errorf("encoding the policy: %w", err)
		}
		envelope.Identities = append(envelope.Identities, &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_ROLE, Principal: role})
		rule.Rules = append(rule.Rules, &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)}})
	}
	envelope.Rule = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: rule}}
	return &peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_SignaturePolicy{SignaturePolicy: envelope}}, nil
}

package client

import (
	"context"
	"encoding/json"
	"fmt"

	fabric "github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"
)

// systemChaincode answers questions about the chain itself, on every peer.
const systemChaincode = "qscc"

// Evaluate runs a read at a peer of the own organisation and decodes its answer
// into out, which may be nil. It is a peer's word only; see [Client.SignedRead].
func (c *Client) Evaluate(ctx context.Context, name string, req, out any) error {
	proposal, err := propose(c.reader.network.GetContract(c.cfg.Chaincode), name, req, c.ownOnly())
	if err != nil {
		return fmt.Errorf("evaluating %s: %w", name, err)
	}
	payload, err := proposal.EvaluateWithContext(ctx)
	if err != nil {
		return fmt.Errorf("evaluating %s: %w", name, refusal(ctx, err))
	}
	if out == nil || len(payload) == 0 {
		return nil
	}
	if err := json.Unmarshal(payload, out); err != nil {
		return fmt.Errorf("decoding the answer of %s: %w", name, err)
	}
	return nil
}

// ownOnly keeps a gateway peer from passing the question to another organisation.
func (c *Client) ownOnly() fabric.ProposalOption {
	return fabric.WithEndorsingOrganizations(c.cfg.Organisation)
}

// Height returns how many blocks a peer of the own organisation has: the number
// of the newest one plus one.
func (c *Client) Height(ctx context.Context) (uint64, error) {
	payload, err := c.ask(ctx, "GetChainInfo")
	if err != nil {
		return 0, fmt.Errorf("asking for the height: %w", refusal(ctx, err))
	}
	var info common.BlockchainInfo
	if err := proto.Unmarshal(payload, &info); err != nil {
		return 0, fmt.Errorf("decoding the height: %w", err)
	}
	return info.GetHeight(), nil
}

// ask evaluates a function of the system chaincode that tells about this channel.
func (c *Client) ask(ctx context.Context, function string, args ...string) ([]byte, error) {
	qscc := c.reader.network.GetContract(systemChaincode)
	return qscc.EvaluateWithContext(ctx, function,
		fabric.WithArguments(append([]string{c.cfg.Channel}, args...)...), c.ownOnly())
}

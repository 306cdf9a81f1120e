package client

import (
	"context"
	"fmt"
	"time"

	fabric "github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// Outcome is what became of a transaction.
type Outcome struct {
	Known bool   // it stands in a block; false proves nothing: it may be pending, or never have been sent
	Valid bool   // what it wrote holds
	Code  string // Fabric's validation code, as in "MVCC_READ_CONFLICT"; empty when unknown
	Block uint64 // number of its block; 0 when unknown
}

// Outcome says, at once, what a peer of the own organisation knows of a
// transaction. When several transactions of the chain claim one id, the first
// counts, as it does for peers.
func (c *Client) Outcome(ctx context.Context, tx string) (Outcome, error) {
	// A commit status alone would do, but it waits for a transaction that the
	// peer has not seen, possibly for ever; the system chaincode does not.
	if _, err := c.ask(ctx, "GetTransactionByID", tx); err != nil {
		if noSuchTransaction(err) {
			return Outcome{}, nil
		}
		return Outcome{}, fmt.Errorf("looking transaction %s up: %w", tx, refusal(ctx, err))
	}
	status, err := c.status(ctx, c.reader, tx, c.opts.evaluate)
	if err != nil {
		return Outcome{}, fmt.Errorf("asking for the status of transaction %s: %w", tx, refusal(ctx, err))
	}
	return Outcome{Known: true, Valid: status.Successful, Code: status.Code.String(), Block: status.BlockNumber}, nil
}

// status waits, for so long, until a transaction stands in a block.
func (c *Client) status(ctx context.Context, a *actor, tx string, limit time.Duration) (*fabric.Status, error) {
	request, err := c.statusRequest(a, tx)
	if err != nil {
		return nil, err
	}
	commit, err := a.gateway.NewCommit(request)
	if err != nil {
		return nil, fmt.Errorf("making the question for the status: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return commit.StatusWithContext(ctx) //nolint:wrapcheck // the caller reads its type
}

// statusRequest encodes the question for a transaction's status; the gateway
// signs it.
func (c *Client) statusRequest(a *actor, tx string) ([]byte, error) {
	id := a.gateway.Identity()
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: id.MspID(), IdBytes: id.Credentials()})
	if err != nil {
		return nil, fmt.Errorf("encoding the identity: %w", err)
	}
	request, err := proto.Marshal(&gateway.CommitStatusRequest{
		TransactionId: tx, ChannelId: c.cfg.Channel, Identity: creator,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the question for the status: %w", err)
	}
	signed, err := proto.Marshal(&gateway.SignedCommitStatusRequest{Request: request})
	if err != nil {
		return nil, fmt.Errorf("encoding the question for the status: %w", err)
	}
	return signed, nil
}

// duplicate is the code of a transaction whose id an earlier one bears.
var duplicate = peer.TxValidationCode_DUPLICATE_TXID.String()

package client

import (
	"context"
	"encoding/json"
	"fmt"

	fabric "github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Prepared is a transaction that a majority has endorsed and nobody has sent to
// the orderers yet. Its id is known, so it can be stored before it is sent, and
// after a crash its outcome can be asked for or the same bytes be sent again.
// It is for one goroutine at a time.
type Prepared struct {
	TxID    string // transaction id, hex
	Payload []byte // what the contract answered, JSON; it stands once the transaction is committed
	Bytes   []byte // the endorsed transaction, for Client.Restore

	// Sent, when set, is called once the orderers have the transaction, before
	// its block is waited for.
	Sent func()

	submit func(context.Context) (Commit, error)
}

// NewPrepared is for implementations of the ledger other than [Client].
func NewPrepared(txID string, payload, bytes []byte, submit func(context.Context) (Commit, error)) *Prepared {
	return &Prepared{TxID: txID, Payload: payload, Bytes: bytes, submit: submit}
}

// Commit says where a transaction stands.
type Commit struct {
	Tx      string // transaction id, hex
	Block   uint64 // number of its block
	Payload []byte // what the contract answered, JSON
}

// Submit sends the transaction to the orderers and waits until the own
// organisation's peer has committed it. Sending it twice is harmless: it is
// valid once at most. The errors are
//
//   - *[UnknownOutcome]: it may or may not become valid;
//   - *[Rejected]: it stands in a block as invalid and never becomes valid;
//   - a Problem: nothing was sent.
func (p *Prepared) Submit(ctx context.Context) (Commit, error) { return p.submit(ctx) }

// Prepare has a transaction endorsed by a majority. The errors are Problems
// wherever someone can act on them; nothing has been written. What the endorsers
// must see besides the request, and nobody may keep, is transient.
func (c *Client) Prepare(ctx context.Context, role ledger.Role, name string, req any, transient ...Transient) (*Prepared, error) {
	a, err := c.actor(role)
	if err != nil {
		return nil, err
	}
	seen, err := JoinTransient(transient)
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", name, err)
	}
	tx, err := c.endorse(ctx, a, name, req, fabric.WithTransient(seen))
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", name, err)
	}
	return c.prepared(a, tx)
}

// Restore rebuilds a transaction from [Prepared].Bytes. The role must be the
// one that prepared it. Note that an endorsed transaction grows stale: one that
// is committed more than ledger.LateAfter past its time shows as late.
func (c *Client) Restore(role ledger.Role, bytes []byte) (*Prepared, error) {
	a, err := c.actor(role)
	if err != nil {
		return nil, err
	}
	tx, err := a.gateway.NewTransaction(bytes)
	if err != nil {
		return nil, fmt.Errorf("restoring a prepared transaction: %w", err)
	}
	return c.prepared(a, tx)
}

func (c *Client) prepared(a *actor, tx *fabric.Transaction) (*Prepared, error) {
	bytes, err := tx.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding a prepared transaction: %w", err)
	}
	p := NewPrepared(tx.TransactionID(), tx.Result(), bytes, nil)
	p.submit = func(ctx context.Context) (Commit, error) { return c.commit(ctx, a, tx, p.Sent) }
	return p, nil
}

// endorse proposes a transaction and collects the endorsements of a majority.
func (c *Client) endorse(ctx context.Context, a *actor, name string, req any, opts ...fabric.ProposalOption) (*fabric.Transaction, error) {
	proposal, err := propose(a.network.GetContract(c.cfg.Chaincode), name, req, opts...)
	if err != nil {
		return nil, err
	}
	tx, err := proposal.EndorseWithContext(ctx)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	return tx, nil
}

// EncodeRequest encodes a request. One that is JSON already goes out byte for byte,
// as json.Marshal would not leave it: a person may have signed its digest.
func EncodeRequest(req any) ([]byte, error) {
	var arg []byte
	switch r := req.(type) {
	case json.RawMessage:
		arg = r
	case []byte:
		arg = r
	default:
		arg, err := json.Marshal(req)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		return arg, nil
	}
	if !json.Valid(arg) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the request is not JSON")
	}
	return arg, nil
}

// propose encodes a request as the one argument of a transaction.
func propose(contract *fabric.Contract, name string, req any, opts ...fabric.ProposalOption) (*fabric.Proposal, error) {
	if req != nil {
		arg, err := EncodeRequest(req)
		if err != nil {
			return nil, err
		}
		if len(arg) > ledger.MaxRequestOf(name) {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "the request is larger than %d bytes", ledger.MaxRequestOf(name))
		}
		opts = append(opts, fabric.WithBytesArguments(arg))
	}
	proposal, err := contract.NewProposal(name, opts...)
	if err != nil {
		return nil, fmt.Errorf("making the proposal: %w", err)
	}
	return proposal, nil
}

// commit sends an endorsed transaction and waits for its block.
func (c *Client) commit(ctx context.Context, a *actor, tx *fabric.Transaction, sent func()) (Commit, error) {
	id := tx.TransactionID()
	if err := ctx.Err(); err != nil {
		return Commit{}, fmt.Errorf("submitting transaction %s: %w", id, err) // nothing was sent
	}
	if _, err := tx.SubmitWithContext(ctx); err != nil && !ordered(err) {
		return Commit{}, &UnknownOutcome{Tx: id, Cause: err}
	}
	if sent != nil {
		sent()
	}
	status, err := c.status(ctx, a, id, c.opts.commit)
	if err != nil {
		return Commit{}, &UnknownOutcome{Tx: id, Cause: err}
	}
	if !status.Successful {
		return Commit{}, &Rejected{Tx: id, Block: status.BlockNumber, Code: status.Code.String()}
	}
	return Commit{Tx: id, Block: status.BlockNumber, Payload: tx.Result()}, nil
}

package clienttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// Ledger is the whole surface of a node's connection to the ledger. Users
// declare the few methods that they call; this one is for tests of the surface.
type Ledger interface {
	Evaluate(ctx context.Context, name string, req, out any) error
	Height(ctx context.Context) (uint64, error)
	Consult(ctx context.Context, name string, req, out any) (client.Source, error)
	Prepare(ctx context.Context, role ledger.Role, name string, req any, transient ...client.Transient) (*client.Prepared, error)
	Restore(role ledger.Role, bytes []byte) (*client.Prepared, error)
	Outcome(ctx context.Context, tx string) (client.Outcome, error)
	Follow(ctx context.Context, from uint64, fn func(context.Context, *ledger.Block) error) error
	SignedRead(ctx context.Context, name string, req any) (*ledger.SignedRead, error)
	Close() error
}

var (
	_ Ledger = (*client.Client)(nil)
	_ Ledger = (*Client)(nil)
)

// Step is a call in which a fault can be injected.
type Step string

// The steps. At all but StepSubmit a fault is "failed and not applied".
const (
	StepEvaluate   Step = "evaluate" // of Consult too: the own peers
	StepConsult    Step = "consult"  // the peers of other organisations
	StepHeight     Step = "height"
	StepPrepare    Step = "prepare"
	StepSubmit     Step = "submit"
	StepOutcome    Step = "outcome"
	StepFollow     Step = "follow" // before each block: the delivery breaks, and goes on after the next answer
	StepSignedRead Step = "signed read"
)

// Fault is what goes wrong. The zero value: nothing.
type Fault struct {
	Err     error // what the call fails with; a submit wraps it in a client.UnknownOutcome
	Applied bool  // at StepSubmit: the transaction was sent and committed nevertheless
}

// Hook decides what goes wrong with a call. The name is the transaction's, the
// one that Outcome asks for, or empty.
type Hook func(step Step, name string) Fault

// Client is one organisation's connection to a [Network], in every role.
type Client struct {
	network *Network
	org     string

	mu   sync.Mutex
	hook Hook
	wait time.Duration
}

// Client connects an organisation. A submit waits 5 s for its block.
func (n *Network) Client(org string) *Client {
	return &Client{network: n, org: org, wait: 5 * time.Second}
}

// Inject sets the hook of all further calls; nil takes it away.
func (c *Client) Inject(h Hook) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hook = h
}

// SetCommitTimeout bounds how long a submit waits for its block.
func (c *Client) SetCommitTimeout(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wait = d
}

func (c *Client) fault(ctx context.Context, step Step, name string) Fault {
	if err := ctx.Err(); err != nil {
		return Fault{Err: err}
	}
	c.mu.Lock()
	hook := c.hook
	c.mu.Unlock()
	if hook == nil {
		return Fault{}
	}
	return hook(step, name)
}

// Evaluate runs a read and decodes its answer into out.
func (c *Client) Evaluate(ctx context.Context, name string, req, out any) error {
	if f := c.fault(ctx, StepEvaluate, name); f.Err != nil {
		return fmt.Errorf("evaluating %s: %w", name, f.Err)
	}
	s, err := c.simulate(c.reads(), name, req, nil)
	if err != nil {
		return fmt.Errorf("evaluating %s: %w", name, err)
	}
	if out == nil || len(s.Payload) == 0 {
		return nil
	}
	if err := json.Unmarshal(s.Payload, out); err != nil {
		return fmt.Errorf("decoding the answer of %s: %w", name, err)
	}
	return nil
}

// reads is who reads: the same as in client.Client.
func (c *Client) reads() *statetest.Identity { return c.network.Ledger.Client(c.org, ledger.Roles[0]) }

func (c *Client) simulate(id *statetest.Identity, name string, req any, transient client.Transient) (*statetest.Simulation, error) {
	args := []string{}
	if req != nil {
		b, err := client.EncodeRequest(req)
		if err != nil {
			return nil, err
		}
		if len(b) > ledger.MaxRequestOf(name) {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "the request is larger than %d bytes", ledger.MaxRequestOf(name))
		}
		args = append(args, string(b))
	}
	s, err := c.network.Ledger.Simulate(statetest.Proposal{Client: id, Name: name, Args: args, Transient: transient})
	if err != nil {
		return nil, fmt.Errorf("simulating: %w", err)
	}
	return s, s.Err()
}

// Height returns how many blocks there are.
func (c *Client) Height(ctx context.Context) (uint64, error) {
	if f := c.fault(ctx, StepHeight, ""); f.Err != nil {
		return 0, fmt.Errorf("asking for the height: %w", f.Err)
	}
	return c.network.Ledger.Height(), nil
}

// Consult is Evaluate, except that a majority of other organisations answer when
// the fault at StepEvaluate is that the own peers are unavailable.
func (c *Client) Consult(ctx context.Context, name string, req, out any) (client.Source, error) {
	err := c.Evaluate(ctx, name, req, out)
	if err == nil {
		return client.Source{Own: true, Organisations: []string{c.org}}, nil
	}
	if ledger.CodeOf(err) != ledger.CodeUnavailable || ctx.Err() != nil {
		return client.Source{}, err
	}
	if f := c.fault(ctx, StepConsult, name); f.Err != nil {
		return client.Source{}, fmt.Errorf("asking other organisations for %s: %w", name, f.Err)
	}
	others := slices.Sorted(slices.Values(statetest.Organisations()))
	others = slices.DeleteFunc(others, func(org string) bool { return org == c.org })
	s, err := c.simulate(c.reads(), name, req, nil)
	if err != nil {
		return client.Source{}, fmt.Errorf("evaluating %s: %w", name, err)
	}
	source := client.Source{Organisations: others[:len(statetest.Organisations())/2+1]}
	if out == nil || len(s.Payload) == 0 {
		return source, nil
	}
	if err := json.Unmarshal(s.Payload, out); err != nil {
		return source, fmt.Errorf("decoding the answer of %s: %w", name, err)
	}
	return source, nil
}

// Prepare has a transaction endorsed.
func (c *Client) Prepare(ctx context.Context, role ledger.Role, name string, req any, transient ...client.Transient) (*client.Prepared, error) {
	if f := c.fault(ctx, StepPrepare, name); f.Err != nil {
		return nil, fmt.Errorf("preparing %s: %w", name, f.Err)
	}
	shown, err := client.JoinTransient(transient)
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", name, err)
	}
	s, err := c.simulate(c.network.Ledger.Client(c.org, role), name, req, shown)
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", name, err)
	}
	c.network.remember(s)
	return c.prepared(s), nil
}

// Restore rebuilds a transaction that any client of this network prepared.
func (c *Client) Restore(_ ledger.Role, bytes []byte) (*client.Prepared, error) {
	s, ok := c.network.find(string(bytes))
	if !ok || s.Org != c.org {
		return nil, errors.New("restoring a prepared transaction: these are not the bytes of one")
	}
	return c.prepared(s), nil
}

func (c *Client) prepared(s *statetest.Simulation) *client.Prepared {
	p := client.NewPrepared(s.Tx, s.Payload, []byte(s.Tx), nil)
	*p = *client.NewPrepared(s.Tx, s.Payload, []byte(s.Tx), func(ctx context.Context) (client.Commit, error) {
		return c.submit(ctx, s, p)
	})
	return p
}

// submit sends a transaction and waits for its block.
func (c *Client) submit(ctx context.Context, s *statetest.Simulation, p *client.Prepared) (client.Commit, error) {
	if err := ctx.Err(); err != nil {
		return client.Commit{}, fmt.Errorf("submitting transaction %s: %w", s.Tx, err)
	}
	f := c.fault(ctx, StepSubmit, s.Name)
	if f.Err != nil && !f.Applied {
		return client.Commit{}, &client.UnknownOutcome{Tx: s.Tx, Cause: f.Err}
	}
	if !c.network.outcome(s.Tx).Known { // sent again, a peer answers for the first
		c.network.send(s)
	}
	if f.Err != nil {
		return client.Commit{}, &client.UnknownOutcome{Tx: s.Tx, Cause: f.Err}
	}
	if p.Sent != nil {
		p.Sent()
	}
	c.mu.Lock()
	wait := c.wait
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	o, err := c.network.await(ctx, s.Tx)
	switch {
	case err != nil:
		return client.Commit{}, &client.UnknownOutcome{Tx: s.Tx, Cause: err}
	case !o.Valid:
		return client.Commit{}, &client.Rejected{Tx: s.Tx, Block: o.Block, Code: o.Code}
	}
	return client.Commit{Tx: s.Tx, Block: o.Block, Payload: s.Payload}, nil
}

// Outcome says what the blocks say of a transaction.
func (c *Client) Outcome(ctx context.Context, tx string) (client.Outcome, error) {
	if f := c.fault(ctx, StepOutcome, tx); f.Err != nil {
		return client.Outcome{}, fmt.Errorf("looking transaction %s up: %w", tx, f.Err)
	}
	return c.network.outcome(tx), nil
}

// Follow calls fn with every block from number from on, and waits for the next.
func (c *Client) Follow(ctx context.Context, from uint64, fn func(context.Context, *ledger.Block) error) error {
	for next := from; ; next++ {
		b, err := c.network.Ledger.Block(ctx, next)
		for err == nil && c.fault(ctx, StepFollow, "").Err != nil && ctx.Err() == nil {
			err = pause(ctx)
		}
		if err != nil || ctx.Err() != nil {
			return nil //nolint:nilerr // cancelled, which is no error
		}
		if err := fn(ctx, delivered(b)); err != nil {
			return err //nolint:wrapcheck // the caller's own
		}
	}
}

// delivered is a block as client.Client reads it from a peer's.
func delivered(b *ledger.Block) *ledger.Block {
	out := &ledger.Block{Number: b.Number, Hash: b.Hash, Previous: b.Previous, Txs: slices.Clone(b.Txs)}
	for i := range out.Txs {
		tx := &out.Txs[i]
		if !tx.Valid {
			tx.Event, tx.Writes = nil, nil
		}
		if len(tx.Writes) == 0 {
			tx.Time = time.Time{}
		}
	}
	return out
}

func pause(ctx context.Context) error {
	t := time.NewTimer(time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// SignedRead has a read endorsed by the peers of a majority of the members, the
// own organisation's first.
func (c *Client) SignedRead(ctx context.Context, name string, req any) (*ledger.SignedRead, error) {
	if f := c.fault(ctx, StepSignedRead, name); f.Err != nil {
		return nil, fmt.Errorf("reading %s with signatures: %w", name, f.Err)
	}
	s, err := c.simulate(c.reads(), name, req, nil)
	if err != nil {
		return nil, fmt.Errorf("reading %s with signatures: %w", name, err)
	}
	epoch := c.network.Trust().Epochs[0]
	signers := []string{c.org}
	for _, o := range epoch.Organisations {
		if o.ID != c.org && len(signers) < epoch.ReadNeeded() {
			signers = append(signers, o.ID)
		}
	}
	read, err := c.network.Ledger.Endorse(s, signers...)
	if err != nil {
		return nil, fmt.Errorf("reading %s with signatures: %w", name, err)
	}
	return read, nil
}

// Close does nothing: the network belongs to the test.
func (c *Client) Close() error { return nil }

package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/client/clienttest"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	north   = "hospital-north"
	south   = "hospital-south"
	east    = "hospital-east"
	medtech = "medtech"
)

// channel is a seeded consortium in memory.
type channel struct{ *clienttest.Network }

func newChannel(t *testing.T) *channel {
	t.Helper()
	c := &channel{clienttest.New(t)}
	if err := c.Ledger.Seed(); err != nil {
		t.Fatal(err)
	}
	return c
}

// models counts the transactions that registered a model.
func (c *channel) models() int {
	n := 0
	for _, b := range c.Ledger.Blocks(0) {
		for _, tx := range b.Txs {
			if tx.Valid && tx.Name == ledger.DeviceRegisterModel {
				n++
			}
		}
	}
	return n
}

// fault is what happens to one submit.
type fault int

const (
	none        fault = iota
	lostBefore        // it never reaches the orderers, and the client cannot tell
	lostAfter         // it is committed, and the client cannot tell
	lostPending       // it reaches the orderers only after a while, and the client cannot tell
	conflicted        // another transaction spoils it
	unsent            // the client knows that nothing was sent
)

// conn is one organisation's connection to the channel, with the faults of its
// next calls.
type conn struct {
	*clienttest.Client
	net *channel
	org string

	mu      sync.Mutex
	submits []fault
	refuse  []error  // of the next preparations
	started []string // requests in the order in which they were first prepared
	seen    map[string]bool
}

func (c *channel) connect(org string) *conn {
	return &conn{Client: c.Client(org), net: c, org: org, seen: map[string]bool{}}
}

// Prepare has a transaction endorsed, unless it is refused.
func (c *conn) Prepare(ctx context.Context, role ledger.Role, name string, req any, transient ...client.Transient) (*client.Prepared, error) {
	b, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if !c.seen[string(b)] {
		c.seen[string(b)] = true
		c.started = append(c.started, string(b))
	}
	if len(c.refuse) > 0 {
		err = c.refuse[0]
		c.refuse = c.refuse[1:]
	}
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	p, err := c.Client.Prepare(ctx, role, name, req, transient...)
	if err != nil {
		return nil, err
	}
	return c.faulty(p), nil
}

// Restore rebuilds a transaction that a node has kept.
func (c *conn) Restore(role ledger.Role, bytes []byte) (*client.Prepared, error) {
	p, err := c.Client.Restore(role, bytes)
	if err != nil {
		return nil, err
	}
	return c.faulty(p), nil
}

func (c *conn) faulty(p *client.Prepared) *client.Prepared {
	var out *client.Prepared
	out = client.NewPrepared(p.TxID, p.Payload, p.Bytes, func(ctx context.Context) (client.Commit, error) {
		p.Sent = out.Sent
		return c.submit(ctx, p)
	})
	return out
}

func (c *conn) submit(ctx context.Context, p *client.Prepared) (client.Commit, error) {
	if err := ctx.Err(); err != nil {
		return client.Commit{}, err
	}
	c.mu.Lock()
	what := none
	if len(c.submits) > 0 {
		what = c.submits[0]
		c.submits = c.submits[1:]
	}
	c.mu.Unlock()
	unknown := &client.UnknownOutcome{Tx: p.TxID, Cause: errors.New("the connection broke")}
	switch what {
	case lostBefore:
		return client.Commit{}, unknown
	case lostPending:
		late, err := c.Client.Restore("", p.Bytes)
		if err != nil {
			return client.Commit{}, err
		}
		ctx := context.WithoutCancel(ctx)
		time.AfterFunc(300*time.Millisecond, func() { _, _ = late.Submit(ctx) })
		return client.Commit{}, unknown
	case unsent:
		return client.Commit{}, ledger.Problemf(ledger.CodeUnavailable, "no orderer answers")
	case conflicted:
		c.spoil(ctx)
	case lostAfter:
		if _, err := p.Submit(ctx); err != nil {
			return client.Commit{}, err
		}
		return client.Commit{}, unknown
	case none:
	}
	return p.Submit(ctx)
}

// spoil changes the organisation's row, which commands about models read, so
// that those that are endorsed already conflict.
func (c *conn) spoil(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var row ledger.Organisation
	err := c.Client.Evaluate(ctx, ledger.IdentityGet, ledger.GetOrganisation{ID: c.org}, &row)
	if err == nil {
		next := statetest.Registration(c.org)
		next.Revision = row.Revision + 1
		err = c.net.Ledger.Submit(c.net.Ledger.Client(c.org, ledger.RoleRegistrar), ledger.IdentityRegister, next, nil)
	}
	if err != nil {
		panic(fmt.Sprint("spoiling a transaction: ", err))
	}
}

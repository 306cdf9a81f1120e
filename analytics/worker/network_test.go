package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"go.uber.org/goleak"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	north   = "hospital-north"
	south   = "hospital-south"
	medtech = "medtech"
)

// channel is a consortium's network in memory: the real contracts, and orderers
// that cut a block from what has come in.
type channel struct {
	*statetest.Ledger

	mu      sync.Mutex
	pending []*statetest.Simulation
	known   map[string]*statetest.Simulation // by transaction: what a node could send again
	halted  bool                             // the orderers have no quorum
	kick    chan struct{}
}

// newChannel opens a seeded channel whose orderers work until the test ends.
func newChannel(t *testing.T) *channel {
	t.Helper()
	l, err := statetest.Open(statetest.Options{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Seed(); err != nil {
		t.Fatal(err)
	}
	c := &channel{Ledger: l, known: map[string]*statetest.Simulation{}, kick: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.order(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := l.Check(); err != nil {
			t.Errorf("the ledger does not hold what it must: %v", err)
		}
	})
	return c
}

// order cuts a block whenever there is something, a moment later.
func (c *channel) order(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.kick:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(2 * time.Millisecond):
		}
		c.mu.Lock()
		var block []*statetest.Simulation
		if !c.halted {
			block, c.pending = c.pending, nil
		}
		c.mu.Unlock()
		if len(block) > 0 {
			c.Commit(block...)
		}
	}
}

func (c *channel) send(s *statetest.Simulation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = append(c.pending, s)
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// halt takes the orderers' quorum away, or gives it back.
func (c *channel) halt(halted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halted = halted
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// valid counts the valid transactions of a name.
func (c *channel) valid(name string) int {
	n := 0
	for _, b := range c.Blocks(0) {
		for _, tx := range b.Txs {
			if tx.Valid && tx.Name == name {
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

// conn is one organisation's connection to the channel.
type conn struct {
	*channel
	org string

	mu      sync.Mutex
	submits []fault // of the next submits
	refuse  []error // of the next preparations
	wait    time.Duration
	started []string // requests in the order in which they were first prepared
	seen    map[string]bool
}

func (c *channel) connect(org string) *conn {
	return &conn{channel: c, org: org, wait: 5 * time.Second, seen: map[string]bool{}}
}

func (c *conn) Evaluate(_ context.Context, name string, req, out any) error {
	return c.Ledger.Evaluate(c.Client(c.org, ledger.RoleRegistrar), name, req, out)
}

func (c *conn) Prepare(ctx context.Context, role ledger.Role, name string, req any) (*client.Prepared, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
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
	s, err := c.Simulate(statetest.Proposal{Client: c.Client(c.org, role), Name: name, Args: []string{string(b)}})
	if err != nil {
		return nil, err
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	c.channel.mu.Lock()
	c.known[s.Tx] = s
	c.channel.mu.Unlock()
	return c.prepared(s), nil
}

func (c *conn) Restore(_ ledger.Role, bytes []byte) (*client.Prepared, error) {
	c.channel.mu.Lock()
	s, ok := c.known[string(bytes)]
	c.channel.mu.Unlock()
	if !ok {
		return nil, errors.New("no such transaction")
	}
	return c.prepared(s), nil
}

func (c *conn) prepared(s *statetest.Simulation) *client.Prepared {
	var p *client.Prepared
	p = client.NewPrepared(s.Tx, s.Payload, []byte(s.Tx), func(ctx context.Context) (client.Commit, error) {
		return c.submit(ctx, s, p.Sent)
	})
	return p
}

func (c *conn) submit(ctx context.Context, s *statetest.Simulation, sent func()) (client.Commit, error) {
	if err := ctx.Err(); err != nil {
		return client.Commit{}, err
	}
	c.mu.Lock()
	what := none
	if len(c.submits) > 0 {
		what = c.submits[0]
		c.submits = c.submits[1:]
	}
	wait := c.wait
	c.mu.Unlock()
	unknown := &client.UnknownOutcome{Tx: s.Tx, Cause: errors.New("the connection broke")}
	switch what {
	case none:
		c.send(s)
		if sent != nil {
			sent()
		}
	case lostBefore:
		return client.Commit{}, unknown
	case lostPending:
		time.AfterFunc(300*time.Millisecond, func() { c.send(s) })
		return client.Commit{}, unknown
	case unsent:
		return client.Commit{}, ledger.Problemf(ledger.CodeUnavailable, "no orderer answers")
	case conflicted:
		c.spoil(s)
		c.send(s)
	case lostAfter:
		c.send(s)
		for !c.Outcome0(s.Tx).Known {
			time.Sleep(time.Millisecond)
		}
		return client.Commit{}, unknown
	}
	end := time.After(wait)
	for {
		if o := c.Outcome0(s.Tx); o.Known {
			if o.Code != peer.TxValidationCode_VALID {
				return client.Commit{}, &client.Rejected{Tx: s.Tx, Block: o.Block, Code: o.Code.String()}
			}
			return client.Commit{Tx: s.Tx, Block: o.Block, Payload: s.Payload}, nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-end:
			return client.Commit{}, unknown
		case <-ctx.Done():
			return client.Commit{}, &client.UnknownOutcome{Tx: s.Tx, Cause: ctx.Err()}
		}
	}
}

// spoil makes a transaction conflict, as if others had written what it read
// between its endorsement and its block.
func (c *conn) spoil(s *statetest.Simulation) {
	for i := range s.Reads {
		s.Reads[i].Version = &statetest.Version{Block: 1 << 40}
	}
}

// Outcome0 is the channel's own view.
func (c *channel) Outcome0(tx string) statetest.Outcome { return c.Ledger.Outcome(tx) }

func (c *conn) Outcome(_ context.Context, tx string) (client.Outcome, error) {
	o := c.Outcome0(tx)
	if !o.Known {
		return client.Outcome{}, nil
	}
	return client.Outcome{Known: true, Valid: o.Code == peer.TxValidationCode_VALID, Code: o.Code.String(), Block: o.Block}, nil
}

func (c *conn) Follow(ctx context.Context, from uint64, fn func(context.Context, *ledger.Block) error) error {
	for n := from; ; n++ {
		b, err := c.Block(ctx, n)
		if err != nil {
			return nil //nolint:nilerr // cancelled
		}
		if err := fn(ctx, b); err != nil {
			return err
		}
	}
}

func (c *conn) Height(context.Context) (uint64, error) { return c.Ledger.Height(), nil }

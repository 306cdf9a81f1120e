package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	fabric "github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Waits before a delivery is opened again, and how long one may give nothing
// before it is asked elsewhere whether there is anything to give.
const (
	firstReopen = 100 * time.Millisecond
	longReopen  = 5 * time.Second
	silence     = 15 * time.Second
)

// Follow calls fn with every block from number from on, in order and each once,
// as a peer of the own organisation delivers it, and waits for the next. It
// reads on at another own peer, or the same one again, when a delivery breaks.
//
// It returns nil when ctx is cancelled, fn's error when fn fails, and a
// *[BlockError] when a block is malformed or does not continue the chain: then
// the process must stop rather than build on it. The chain is checked from the
// second block on that a call delivers.
func (c *Client) Follow(ctx context.Context, from uint64, fn func(context.Context, *ledger.Block) error) error {
	f := follower{
		reader: reader{channel: c.cfg.Channel, chaincode: c.cfg.Chaincode},
		log:    c.opts.log,
		height: c.Height,
		fn:     fn,
	}
	f.next.Store(from)
	for _, l := range c.own {
		f.sources = append(f.sources, source{name: l.name, open: func(ctx context.Context, from uint64) (receiver, error) {
			return c.deliver(ctx, l, from)
		}})
	}
	return f.run(ctx)
}

// receiver returns the next block, or why there is none.
type receiver func() (*common.Block, error)

// source is a peer that delivers blocks from a number on, until ctx ends.
type source struct {
	name string
	open func(ctx context.Context, from uint64) (receiver, error)
}

type follower struct {
	reader  reader
	log     *slog.Logger
	sources []source
	height  func(context.Context) (uint64, error) // of whichever own peer has most
	fn      func(context.Context, *ledger.Block) error
	next    atomic.Uint64 // number of the block to deliver next
	last    []byte        // hash of the last delivered block's header; nil before the first
}

func (f *follower) run(ctx context.Context) error {
	failures := 0 // deliveries in a row that gave nothing
	for turn := 0; ctx.Err() == nil; turn++ {
		s := f.sources[turn%len(f.sources)]
		before := f.next.Load()
		err := f.read(ctx, s)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // cancelled, which is no error
		}
		if done, ok := errors.AsType[*endError](err); ok {
			return done.err
		}
		if failures++; f.next.Load() > before {
			failures = 0
		}
		if failures <= 1 {
			f.log.InfoContext(ctx, "delivery of blocks broke", slog.String("peer", s.name),
				slog.Uint64("next", f.next.Load()), slog.Any("error", err))
		}
		// Every own peer is tried once before the first wait.
		if round := failures / len(f.sources); round > 0 && !sleep(ctx, pause(round-1, firstReopen, longReopen)) {
			return nil
		}
	}
	return nil
}

// endError is an error that ends following; any other breaks one delivery.
type endError struct{ err error }

func (e *endError) Error() string { return e.err.Error() }
func (e *endError) Unwrap() error { return e.err }

// read follows one delivery until it breaks or falls behind.
func (f *follower) read(ctx context.Context, s source) error {
	delivery, end := context.WithCancelCause(ctx) // ends the delivery whatever happens
	var watcher sync.WaitGroup
	var waiting atomic.Bool // for the peer, not for fn
	defer watcher.Wait()
	defer end(nil)
	receive, err := s.open(delivery, f.next.Load())
	if err != nil {
		return err
	}
	watcher.Go(func() { f.watch(delivery, &waiting, end) })
	for {
		waiting.Store(true)
		b, err := receive()
		waiting.Store(false)
		if cause := context.Cause(delivery); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
		block, err := f.check(b)
		if err != nil {
			return &endError{&BlockError{Number: f.next.Load(), Reason: err}}
		}
		if err := f.fn(ctx, block); err != nil {
			return &endError{err}
		}
		f.last = block.Hash
		f.next.Store(block.Number + 1)
	}
}

var errBehind = errors.New("the peer fell silent, and another has the next block")

// watch ends a delivery that gives nothing although there is something to give:
// a peer that hangs, or is cut off from the orderers, keeps its connections. It
// warns when there cannot be anything to give: the read model is of a longer
// chain than the peers have, such as one that was started anew.
func (f *follower) watch(ctx context.Context, waiting *atomic.Bool, end context.CancelCauseFunc) {
	warned := false
	for next := f.next.Load(); sleep(ctx, silence); {
		if n := f.next.Load(); n != next || !waiting.Load() {
			next = n
			continue
		}
		height, err := f.height(ctx)
		if err != nil || f.next.Load() != next || !waiting.Load() {
			continue
		}
		if height > next {
			end(errBehind)
			return
		}
		if height < next && !warned {
			warned = true
			f.log.WarnContext(ctx, "peers have fewer blocks than were followed",
				slog.Uint64("next", next), slog.Uint64("height", height))
		}
	}
}

// check reads a block and makes sure that it is the next one of the same chain.
func (f *follower) check(b *common.Block) (*ledger.Block, error) {
	if got := b.GetHeader().GetNumber(); got != f.next.Load() {
		return nil, fmt.Errorf("the peer delivered block %d instead", got)
	}
	if f.last != nil && !bytes.Equal(b.GetHeader().GetPreviousHash(), f.last) {
		return nil, errors.New("it does not follow the block before it: the chain forks")
	}
	return f.reader.block(b)
}

// deliver opens a delivery of whole blocks at one peer. The events of
// fabric-gateway would end without saying why, and their sender can block for
// ever; its request is used, and the stream is read here.
func (c *Client) deliver(ctx context.Context, l *link, from uint64) (receiver, error) {
	request, err := c.reader.network.NewBlockEventsRequest(fabric.WithStartBlock(from))
	if err != nil {
		return nil, fmt.Errorf("making the request for blocks: %w", err)
	}
	encoded, err := request.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding the request for blocks: %w", err)
	}
	var envelope common.Envelope
	if err := proto.Unmarshal(encoded, &envelope); err != nil {
		return nil, fmt.Errorf("encoding the request for blocks: %w", err)
	}
	if envelope.Signature, err = c.reader.sign(request.Digest()); err != nil {
		return nil, fmt.Errorf("signing the request for blocks: %w", err)
	}
	stream, err := peer.NewDeliverClient(l.conn).Deliver(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the delivery: %w", err)
	}
	if err := stream.Send(&envelope); err != nil {
		return nil, fmt.Errorf("asking for blocks: %w", err)
	}
	return func() (*common.Block, error) {
		r, err := stream.Recv()
		if err != nil {
			return nil, fmt.Errorf("receiving a block: %w", err)
		}
		if b := r.GetBlock(); b != nil {
			return b, nil
		}
		return nil, fmt.Errorf("receiving a block: the peer ended with status %s", r.GetStatus())
	}, nil
}

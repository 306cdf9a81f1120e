package edge

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/client"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// Options are a box's settings.
type Options struct {
	Unit  proof.Hash         // the box's own id on the ledger
	Key   ed25519.PrivateKey // whose public key stands there
	Node  string             // URL of the organisation's node
	HTTP  *http.Client       // to it
	Spool string             // directory
	Limit int64              // bytes of what waits; default 1 GiB
	// Devices are the devices that the box speaks for, by source and name.
	Devices map[Name]proof.Hash
	Logger  *slog.Logger // default: slog.Default
}

// Name is what a source calls a device.
type Name struct{ Source, Name string }

// Box takes messages and hands them to the node.
type Box struct {
	opts  Options
	node  *client.Client
	spool *spool

	mu      sync.Mutex
	failing bool // the node did not take the last one
}

const (
	defaultLimit = 1 << 30
	senders      = 4 // messages on their way to the node at once
	answerTime   = 30 * time.Second
)

// New opens a box.
func New(opts Options) (*Box, error) {
	if opts.Limit == 0 {
		opts.Limit = defaultLimit
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	s, err := openSpool(opts.Spool, opts.Key, opts.Limit)
	if err != nil {
		return nil, err
	}
	node, err := client.New(opts.Node, client.WithHTTPClient(opts.HTTP), client.WithTimeout(answerTime),
		client.WithPatience(0), // the spool has it
		client.WithUserAgent("secant-edge"))
	if err != nil {
		return nil, err
	}
	return &Box{opts: opts, node: node, spool: s}, nil
}

// Find returns the device that a source calls by a name (not_found). Whether it may
// hand in readings is the node's to say.
func (b *Box) Find(_ context.Context, source, name string) (proof.Hash, error) {
	unit, known := b.opts.Devices[Name{source, name}]
	if !known {
		return unit, ledger.Problemf(ledger.CodeNotFound, "the edge box speaks for no device of this name")
	}
	return unit, nil
}

// Take signs a message of one record and makes it durable here. once names it: the
// same message taken again is one. Problems: busy.
func (b *Box) Take(unit proof.Hash, mediaType string, once, text []byte) error {
	name := b.spool.name(unit, once)
	seed := b.spool.seed(name)
	root := proof.Root(proof.LeafHashes(nil, &seed, [][]byte{text}))
	return b.spool.put(name, &message{
		Unit: unit, MediaType: mediaType, Seed: seed[:], Body: text,
		Signature: proof.Signature(ed25519.Sign(b.opts.Key, proof.EdgeSigningMessage(b.opts.Unit, unit, 1, root))),
	})
}

// Waiting returns how many messages the node does not have yet, and their bytes.
func (b *Box) Waiting() (count int, size int64) { return b.spool.waiting() }

// Run hands messages to the node until ctx ends.
func (b *Box) Run(ctx context.Context) error {
	count, _ := b.spool.waiting()
	b.opts.Logger.InfoContext(ctx, "edge box started", slog.Int("waiting", count))
	var all sync.WaitGroup
	for range senders {
		all.Go(func() { b.sendAll(ctx) })
	}
	all.Wait()
	return nil
}

func (b *Box) sendAll(ctx context.Context) {
	for ctx.Err() == nil {
		i, wait := b.spool.take(time.Now())
		if i != nil {
			b.spool.ring() // there may be more, for another sender
			b.send(ctx, i)
			continue
		}
		var due <-chan time.Time
		if wait >= 0 {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-due:
		case <-b.spool.wake:
		}
	}
}

// What the node's answers mean for a message.
var (
	errNever = errors.New("the node will not take it, whenever it is sent")
	errNow   = errors.New("the node knows no such device or box in service, or the box has no name for it in the device's inventory")
)

func (b *Box) send(ctx context.Context, i *item) {
	m, err := b.spool.read(i)
	switch {
	case err == nil:
		err = b.post(ctx, m)
	case !errors.Is(err, errDisk):
		err = fmt.Errorf("%w: %w", errNever, err)
	}
	switch {
	case err == nil:
		err = b.spool.done(i)
		b.told(ctx, nil)
	case errors.Is(err, errNever):
		b.opts.Logger.ErrorContext(ctx, "a message is put aside", slog.String("file", i.file()), slog.Any(telemetry.KeyError, err))
		err = b.spool.refuse(i)
	case errors.Is(err, errNow):
		b.told(ctx, err)
		b.spool.later(i, time.Now())
		return
	default:
		b.told(ctx, err)
		b.spool.rest(i, time.Now())
		return
	}
	if err != nil {
		b.opts.Logger.ErrorContext(ctx, "the spool is not as it should be", slog.Any(telemetry.KeyError, err))
	}
}

// told logs when the node begins to refuse or not to answer, and when it takes again.
func (b *Box) told(ctx context.Context, err error) {
	b.mu.Lock()
	changed := b.failing != (err != nil)
	b.failing = err != nil
	b.mu.Unlock()
	if !changed || ctx.Err() != nil {
		return
	}
	count, size := b.spool.waiting()
	if err != nil {
		b.opts.Logger.WarnContext(ctx, "the node does not take messages: they are kept here and sent again",
			slog.Int("waiting", count), slog.Int64("bytes", size), slog.Any(telemetry.KeyError, err))
		return
	}
	b.opts.Logger.InfoContext(ctx, "the node takes messages again", slog.Int("waiting", count))
}

// post hands a message to the node. It fails with errNever for one that the node
// cannot take as it is, with errNow for one whose device it does not take, and with
// another error when it does not answer as it should.
func (b *Box) post(ctx context.Context, m *message) error {
	if len(m.Seed) != proof.SeedSize {
		return fmt.Errorf("%w: its seed is none", errNever)
	}
	_, err := b.node.Submit(ctx, client.Readings{
		Unit: m.Unit, MediaType: m.MediaType, Records: [][]byte{m.Body},
		Edge: b.opts.Unit, Seed: proof.Seed(m.Seed), Signature: m.Signature,
	})
	if errors.Is(err, proof.ErrRecordSize) {
		return fmt.Errorf("%w: %w", errNever, err)
	}
	answer, answered := errors.AsType[*client.Error](err)
	if !answered {
		return err
	}
	switch answer.Status {
	case http.StatusBadRequest, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: it answers %d", errNever, answer.Status)
	case http.StatusForbidden, http.StatusUnauthorized:
		return errNow
	}
	return fmt.Errorf("the node answers %d", answer.Status)
}

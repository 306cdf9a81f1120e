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
	Limit int64              // bytes of what waits, of which each device has its part; default 1 GiB
	// Asides and Aside bound what is put aside because the node will never take it, in
	// messages and in bytes: the oldest goes first. Defaults: 1,000, and a sixteenth of
	// Limit.
	Asides int
	Aside  int64
	// Read judges a body of a media type and an encoding as the node would, and returns
	// how many records it has and the root over their leaves, whose salts derive from
	// seed. Default: a body is one record.
	Read func(ctx context.Context, mediaType, encoding string, seed *proof.Seed, body []byte) (count int, root proof.Hash, err error)
	// Now is the box's clock, which it signs with what it takes. Default: time.Now.
	Now func() time.Time
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
	failing bool   // the node did not take the last one
	dropped uint64 // of what was put aside, when it was told last
}

const (
	defaultLimit = 1 << 30
	asides       = 1000
	asidePart    = 16 // of the limit
	known        = 8192
	senders      = 4 // messages on their way to the node at once
	answerTime   = 30 * time.Second
)

// New opens a box.
func New(opts Options) (*Box, error) {
	if opts.Limit == 0 {
		opts.Limit = defaultLimit
	}
	if opts.Asides == 0 {
		opts.Asides = asides
	}
	if opts.Aside == 0 {
		opts.Aside = opts.Limit / asidePart
	}
	if opts.Read == nil {
		opts.Read = one
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	devices := map[proof.Hash]bool{}
	for _, unit := range opts.Devices {
		devices[unit] = true
	}
	s, err := openSpool(opts.Spool, opts.Key, bounds{
		bytes: opts.Limit, devices: len(devices), asides: opts.Asides, aside: opts.Aside, known: known,
	}, opts.Now())
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

// one reads a body as one record.
func one(_ context.Context, _, _ string, seed *proof.Seed, body []byte) (int, proof.Hash, error) {
	return 1, proof.Root(proof.LeafHashes(nil, seed, [][]byte{body})), nil
}

// Take signs a message under the device's next number, and makes it durable here.
// mediaType and encoding are as in HTTP, subject is whom it is about where that was said.
// once names it: the same message taken again is one. Problems: busy, when there is no room for more of the device, and what
// Options.Read finds.
func (b *Box) Take(ctx context.Context, unit proof.Hash, subject string, mediaType, encoding string, once, body []byte) error {
	name := b.spool.name(unit, once)
	seed := b.spool.seed(name)
	count, root, err := b.opts.Read(ctx, mediaType, encoding, &seed, body)
	if err != nil {
		return err
	}
	return b.spool.put(name, unit, func(q proof.Sequence) *message {
		q.Made = max(b.opts.Now().UnixMilli(), 0)
		return &message{
			Unit: unit, Subject: subject, MediaType: mediaType, Encoding: encoding, Seed: seed[:], Body: body, Sequence: q,
			Signature: b.sign(proof.EdgeSequencedMessage(b.opts.Unit, unit, count, root, q)),
		}
	})
}

func (b *Box) sign(text []byte) proof.Signature {
	return proof.Signature(ed25519.Sign(b.opts.Key, text))
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
		b.opts.Logger.ErrorContext(ctx, "a message is put aside", slog.String("file", i.file(refused)), slog.Any(telemetry.KeyError, err))
		err = b.spool.refuse(i)
		b.tellDropped(ctx)
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

// Dropped returns how many messages that were put aside had to go for others since the
// box began.
func (b *Box) Dropped() uint64 {
	b.spool.mu.Lock()
	defer b.spool.mu.Unlock()
	return b.spool.past.dropped
}

func (b *Box) tellDropped(ctx context.Context) {
	n := b.Dropped()
	b.mu.Lock()
	more := n - b.dropped
	b.dropped = n
	b.mu.Unlock()
	if more > 0 {
		b.opts.Logger.WarnContext(ctx, "messages that were put aside are gone: there was no room for them", slog.Uint64(telemetry.KeyCount, more))
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
	_, err := b.node.Forward(ctx, &client.Signed{
		Unit: m.Unit, Edge: b.opts.Unit, Subject: m.Subject, MediaType: m.MediaType, Encoding: m.Encoding, Body: m.Body,
		Seed: proof.Seed(m.Seed), Signature: m.Signature, Sequence: m.Sequence,
	})
	if err == nil {
		return nil
	}
	answer, answered := errors.AsType[*client.Error](err)
	if !answered {
		return err
	}
	switch answer.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: it answers %d", errNever, answer.Status)
	case http.StatusForbidden, http.StatusUnauthorized:
		return errNow
	}
	return fmt.Errorf("the node answers %d", answer.Status)
}

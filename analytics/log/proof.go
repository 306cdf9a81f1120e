package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Checkpoint is a published state of the log.
type Checkpoint struct {
	Note string // signed checkpoint (C2SP tlog-checkpoint)
	Size uint64 // entries
	Root []byte // RFC 6962 root hash, 32 bytes
}

// Checkpoint returns the state that was published last. It is a busy problem
// while none was.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	raw, err := l.reader.ReadCheckpoint(ctx)
	if errors.Is(err, os.ErrNotExist) {
		return Checkpoint{}, ledger.Problemf(ledger.CodeBusy, "the integrity log has published no checkpoint yet")
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading the log's checkpoint: %w", err)
	}
	c, err := verify.ParseCheckpoint(l.verifier, string(raw))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading the log's checkpoint: %w", err)
	}
	return Checkpoint{Note: string(raw), Size: c.Size, Root: c.Root}, nil
}

// pollEvery is how often Await looks for a new checkpoint.
const pollEvery = 20 * time.Millisecond

// Await waits until the entry at index is under a published checkpoint, and
// returns the first such checkpoint that it sees.
func (l *Log) Await(ctx context.Context, index uint64) (Checkpoint, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		c, err := l.Checkpoint(ctx)
		if err != nil && ledger.CodeOf(err) != ledger.CodeBusy {
			return Checkpoint{}, err
		}
		if c.Size > index {
			return c, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return Checkpoint{}, fmt.Errorf("waiting for a checkpoint: %w", ctx.Err())
		}
	}
}

// Inclusion returns the audit path of the entry at index in the tree of the
// first size entries (RFC 6962, section 2.1.1), from the leaf upwards.
func (l *Log) Inclusion(ctx context.Context, index, size uint64) ([][]byte, error) {
	tiles, err := l.holding(ctx, size)
	if err != nil {
		return nil, err
	}
	if index >= size {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a tree of %d entries has no entry %d", size, index)
	}
	builder, err := client.NewProofBuilder(ctx, size, tiles)
	if err != nil {
		return nil, fmt.Errorf("building an inclusion proof: %w", err)
	}
	path, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("building an inclusion proof: %w", err)
	}
	return path, nil
}

// Consistency returns the proof that the tree of the first to entries begins
// with that of the first from (RFC 6962, section 2.1.2). It is empty when they
// are equal or from is 0.
func (l *Log) Consistency(ctx context.Context, from, to uint64) ([][]byte, error) {
	tiles, err := l.holding(ctx, to)
	if err != nil {
		return nil, err
	}
	if from > to {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a tree of %d entries does not begin with one of %d", to, from)
	}
	if from == 0 || from == to {
		return nil, nil
	}
	builder, err := client.NewProofBuilder(ctx, to, tiles)
	if err != nil {
		return nil, fmt.Errorf("building a consistency proof: %w", err)
	}
	path, err := builder.ConsistencyProof(ctx, from, to)
	if err != nil {
		return nil, fmt.Errorf("building a consistency proof: %w", err)
	}
	return path, nil
}

// Root returns the root hash of the tree of the first size entries.
func (l *Log) Root(ctx context.Context, size uint64) ([]byte, error) {
	tiles, err := l.holding(ctx, size)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return rfc6962.DefaultHasher.EmptyRoot(), nil
	}
	nodes, err := client.FetchRangeNodes(ctx, size, tiles)
	if err != nil {
		return nil, fmt.Errorf("computing the log's root: %w", err)
	}
	root := nodes[len(nodes)-1]
	for i := len(nodes) - 2; i >= 0; i-- {
		root = rfc6962.DefaultHasher.HashChildren(nodes[i], root)
	}
	return root, nil
}

// holding returns a reader of the tiles of a log that has at least size entries.
func (l *Log) holding(ctx context.Context, size uint64) (client.TileFetcherFunc, error) {
	have, err := l.Size(ctx)
	if err != nil {
		return nil, err
	}
	if size > have {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the integrity log has %d entries, not %d", have, size)
	}
	return l.tiles.at(have), nil
}

// Require refuses a log that does not continue the tree of size entries with
// this root: its last anchor. Going on with such a log would sign a second
// history, which marks the organisation's stream for ever.
func (l *Log) Require(ctx context.Context, size uint64, root []byte) error {
	have, err := l.Size(ctx)
	if err != nil {
		return err
	}
	if have < size {
		return ledger.Problemf(ledger.CodeConflict,
			"the integrity log has %d entries, but %d were anchored: it was restored from an old backup or lost its newest part. "+
				"Put the newest copy of its directory back, or open a successor under a new key", have, size)
	}
	got, err := l.Root(ctx, size)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, root) {
		return ledger.Problemf(ledger.CodeConflict,
			"the first %d entries of the integrity log are not those that were anchored: it went on from an old backup or was altered. "+
				"Put the right copy of its directory back, or open a successor under a new key", size)
	}
	return nil
}

// requirePublished refuses a tree that does not continue the last checkpoint.
func (l *Log) requirePublished(ctx context.Context) error {
	c, err := l.Checkpoint(ctx)
	if ledger.CodeOf(err) == ledger.CodeBusy {
		return nil
	}
	if err != nil {
		return err
	}
	return l.Require(ctx, c.Size, c.Root)
}

package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/vault"
)

// Report is what an audit found in order.
type Report struct {
	Organisation string `json:"organisation"`
	Requests     uint64 `json:"requests"`   // in the vault, each once and whole
	Records      uint64 `json:"records"`    // leaves derived again, leading to the root that was signed or stated
	Signatures   uint64 `json:"signatures"` // of devices, verified
	Unchecked    uint64 `json:"unchecked"`  // signed requests of devices whose key the ledger does not have
	Erased       uint64 `json:"erased"`     // requests of which only the commitment is left
	Shredded     uint64 `json:"shredded"`   // records of others that were erased with their subjects
	LogEntries   uint64 `json:"logEntries"` // of the integrity log, under tiles that were derived again
	Anchors      uint64 `json:"anchors"`    // each the root of the log as it was then
	Anchored     uint64 `json:"anchored"`   // entries under the last of them
	Blocks       uint64 `json:"blocks"`     // replayed into an empty store
	Digest       string `json:"digest"`     // of the read model, the same in both
}

// audit derives again, from stored bytes and the ledger, all that a node has
// promised. It goes well beside the node's work.
type audit struct {
	store  *store.Store
	log    *log.Log
	vault  *vault.Vault
	ledger Ledger
	// pace is called between small pieces of work, and may wait.
	pace func(context.Context) error
	// blockWait is how long peers may take to send the next block.
	blockWait time.Duration
}

// auditPart is one of the things that are derived again.
type auditPart struct {
	name string
	run  func(ctx context.Context, r *Report) error
}

// The parts of an audit.
const (
	partLog       = "log"       // the integrity log: its tiles, its checkpoint
	partReadings  = "readings"  // the vault's objects, and their commitments in the log
	partAnchors   = "anchors"   // what stands on the ledger about the log
	partStore     = "store"     // the database: its pages, rows and documents
	partReadModel = "readModel" // what the ledger's blocks give
)

func (a *audit) parts() []auditPart {
	return []auditPart{
		{partLog, func(ctx context.Context, r *Report) (err error) {
			r.LogEntries, err = a.log.Check(ctx)
			return wrap("checking the integrity log", err)
		}},
		{partReadings, a.readings},
		{partAnchors, a.anchors},
		{partStore, func(ctx context.Context, _ *Report) error {
			return wrap("checking the store", a.store.Check(ctx))
		}},
		{partReadModel, a.replay},
	}
}

func (a *audit) readings(ctx context.Context, r *Report) error {
	requests, err := ingest.Check(ctx, a.vault, a.log, a.unitKeys(ctx), a.pace)
	r.Requests, r.Records, r.Signatures = requests.Requests, requests.Records, requests.Signatures
	r.Unchecked, r.Erased, r.Shredded = requests.Unchecked, requests.Erased, requests.Shredded
	return err //nolint:wrapcheck // it says what it did
}

// unitKeys finds the keys of devices, as far as the ledger has them.
func (a *audit) unitKeys(ctx context.Context) func(proof.Hash) ed25519.PublicKey {
	return func(unit proof.Hash) ed25519.PublicKey {
		row, err := a.store.Unit(ctx, unit.String())
		if err != nil {
			return nil
		}
		return row.Record.SigningKey()
	}
}

// anchors compares each anchor of the log's stream with the log.
func (a *audit) anchors(ctx context.Context, r *Report) error {
	page := ledger.PageRequest{Size: ledger.MaxPageSize}
	for {
		got, err := a.store.Anchors(ctx, ledger.StreamID(a.log.Verifier()), page)
		if err != nil {
			return fmt.Errorf("reading the anchors: %w", err)
		}
		for i := range got.Items {
			if err := a.anchor(ctx, r, &got.Items[i].Record); err != nil {
				return err
			}
		}
		if got.Next == "" {
			return nil
		}
		page.Bookmark = got.Next
	}
}

func (a *audit) anchor(ctx context.Context, r *Report, anchor *ledger.Anchor) error {
	size, err := a.log.Size(ctx)
	if err != nil {
		return fmt.Errorf("reading the log's size: %w", err)
	}
	if anchor.Size > size {
		return fmt.Errorf("anchor %d is of %d entries, and the log has %d", anchor.Sequence, anchor.Size, size)
	}
	root, err := a.log.Root(ctx, anchor.Size)
	if err != nil {
		return fmt.Errorf("deriving the root of anchor %d: %w", anchor.Sequence, err)
	}
	if want, err := hex.DecodeString(anchor.Root); err != nil || !bytes.Equal(root, want) {
		return fmt.Errorf("anchor %d does not fit the log: its %d entries have another root", anchor.Sequence, anchor.Size)
	}
	r.Anchors++
	r.Anchored = max(r.Anchored, anchor.Size)
	return a.pace(ctx)
}

// errNoAnswer says that something could not be checked now: no fault was found.
var errNoAnswer = errors.New("the peers send no blocks")

// blockPatience is the blockWait of audits.
const blockPatience = 5 * time.Minute

// replay fills an empty store from block 0 as far as the node's is, and compares
// the two. When the peers do not answer it fails with errNoAnswer.
func (a *audit) replay(ctx context.Context, r *Report) (err error) {
	if r.Blocks, r.Digest, err = a.store.Digest(ctx); err != nil {
		return fmt.Errorf("digesting the read model: %w", err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	waiting := time.AfterFunc(a.blockWait, func() { stop(errNoAnswer) })
	defer waiting.Stop()
	digest, err := store.Replay(ctx, r.Blocks, store.Options{}, func(
		ctx context.Context, from uint64, apply func(context.Context, *ledger.Block) error,
	) error {
		return a.ledger.Follow(ctx, from, func(ctx context.Context, b *ledger.Block) error {
			waiting.Stop()
			defer waiting.Reset(a.blockWait)
			if err := apply(ctx, b); err != nil {
				return err
			}
			return a.pace(ctx)
		})
	})
	if errors.Is(context.Cause(ctx), errNoAnswer) {
		return errNoAnswer
	}
	if err != nil {
		return err
	}
	if digest != r.Digest {
		return fmt.Errorf("the read model is not what the ledger's first %d blocks give", r.Blocks)
	}
	return nil
}

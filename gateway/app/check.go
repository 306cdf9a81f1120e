package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/vault"
)

// Report is what Check found in order.
type Report struct {
	Organisation string `json:"organisation"`
	Requests     uint64 `json:"requests"`   // in the vault, each once and whole
	Records      uint64 `json:"records"`    // leaves derived again, leading to the root that was signed or stated
	Signatures   uint64 `json:"signatures"` // of devices, verified
	Unchecked    uint64 `json:"unchecked"`  // signed requests of devices whose key the ledger does not have
	Erased       uint64 `json:"erased"`     // requests of which only the commitment is left
	LogEntries   uint64 `json:"logEntries"` // of the integrity log, under tiles that were derived again
	Anchors      uint64 `json:"anchors"`    // each the root of the log as it was then
	Anchored     uint64 `json:"anchored"`   // entries under the last of them
	Blocks       uint64 `json:"blocks"`     // replayed into an empty store
	Digest       string `json:"digest"`     // of the read model, the same in both
}

// Check re-derives all that the node that cfg configures has promised: every
// request leads to its commitment, the log holds exactly these commitments, the
// ledger's anchors are roots of this log, and the ledger replayed from block 0
// gives the same read model. The node must be stopped, its peers must run. The
// error names the first thing that does not fit.
func Check(ctx context.Context, cfg config.Config) (*Report, error) {
	trust, err := openTrust(cfg.Trust)
	if err != nil {
		return nil, err
	}
	l, err := connect(ctx, &cfg, trust, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	r, err := checkNode(ctx, &cfg, l)
	return r, errors.Join(err, wrap("closing the ledger connection", l.Close()))
}

// reachPeers is how long the own peers are given to answer at all.
const reachPeers = 20 * time.Second

func checkNode(ctx context.Context, cfg *config.Config, l Ledger) (_ *Report, err error) {
	for _, folder := range []string{storeFolder, logFolder, vaultFolder} {
		if _, err := os.Stat(filepath.Join(cfg.Data, folder)); err != nil {
			return nil, fmt.Errorf("the node has no data to check: %w", err)
		}
	}
	// Opened for writing: what holds the lock is what tells a running node.
	s, err := store.Open(ctx, filepath.Join(cfg.Data, storeFolder), store.Options{Organisation: cfg.Organisation})
	if err != nil {
		return nil, fmt.Errorf("%w (a node must be stopped to be checked)", err)
	}
	defer func() { err = errors.Join(err, wrap("closing the store", s.Close())) }()
	tree, err := log.Open(ctx, filepath.Join(cfg.Data, logFolder), logOptions(cfg))
	if err != nil {
		return nil, fmt.Errorf("opening the integrity log: %w", err)
	}
	defer func() { err = errors.Join(err, wrap("closing the integrity log", tree.Close(ctx))) }()
	v, err := vault.Open(ctx, filepath.Join(cfg.Data, vaultFolder), vault.Options{Key: cfg.Keys.Vault.Path(), ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, wrap("closing the vault", v.Close())) }()

	// Asked first, since the replay would wait for the peers for ever.
	reach, cancel := context.WithTimeout(ctx, reachPeers)
	defer cancel()
	if _, err := l.Height(reach); err != nil {
		return nil, fmt.Errorf("asking the organisation's peers for the ledger: %w (they must run while the node is stopped: `secant up`, then `secant stop node-%s`)",
			err, cfg.Organisation)
	}

	r := &Report{Organisation: cfg.Organisation}
	if r.LogEntries, err = tree.Check(ctx); err != nil {
		return nil, fmt.Errorf("checking the integrity log: %w", err)
	}
	requests, err := ingest.Check(ctx, v, tree, unitKeys(ctx, s))
	if err != nil {
		return nil, err
	}
	r.Requests, r.Records, r.Signatures = requests.Requests, requests.Records, requests.Signatures
	r.Unchecked, r.Erased = requests.Unchecked, requests.Erased
	if err := r.anchors(ctx, s, tree); err != nil {
		return nil, err
	}
	return r, r.replay(ctx, s, l)
}

// unitKeys finds the keys of devices, as far as the ledger has them.
func unitKeys(ctx context.Context, s *store.Store) func(proof.Hash) ed25519.PublicKey {
	return func(unit proof.Hash) ed25519.PublicKey {
		row, err := s.Unit(ctx, unit.String())
		if err != nil {
			return nil
		}
		return row.Record.SigningKey()
	}
}

// anchors compares each anchor of the log's stream with the log.
func (r *Report) anchors(ctx context.Context, s *store.Store, tree *log.Log) error {
	page := ledger.PageRequest{Size: ledger.MaxPageSize}
	for {
		got, err := s.Anchors(ctx, ledger.StreamID(tree.Verifier()), page)
		if err != nil {
			return fmt.Errorf("reading the anchors: %w", err)
		}
		for _, row := range got.Items {
			a := row.Record
			if a.Size > r.LogEntries {
				return fmt.Errorf("anchor %d is of %d entries, and the log has %d", a.Sequence, a.Size, r.LogEntries)
			}
			root, err := tree.Root(ctx, a.Size)
			if err != nil {
				return fmt.Errorf("deriving the root of anchor %d: %w", a.Sequence, err)
			}
			if want, err := hex.DecodeString(a.Root); err != nil || !bytes.Equal(root, want) {
				return fmt.Errorf("anchor %d does not fit the log: its %d entries have another root", a.Sequence, a.Size)
			}
			r.Anchors++
			r.Anchored = max(r.Anchored, a.Size)
		}
		if got.Next == "" {
			return nil
		}
		page.Bookmark = got.Next
	}
}

// replay checks the store and fills an empty one from block 0 as far as the
// node's is, and compares the two.
func (r *Report) replay(ctx context.Context, s *store.Store, l Ledger) (err error) {
	if err := s.Check(ctx); err != nil {
		return fmt.Errorf("checking the store: %w", err)
	}
	if r.Blocks, r.Digest, err = s.Digest(ctx); err != nil {
		return fmt.Errorf("digesting the read model: %w", err)
	}
	digest, err := store.Replay(ctx, r.Blocks, store.Options{}, l.Follow)
	if err != nil {
		return err
	}
	if digest != r.Digest {
		return fmt.Errorf("the read model is not what the ledger's first %d blocks give", r.Blocks)
	}
	return nil
}

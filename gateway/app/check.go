package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/store"
)

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
	folders := []string{logFolder, vaultFolder}
	if cfg.Store == "" {
		folders = append(folders, config.StoreFolder)
	}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(cfg.Data, folder)); err != nil {
			return nil, fmt.Errorf("the node has no data to check: %w", err)
		}
	}
	// Opened for writing: what holds the lock is what tells a running node.
	s, err := store.Open(ctx, cfg.StorePlace(), store.Options{Organisation: cfg.Organisation})
	if err != nil {
		return nil, fmt.Errorf("%w (a node must be stopped to be checked)", err)
	}
	defer func() { err = errors.Join(err, wrap("closing the store", s.Close())) }()
	tree, err := log.Open(ctx, filepath.Join(cfg.Data, logFolder), logOptions(cfg))
	if err != nil {
		return nil, fmt.Errorf("opening the integrity log: %w", err)
	}
	defer func() { err = errors.Join(err, wrap("closing the integrity log", tree.Close(ctx))) }()
	v, err := openVault(ctx, cfg, slog.New(slog.DiscardHandler), true)
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
	a := audit{store: s, log: tree, vault: v, ledger: l, blockWait: blockPatience, pace: func(ctx context.Context) error { return context.Cause(ctx) }}
	for _, part := range a.parts() {
		if err := part.run(ctx, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

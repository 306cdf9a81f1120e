package app

import (
	"context"
	"log/slog"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/gateway/config"
)

// Connect makes a connection to the ledger with the identities of the node that
// cfg configures, for what is done beside the node. It returns before any peer
// has answered, and logs nothing.
func Connect(ctx context.Context, cfg config.Config) (*client.Client, error) {
	trust, err := openTrust(cfg.Trust)
	if err != nil {
		return nil, err
	}
	return connect(ctx, &cfg, trust, slog.New(slog.DiscardHandler))
}

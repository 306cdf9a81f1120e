package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/secant-platform/secant/analytics/worker"
	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
)

// Ledger is the node's connection to the ledger: a client.Client, or a ledger in
// memory.
type Ledger interface {
	worker.Ledger
	SignedRead(ctx context.Context, name string, request any) (*ledger.SignedRead, error)
	Close() error
}

// connect makes the connection that cfg describes. It returns before any peer
// has answered.
func connect(ctx context.Context, cfg *config.Config, trust *trustFile, logger *slog.Logger) (*client.Client, error) {
	c := client.Config{
		Organisation: cfg.Organisation, Channel: cfg.Ledger.Channel, Chaincode: cfg.Ledger.Chaincode,
		Identities: map[ledger.Role]client.Identity{},
	}
	for _, p := range cfg.Ledger.Peers {
		root, err := os.ReadFile(p.TLSRoot)
		if err != nil {
			return nil, fmt.Errorf("reading the TLS root of %s: %w", p.Name, err)
		}
		c.Peers = append(c.Peers, client.Peer{Name: p.Name, Organisation: p.Organisation, Address: p.Address, TLSRoot: root})
	}
	for role, id := range cfg.Ledger.Identities {
		certificate, err := os.ReadFile(id.Certificate)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate for %s: %w", role, err)
		}
		key, err := os.ReadFile(id.Key.Path())
		if err != nil {
			return nil, fmt.Errorf("reading the key for %s: %w", role, err)
		}
		c.Identities[ledger.Role(role)] = client.Identity{Certificate: certificate, Key: key}
	}
	l, err := client.Connect(ctx, c, client.WithLogger(logger), client.WithTrust(trust.Trust))
	if err != nil {
		return nil, fmt.Errorf("connecting to the ledger: %w", err)
	}
	return l, nil
}

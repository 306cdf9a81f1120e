package app

import (
	"context"
	"crypto/ed25519"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
)

// Roles lists the roles for which Token makes tokens.
func Roles() []string {
	names := make([]string, len(auth.Roles))
	for i, r := range auth.Roles {
		names[i] = string(r)
	}
	return names
}

// Token makes a token with which to call the node that cfg configures. It makes
// the node's key when there is none yet.
func Token(cfg config.Config, role string, lifetime time.Duration) (string, error) {
	key, err := auth.OpenKey(cfg.Keys.Token.Path())
	if err != nil {
		return "", err
	}
	return auth.Mint(key, auth.Claims{
		Issuer: cfg.Organisation, Audience: cfg.Organisation, Subject: role, Role: auth.Role(role),
	}, time.Now(), lifetime)
}

// nodeTokens mints the tokens with which this node calls others.
func nodeTokens(organisation string, key ed25519.PrivateKey) func(context.Context, string) (string, error) {
	return func(_ context.Context, audience string) (string, error) {
		return auth.Mint(key, auth.Claims{
			Issuer: organisation, Audience: audience, Subject: "node", Role: auth.RoleNode,
		}, time.Now(), auth.NodeLifetime)
	}
}

// memberStore finds the rows of members.
type memberStore interface {
	Organisation(ctx context.Context, id string) (fact.Row[ledger.Organisation], error)
	Roster(ctx context.Context) (fact.Row[ledger.Roster], error)
}

// memberKeys finds the token keys that members published on the ledger.
type memberKeys struct{ store memberStore }

// TokenKey returns nil for an organisation that is unknown, published none, or
// was removed: its row with its key stays on the ledger, for what it signed.
func (m memberKeys) TokenKey(ctx context.Context, organisation string) (ed25519.PublicKey, error) {
	row, err := m.store.Organisation(ctx, organisation)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	roster, err := m.store.Roster(ctx)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound { // without a roster nobody can be removed
		return nil, err
	}
	if slices.Contains(roster.Record.Removed, organisation) {
		return nil, nil
	}
	return row.Record.PublicTokenKey(), nil
}

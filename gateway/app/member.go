package app

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// doer carries commands to the ledger.
type doer interface {
	Do(ctx context.Context, role ledger.Role, name string, request any) (*fact.Operation, error)
}

// member keeps the organisation's own row on the ledger as this node has it.
type member struct {
	evaluate func(ctx context.Context, name string, request, out any) error
	commands doer
	cfg      *config.Config
	key      ed25519.PublicKey // with which the node's tokens are verified
	network  string            // the consortium's name, as the trust file has it
	logger   *slog.Logger
}

// memberPause is the time between two tries.
const memberPause = time.Second

// settle registers the organisation, or changes its row, and tries until that
// is done or can never be.
func (m *member) settle(ctx context.Context) error {
	for ctx.Err() == nil {
		done, err := m.once(ctx)
		switch {
		case done:
			return nil
		case ledger.CodeOf(err) == ledger.CodeInvalid || ledger.CodeOf(err) == ledger.CodeDenied:
			return err
		case ctx.Err() != nil:
			return nil //nolint:nilerr // told to end
		}
		m.logger.WarnContext(ctx, "organisation not registered yet", slog.Any(telemetry.KeyError, err))
		t := time.NewTimer(memberPause)
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
	}
	return nil
}

// once reads the row from the ledger, not from the read model, which may be
// behind, and changes it when it is another. It reports whether the row is as it
// should be.
func (m *member) once(ctx context.Context) (bool, error) {
	var row ledger.Organisation
	err := m.evaluate(ctx, ledger.IdentityGet, ledger.GetOrganisation{ID: m.cfg.Organisation}, &row)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return false, err
	}
	want := ledger.RegisterOrganisation{
		Name: m.cfg.DisplayName, Kind: m.cfg.Kind, Endpoint: m.cfg.Endpoint,
		TokenKey: hex.EncodeToString(m.key), Revision: row.Revision + 1, Network: m.network,
	}
	if err == nil && row.Name == want.Name && row.Kind == want.Kind && row.Endpoint == want.Endpoint && row.TokenKey == want.TokenKey {
		if votes, err := m.votes(ctx); votes || err != nil {
			return votes, err
		}
	}
	_, err = m.commands.Do(ctx, ledger.RoleRegistrar, ledger.IdentityRegister, want)
	if pending, ok := errors.AsType[*fact.Pending](err); ok {
		return false, pending
	}
	return err == nil, err
}

// votes reports whether the organisation is on the roster of those whose votes
// count, and the roster knows the network's name, or that this organisation
// stated it: until enough others have, stating it again would change nothing. A
// row that is older than the roster joins it by being registered once more.
func (m *member) votes(ctx context.Context) (bool, error) {
	var roster ledger.Roster
	err := m.evaluate(ctx, ledger.IdentityGetRoster, ledger.GetRoster{}, &roster)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return false, nil
	}
	// Whoever was removed registers nothing; its node may still read.
	out := slices.Contains(roster.Removed, m.cfg.Organisation)
	named := roster.Network != "" || roster.Says(m.cfg.Organisation) == m.network
	return err == nil && (out || roster.Has(m.cfg.Organisation) && named), err
}

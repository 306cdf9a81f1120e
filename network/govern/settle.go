package govern

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

// settle brings every process of the network to what the network file says, and
// waits until all is well.
func settle(ctx context.Context, s *launch.Session) error {
	if err := s.Prepare(ctx); err != nil {
		return err
	}
	if err := s.Fabric(ctx); err != nil {
		return err
	}
	return s.Nodes(ctx)
}

// trustMembers begins a new epoch of the trust file if the organisations that
// endorse on the channel are not those of the running one.
func trustMembers(ctx context.Context, n *topology.Network, at time.Time) error {
	c, err := channel.Newest(ctx, n)
	if err != nil {
		return fmt.Errorf("asking who endorses: %w", err)
	}
	members := channel.Application(c.Config).GetGroups()
	var failure error
	_, err = material.ChangeTrust(n, at, func(e *ledger.TrustEpoch) {
		e.Organisations = slices.DeleteFunc(e.Organisations, func(o ledger.TrustOrganisation) bool {
			_, stays := members[o.ID]
			return !stays
		})
		for _, o := range slices.Concat(n.Organisations, n.Joining) {
			known := slices.ContainsFunc(e.Organisations, func(t ledger.TrustOrganisation) bool { return t.ID == o.ID })
			if _, endorses := members[o.ID]; !endorses || known {
				continue
			}
			t, _, err := material.TrustOf(n, o.ID)
			if err == nil {
				t.Revoked, err = material.Revoked(n, o.ID)
			}
			if err != nil {
				failure = err
				return
			}
			e.Organisations = append(e.Organisations, t)
		}
	})
	if failure != nil {
		return failure
	}
	return err
}

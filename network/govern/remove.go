package govern

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// RemoveOptions say what is to leave.
type RemoveOptions struct {
	// OrdererOnly: the organisation stays a member, without its orderer.
	OrdererOnly bool
	// Out is told of the progress. Default: nobody is.
	Out io.Writer
}

// RemoveOrganisation ends an organisation's membership of a running network, or
// only its part in ordering: the others vote it off the ledger's roster, its node stops, its orderer and then its peer leave
// the channel's configuration, an epoch of the trust file begins, and the others
// forget its addresses. Its seat and its data are kept, and what it signed while
// it was a member stays as good as it was. It is refused when fewer than four
// orderers would remain.
func RemoveOrganisation(ctx context.Context, dir, id string, o RemoveOptions) error {
	s, err := launch.Open(dir, "network remove "+id, o.Out)
	if err != nil {
		return err
	}
	defer s.Close()
	start := time.Now()
	if err := remove(ctx, s, id, o); err != nil {
		return err
	}
	what := "is no member any more"
	if o.OrdererOnly {
		what = "takes no part in ordering any more"
	}
	s.Say("%s %s, in %.1fs", id, what, time.Since(start).Seconds())
	return nil
}

func remove(ctx context.Context, s *launch.Session, id string, o RemoveOptions) error {
	n := s.Network()
	seat, ok := n.Organisation(id)
	i := slices.IndexFunc(n.Joining, func(j topology.Organisation) bool { return j.ID == id })
	former, left := n.Left(id)
	switch {
	case !ok && i < 0 && !left:
		return &process.Failure{
			What: "looking for the member " + id, Err: errors.New("there is none of that name"), Do: "take one of: " + members(n),
		}
	case !ok && i < 0:
		// An earlier call came this far: what is left to do is to put all right.
		seat = former
	case !ok:
		seat = &n.Joining[i] // it never became a member
	}
	leaving := *seat // the seat itself moves
	if err := bearable(ctx, s, id, o); err != nil {
		return err
	}
	if !o.OrdererOnly {
		// The members decide, then it is carried out.
		if err := strike(ctx, s, id); err != nil {
			return err
		}
		// Before its peer leaves, so that it anchors and hands over what it has
		// accepted.
		if err := s.Stop(ctx, leaving.Node.Name); err != nil {
			return err
		}
	}
	if err := leaveOrdering(ctx, s, id); err != nil {
		return err
	}
	if !o.OrdererOnly {
		if err := leaveChannel(ctx, s, leaving); err != nil {
			return err
		}
	}
	return settle(ctx, s)
}

// bearable refuses what would leave a network that bears no fault, or a policy
// that nobody can meet, before anything is done.
func bearable(ctx context.Context, s *launch.Session, id string, o RemoveOptions) error {
	n := s.Network()
	c, err := channel.Newest(ctx, n)
	if err != nil {
		return &process.Failure{What: "asking who is on the channel", Err: err, Do: "start the network with `secant up`, then run the command again"}
	}
	if err := quorate(s, c); err != nil {
		return err
	}
	if err := channel.DropConsenter(c.Config, id); err != nil {
		return &process.Failure{What: "removing the orderer of " + id, Err: err, Do: "add an orderer to another member first: secant network add ORGANISATION --orderer"}
	}
	if _, endorses := channel.Application(c.Config).GetGroups()[id]; !endorses || o.OrdererOnly {
		return nil
	}
	t, err := material.ReadTrust(n)
	if err != nil {
		return err
	}
	policy := t.Epochs[len(t.Epochs)-1].Policy
	remain := len(channel.Application(c.Config).GetGroups()) - 1
	if _, ok := ledger.PolicyNeeds(policy, remain); !ok {
		return &process.Failure{
			What: "removing " + id, Err: fmt.Errorf("the %d members that remain cannot meet the endorsement policy %q", remain, policy),
			Do: "change the policy first: secant network policy",
		}
	}
	return nil
}

// quorate fails unless enough orderers run for a block to be made. Those of the
// organisation that leaves may be down: it may be why it leaves.
func quorate(s *launch.Session, c *channel.Configuration) error {
	all, err := channel.Consenters(c.Config)
	if err != nil {
		return err
	}
	alive, err := s.Alive()
	if err != nil {
		return err
	}
	running := 0
	for _, o := range s.Network().Organisations {
		if o.Orderer != nil && alive[o.Orderer.Name] {
			running++
		}
	}
	if need := channel.Quorum(len(all)); running < need {
		return &process.Failure{
			What: "looking at the orderers", Err: fmt.Errorf("%d of %d run, and %d must agree on a block", running, len(all), need),
			Do: "start them with `secant up`, then run the command again",
		}
	}
	return nil
}

// leaveOrdering takes the organisation's orderer out of the consensus and stops
// it: the others have agreed to do without it by then.
func leaveOrdering(ctx context.Context, s *launch.Session, id string) error {
	n := s.Network()
	_, err := s.Change(ctx, "taking the orderer of "+id+" out of the consensus", func(c *common.Config) error {
		return channel.DropOrderer(c, id)
	})
	if err != nil {
		return err
	}
	if n.DismissOrderer(id) {
		if err := s.Save(); err != nil {
			return err
		}
	}
	if f, ok := n.Left(id); ok && f.Orderer != nil {
		return s.Stop(ctx, f.Orderer.Name)
	}
	return nil
}

// leaveChannel takes the organisation off the channel and stops what is left of
// it.
func leaveChannel(ctx context.Context, s *launch.Session, leaving topology.Organisation) error {
	n := s.Network()
	_, err := s.Change(ctx, "taking "+leaving.ID+" out of the channel's configuration", func(c *common.Config) error {
		channel.DropMember(c, leaving.ID)
		return nil
	})
	if err != nil {
		return err
	}
	c, err := channel.Newest(ctx, n)
	if err != nil {
		return fmt.Errorf("asking who endorses: %w", err)
	}
	// From the moment that the block states: what was endorsed a little later
	// under the old rule has enough signatures under the new one, too.
	if err := trustMembers(ctx, n, c.Time); err != nil {
		return err
	}
	if n.Dismiss(leaving.ID) {
		if err := s.Save(); err != nil {
			return err
		}
	}
	for _, p := range leaving.Peers {
		if err := s.Stop(ctx, p.Name); err != nil {
			return err
		}
	}
	return nil
}

func members(n *topology.Network) string {
	var all []string
	for _, o := range n.Organisations {
		all = append(all, o.ID)
	}
	return strings.Join(all, ", ")
}

package govern

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

// voters speaks for members on the ledger, each with its registrar's
// certificate.
type voters struct {
	n    *topology.Network
	open map[string]*client.Client // by organisation
}

func (v *voters) close() {
	for _, c := range v.open {
		_ = c.Close() // nothing is lost with it
	}
}

// of returns the connection of a member.
func (v *voters) of(ctx context.Context, org string) (*client.Client, error) {
	if c, ok := v.open[org]; ok {
		return c, nil
	}
	var id client.Identity
	var err error
	dir := v.n.ClientDir(org, string(ledger.RoleRegistrar))
	if id.Certificate, err = os.ReadFile(filepath.Join(dir, material.CertFile)); err != nil { //nolint:gosec // a path of our own layout
		return nil, fmt.Errorf("loading the registrar of %s: %w", org, err)
	}
	if id.Key, err = os.ReadFile(filepath.Join(dir, material.KeyFile)); err != nil { //nolint:gosec // a path of our own layout
		return nil, fmt.Errorf("loading the registrar of %s: %w", org, err)
	}
	cfg := client.Config{
		Organisation: org, Channel: v.n.Channel, Chaincode: v.n.Chaincode,
		Identities: map[ledger.Role]client.Identity{ledger.RoleRegistrar: id},
	}
	for _, o := range v.n.Organisations {
		root, err := os.ReadFile(v.n.TLSRoot(o.ID))
		if err != nil {
			return nil, fmt.Errorf("reading the TLS root of %s: %w", o.ID, err)
		}
		for _, p := range o.Peers {
			cfg.Peers = append(cfg.Peers, client.Peer{Name: p.Name, Organisation: o.ID, Address: topology.Address(p.Port), TLSRoot: root})
		}
	}
	c, err := client.Connect(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connecting as %s: %w", org, err)
	}
	v.open[org] = c
	return c, nil
}

// strike has the members remove an organisation from the ledger's roster, so
// that its votes count no more and no majority has to reckon with it. One that is
// not on the roster is left alone.
func strike(ctx context.Context, s *launch.Session, id string) error {
	return vote(ctx, s, id, "voting "+id+" off the ledger's roster", func(r *ledger.Roster) (ledger.Propose, bool) {
		return ledger.Propose{
			Kind: ledger.ProposeRemoveOrganisation, Subject: ledger.ProposalSubject{Organisation: id},
			Reason: "It leaves the consortium.",
		}, r.Has(id)
	})
}

// readmit has the members take an organisation back onto the ledger's roster, if
// they removed it before: only then can it register again.
func readmit(ctx context.Context, s *launch.Session, id string) error {
	return vote(ctx, s, id, "voting "+id+" back onto the ledger's roster", func(r *ledger.Roster) (ledger.Propose, bool) {
		return ledger.Propose{
			Kind: ledger.ProposeReadmitOrganisation, Subject: ledger.ProposalSubject{Organisation: id},
			Reason: "It returns to the consortium.",
		}, slices.Contains(r.Removed, id)
	})
}

// vote has the members but one decide what the roster gives reason to decide: a
// proposal (an open one is taken up), as many votes as make a majority, the
// enactment.
func vote(ctx context.Context, s *launch.Session, without, what string, on func(*ledger.Roster) (ledger.Propose, bool)) error {
	v := &voters{n: s.Network(), open: map[string]*client.Client{}}
	defer v.close()
	var others []string
	for _, o := range v.n.Organisations {
		if o.ID != without {
			others = append(others, o.ID)
		}
	}
	if len(others) == 0 {
		return nil
	}
	speaker, err := v.of(ctx, others[0])
	if err != nil {
		return err
	}
	var roster ledger.Roster
	if err := speaker.Evaluate(ctx, ledger.IdentityGetRoster, ledger.GetRoster{}, &roster); err != nil {
		if ledger.CodeOf(err) == ledger.CodeNotFound {
			return nil // nobody has registered yet
		}
		return fmt.Errorf("asking for the roster: %w", err)
	}
	p, needed := on(&roster)
	if !needed {
		return nil
	}
	others = slices.DeleteFunc(others, func(org string) bool { return !roster.Has(org) })
	done := s.Step(what)
	err = v.carry(ctx, others, &roster, p)
	done(err)
	return err
}

// carry proposes what concerns the roster, has the organisations approve until
// enough have, and enacts.
func (v *voters) carry(ctx context.Context, orgs []string, roster *ledger.Roster, p ledger.Propose) error {
	needed := roster.Needed()
	if len(orgs) < needed {
		return fmt.Errorf("%d registered members are no majority: %d are needed", len(orgs), needed)
	}
	speaker, err := v.of(ctx, orgs[0])
	if err != nil {
		return err
	}
	open, err := openProposal(ctx, speaker, roster, p)
	if err != nil {
		return err
	}
	if open == nil {
		made, _, err := client.Submit[ledger.Proposal](ctx, speaker, ledger.RoleRegistrar, ledger.IdentityPropose, p)
		if err != nil {
			return err //nolint:wrapcheck // it says what was being submitted
		}
		open = &ledger.ProposalView{Proposal: *made}
	}
	approved, answered := map[string]bool{}, map[string]bool{}
	for _, vote := range open.Votes {
		approved[vote.Organisation], answered[vote.Organisation] = vote.Approve, true
	}
	var counted []string
	for _, org := range orgs {
		if len(counted) == needed {
			break
		}
		if !answered[org] {
			c, err := v.of(ctx, org)
			if err != nil {
				return err
			}
			err = submit[ledger.Vote](ctx, c, ledger.IdentityVote, ledger.CastVote{Proposal: open.Proposal.ID, Approve: true})
			// An earlier call may have voted in a block that the speaker has not seen.
			if err != nil && ledger.CodeOf(err) != ledger.CodeAlreadyExists {
				return err
			}
			approved[org] = true
		}
		if approved[org] {
			counted = append(counted, org)
		}
	}
	if len(counted) < needed {
		return fmt.Errorf("%d of %d members approve the proposal %s, and %d are needed", len(counted), len(orgs), open.Proposal.ID, needed)
	}
	err = submit[ledger.Proposal](ctx, speaker, ledger.IdentityEnact, ledger.Enact{Proposal: open.Proposal.ID, Voters: counted})
	if ledger.CodeOf(err) == ledger.CodeAlreadyExists {
		return nil // an earlier call did
	}
	return err
}

// submit runs a transaction that builds on others which have just been made
// through other members' peers: one that has not got them yet does not find them.
func submit[T any](ctx context.Context, c *client.Client, name string, req any) error {
	const (
		patience = 45 * time.Second
		pause    = 200 * time.Millisecond
	)
	for deadline := time.Now().Add(patience); ; {
		_, _, err := client.Submit[T](ctx, c, ledger.RoleRegistrar, name, req)
		if ledger.CodeOf(err) != ledger.CodeNotFound || time.Now().After(deadline) {
			return err //nolint:wrapcheck // it says what was being submitted
		}
		select {
		case <-ctx.Done():
			return err //nolint:wrapcheck // as above
		case <-time.After(pause):
		}
	}
}

// openProposal finds a proposal of the same kind and subject that can still be
// carried, with its votes; nil when there is none.
func openProposal(ctx context.Context, c *client.Client, roster *ledger.Roster, p ledger.Propose) (*ledger.ProposalView, error) {
	req := ledger.PageRequest{}
	for {
		var page ledger.ProposalPage
		if err := c.Evaluate(ctx, ledger.IdentityListProposals, req, &page); err != nil {
			return nil, fmt.Errorf("asking for open proposals: %w", err)
		}
		for _, have := range page.Items {
			// One about an earlier roster cannot be enacted any more.
			if have.Kind != p.Kind || have.Subject != p.Subject || have.Base != strconv.Itoa(roster.Revision) {
				continue
			}
			var view ledger.ProposalView
			if err := c.Evaluate(ctx, ledger.IdentityGetProposal, ledger.GetProposal{ID: have.ID}, &view); err != nil {
				return nil, fmt.Errorf("asking for a proposal: %w", err)
			}
			// One that is about to expire would lapse under the votes.
			if !view.Enacted && time.Until(have.Expires) > carryTime {
				return &view, nil
			}
		}
		if page.Next == "" {
			return nil, nil
		}
		req.Bookmark = page.Next
	}
}

// carryTime is more than proposing, voting and enacting take.
const carryTime = 10 * time.Minute

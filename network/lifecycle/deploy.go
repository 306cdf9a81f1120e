package lifecycle

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/network/channel"
)

// pause is how long to wait before asking again.
const pause = 150 * time.Millisecond

// Definition is the chaincode as the channel knows it.
type Definition struct {
	PackageID string `json:"packageId"`
	Version   string `json:"version"`
	Sequence  int64  `json:"sequence"`
	// Policy is ledger.PolicyMajority or what ledger.PolicyOutOf names; empty
	// when it is another, or was written down before policies were.
	Policy string `json:"policy,omitempty"`

	endorsement *peer.ApplicationPolicy
}

// Deployer deploys one chaincode to one channel.
type Deployer struct {
	Channel   string
	Chaincode string
	Peers     []*channel.Peer // all of them; the first of an organisation speaks for it
	// Step is told what is being done, only when something is; it returns what
	// to call when that is done.
	Step func(what string) (done func(error))
}

// Committed returns the definition on the channel, as the first peer knows it;
// false when there is none.
func (d *Deployer) Committed(ctx context.Context) (Definition, bool, error) {
	return d.committed(ctx, d.Peers[0])
}

func (d *Deployer) committed(ctx context.Context, p *channel.Peer) (Definition, bool, error) {
	all, err := chaincode.NewGateway(p.Conn, p.Identity).QueryCommitted(ctx, d.Channel)
	if err != nil {
		return Definition{}, false, fmt.Errorf("asking %s for the channel's chaincode: %w", p.Name, err)
	}
	for _, c := range all.GetChaincodeDefinitions() {
		if c.GetName() != d.Chaincode {
			continue
		}
		policy, err := parsePolicy(c.GetValidationParameter())
		if err != nil {
			return Definition{}, false, err
		}
		return Definition{
			Version: c.GetVersion(), Sequence: c.GetSequence(), Policy: policyName(policy), endorsement: policy,
		}, true, nil
	}
	return Definition{}, false, nil
}

// Deploy brings the package to every peer and its definition to the channel,
// under the policy that the channel has, a majority at first. It does only what
// is missing, tries again while the network gathers itself, and gives up when
// ctx ends, saying at what.
func (d *Deployer) Deploy(ctx context.Context, pkg *Package) (Definition, error) {
	return d.define(ctx, pkg, "")
}

// Redefine puts the chaincode that the channel has under another policy
// (ledger.PolicyMajority, ledger.PolicyOutOf), as Deploy does with another
// package. Calling it with the policy that holds renews one that names the
// organisations, if those have changed.
func (d *Deployer) Redefine(ctx context.Context, policy string) (Definition, error) {
	return d.define(ctx, nil, policy)
}

// define brings a package and a policy to the channel; nil and empty leave what
// is there.
func (d *Deployer) define(ctx context.Context, pkg *Package, policy string) (Definition, error) {
	done := d.step("asking every organisation for its chaincode")
	todo, err := d.look(ctx, pkg, policy)
	done(err)
	if err != nil {
		return Definition{}, err
	}
	if err := d.install(ctx, pkg, todo.install); err != nil {
		return Definition{}, err
	}
	if err := d.approve(ctx, todo.definition, todo.approve); err != nil {
		return Definition{}, err
	}
	return todo.definition, d.commit(ctx, todo.definition)
}

// speakers returns the first peer of each organisation.
func (d *Deployer) speakers() []*channel.Peer {
	var out []*channel.Peer
	seen := map[string]bool{}
	for _, p := range d.Peers {
		if !seen[p.Organisation] {
			seen[p.Organisation] = true
			out = append(out, p)
		}
	}
	return out
}

// install puts the package on the peers that lack it.
func (d *Deployer) install(ctx context.Context, pkg *Package, lacking []*channel.Peer) error {
	if len(lacking) == 0 {
		return nil
	}
	done := d.step("installing the chaincode")
	g, gctx := errgroup.WithContext(ctx)
	for _, p := range lacking {
		g.Go(func() error {
			return again(gctx, "installing the chaincode on "+p.Name, func(ctx context.Context) error {
				_, err := chaincode.NewPeer(p.Conn, p.Identity).Install(ctx, bytes.NewReader(pkg.bytes))
				if err != nil && strings.Contains(err.Error(), "already successfully installed") {
					return nil // an earlier attempt went through after all
				}
				return err
			})
		})
	}
	err := g.Wait()
	done(err)
	return err
}

// approve has the organisations that have not done so approve the definition.
func (d *Deployer) approve(ctx context.Context, def Definition, lacking []*channel.Peer) error {
	if len(lacking) == 0 {
		return nil
	}
	done := d.step(fmt.Sprintf("approving the chaincode, sequence %d", def.Sequence))
	g, gctx := errgroup.WithContext(ctx)
	for _, p := range lacking {
		g.Go(func() error {
			return again(gctx, "approving the chaincode for "+p.Organisation, func(ctx context.Context) error {
				err := chaincode.NewGateway(p.Conn, p.Identity).Approve(ctx, d.definition(def))
				if err == nil {
					return nil
				}
				// Its outcome is unknown: an earlier attempt may have gone
				// through, so look before trying again.
				if ok, lookErr := d.approved(ctx, p, def); lookErr == nil && ok {
					return nil
				}
				return err
			})
		})
	}
	err := g.Wait()
	done(err)
	return err
}

// approved reports whether the organisation has approved this very definition
// with this very package.
func (d *Deployer) approved(ctx context.Context, p *channel.Peer, def Definition) (bool, error) {
	res, err := chaincode.NewGateway(p.Conn, p.Identity).QueryApproved(ctx, d.Channel, d.Chaincode, def.Sequence)
	if err != nil {
		if strings.Contains(detail(err).Error(), "could not fetch approved chaincode definition") {
			return false, nil // Fabric has no other way of saying that there is none
		}
		return false, fmt.Errorf("asking for an approval: %w", err)
	}
	policy, err := parsePolicy(res.GetValidationParameter())
	if err != nil {
		return false, err
	}
	return res.GetVersion() == def.Version && packageOf(res) == def.PackageID && proto.Equal(policy, def.endorsement), nil
}

func packageOf(r *lifecycle.QueryApprovedChaincodeDefinitionResult) string {
	return r.GetSource().GetLocalPackage().GetPackageId()
}

// commit puts the definition on the channel and waits until every peer has it.
func (d *Deployer) commit(ctx context.Context, def Definition) error {
	var done func(error)
	err := again(ctx, "committing the chaincode", func(ctx context.Context) error {
		now, found, err := d.newest(ctx)
		if err != nil {
			return err
		}
		if found && now.Sequence >= def.Sequence {
			return nil
		}
		if done == nil {
			done = d.step(fmt.Sprintf("committing the chaincode, sequence %d", def.Sequence))
		}
		p := d.Peers[0]
		return chaincode.NewGateway(p.Conn, p.Identity).Commit(ctx, d.definition(def))
	})
	if err == nil {
		err = d.everywhere(ctx, def)
	}
	if done != nil {
		done(err)
	}
	return err
}

// everywhere waits until every peer knows the definition.
func (d *Deployer) everywhere(ctx context.Context, def Definition) error {
	for _, p := range d.Peers {
		err := again(ctx, "waiting for "+p.Name+" to learn of the chaincode", func(ctx context.Context) error {
			now, found, err := d.committed(ctx, p)
			switch {
			case err != nil:
				return err
			case !found || now.Sequence < def.Sequence:
				return fmt.Errorf("%s knows sequence %d, not %d", p.Name, now.Sequence, def.Sequence)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Deployer) definition(def Definition) *chaincode.Definition {
	return &chaincode.Definition{
		ChannelName: d.Channel, Name: d.Chaincode,
		PackageID: def.PackageID, Version: def.Version, Sequence: def.Sequence,
		ApplicationPolicy: def.endorsement,
	}
}

func (d *Deployer) step(what string) func(error) {
	if d.Step == nil {
		return func(error) {}
	}
	return d.Step(what)
}

// Ready waits until a majority endorses through every peer: a real proposal to
// the running chaincode, endorsed and never submitted. An open port says little:
// after a start the gateway finds no endorsers until the peers know each other.
func (d *Deployer) Ready(ctx context.Context, function string, args ...string) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, p := range d.Peers {
		g.Go(func() error {
			gw, err := p.Gateway()
			if err != nil {
				return err
			}
			defer gw.Close()
			contract := gw.GetNetwork(d.Channel).GetContract(d.Chaincode)
			return again(gctx, "waiting for a majority to endorse through "+p.Name, func(ctx context.Context) error {
				proposal, err := contract.NewProposal(function, client.WithArguments(args...))
				if err != nil {
					return fmt.Errorf("making a proposal: %w", err)
				}
				_, err = proposal.EndorseWithContext(ctx)
				return err
			})
		})
	}
	return g.Wait()
}

// again calls f until it returns nil. When ctx ends it returns the last error
// with what was being done.
func again(ctx context.Context, what string, f func(context.Context) error) error {
	const each = 45 * time.Second // one attempt; a lost answer must not stall the start
	for {
		attempt, cancel := context.WithTimeout(ctx, each)
		err := f(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, detail(err))
		case <-time.After(pause):
		}
	}
}

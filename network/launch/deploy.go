package launch

import (
	"context"
	"fmt"

	"github.com/secant-platform/secant/network/build"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/lifecycle"
	"github.com/secant-platform/secant/network/process"
)

// Deployed is what a deployment found and what it left.
type Deployed struct{ Before, After lifecycle.Definition }

// Upgrade builds the chaincode from source and brings it to the channel while
// the network works. A chaincode that is there already is left alone. Of the
// options only Source and Cache count.
func (s *Session) Upgrade(ctx context.Context, o Options) (Deployed, error) {
	last, err := s.l.lastPrograms()
	if err != nil {
		return Deployed{}, &process.Failure{What: "upgrading the chaincode", Err: err, Do: "run `secant up` first"}
	}
	last.Chaincode, err = build.Chaincode(ctx, build.Options{Cache: o.Cache, Source: o.Source, Step: s.l.progress.step})
	if err != nil {
		return Deployed{}, err
	}
	pkg, err := lifecycle.Pack(s.l.net.Chaincode, last.Chaincode)
	if err != nil {
		return Deployed{}, err
	}
	// Noted before it is deployed: a start without the source goes on with it.
	if err := s.l.save(s.l.net.ProgramsFile(), last); err != nil {
		return Deployed{}, err
	}
	s.l.programs = last
	return s.deploy(ctx, "upgrading the chaincode", func(d *lifecycle.Deployer) (lifecycle.Definition, error) {
		return d.Deploy(ctx, pkg)
	})
}

// Redefine puts the chaincode under another endorsement policy
// (ledger.PolicyMajority, ledger.PolicyOutOf). The policy that holds is left
// alone, unless the organisations that it names have changed.
func (s *Session) Redefine(ctx context.Context, policy string) (Deployed, error) {
	return s.deploy(ctx, "changing the endorsement policy", func(d *lifecycle.Deployer) (lifecycle.Definition, error) {
		return d.Redefine(ctx, policy)
	})
}

func (s *Session) deploy(ctx context.Context, what string, change func(*lifecycle.Deployer) (lifecycle.Definition, error)) (Deployed, error) {
	ctx, cancel := context.WithTimeout(ctx, deployTime)
	defer cancel()
	peers, closeAll, err := s.l.peers()
	if err != nil {
		return Deployed{}, err
	}
	defer closeAll()
	d := s.l.deployer(peers)
	var out Deployed
	// The most advanced of what any peer knows, as a deployment itself sees it.
	for _, p := range peers {
		def, found, err := s.l.deployer([]*channel.Peer{p}).Committed(ctx)
		if err != nil {
			return out, s.l.stuck(what, fmt.Errorf("%s has to be asked, as every peer: %w", p.Name, err))
		}
		if found && def.Sequence > out.Before.Sequence {
			out.Before = def
		}
	}
	if out.After, err = change(d); err != nil {
		return out, s.l.stuck(what, err)
	}
	if err := s.l.save(s.l.net.ChaincodeFile(), out.After); err != nil {
		return out, err
	}
	done := s.Step("waiting until enough endorse through every peer")
	err = d.Ready(ctx, readyFunction)
	done(err)
	if err != nil {
		return out, s.l.stuck(what, err)
	}
	return out, nil
}

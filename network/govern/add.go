package govern

import (
	"context"
	"io"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// Options say who is to join.
type Options struct {
	// ID names the organisation on the channel, in certificates and in paths:
	// lower-case letters, digits and hyphens.
	ID string
	// Title is its name for people. Default: the id.
	Title string
	// Kind is what it is: ledger.KindHospital, ledger.KindManufacturer or
	// ledger.KindAuthority.
	Kind string
	// Orderer: it takes part in ordering.
	Orderer bool
	// Out is told of the progress. Default: nobody is.
	Out io.Writer
}

// AddOrganisation makes an organisation a member of a running network, or gives
// a member an orderer: a seat, certificates, its place in the channel's
// configuration, an epoch of the trust file, its processes, and its peer in the
// others' configuration. A former member returns with what it had. It returns when a majority endorses through every peer
// and every node is ready. A member that has all that is asked for is put right
// where it is not, and left as it is otherwise.
func AddOrganisation(ctx context.Context, dir string, o Options) error {
	s, err := launch.Open(dir, "network add "+o.ID, o.Out)
	if err != nil {
		return err
	}
	defer s.Close()
	start := time.Now()
	if err := addOrganisation(ctx, s, o); err != nil {
		return err
	}
	s.Say("%s is a member, in %.1fs", o.ID, time.Since(start).Seconds())
	return nil
}

func addOrganisation(ctx context.Context, s *launch.Session, o Options) error {
	n := s.Network()
	seat, joining, err := n.Seat(o.ID, o.Title, o.Kind, o.Orderer)
	if err != nil {
		return &process.Failure{What: "seating " + o.ID, Err: err, Do: "nothing was changed; `secant network show` lists who is there"}
	}
	if joining {
		if err := s.Running(topology.KindOrderer, topology.KindPeer); err != nil {
			return err
		}
		if err := s.CheckPorts(ctx); err != nil {
			return err
		}
		if err := s.Save(); err != nil {
			return err
		}
		if err := s.Prepare(ctx); err != nil {
			return err
		}
	}
	_, err = s.Change(ctx, "putting "+o.ID+" into the channel's configuration", func(c *common.Config) error {
		if seat.Orderer != nil {
			if err := channel.PutOrderer(c, n, seat); err != nil {
				return err
			}
		}
		return channel.PutMember(c, n, seat)
	})
	if err != nil {
		return err
	}
	if err := trustMembers(ctx, n, time.Now()); err != nil {
		return err
	}
	if err := readmit(ctx, s, o.ID); err != nil {
		return err
	}
	if n.Admit(o.ID) {
		if err := s.Save(); err != nil {
			return err
		}
	}
	if err := settle(ctx, s); err != nil || seat.Orderer == nil {
		return err
	}
	return abreast(ctx, s, "waiting until "+seat.Orderer.Name+" keeps up with the others")
}

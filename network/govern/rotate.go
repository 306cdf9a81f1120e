package govern

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"
	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// RotateOptions say what gets new certificates and keys.
type RotateOptions struct {
	// Organisation is whose.
	Organisation string
	// Role is one role of its node. Empty, with nothing else asked for: all roles
	// and its public address.
	Role ledger.Role
	// Peers: its peers, one after the other.
	Peers bool
	// Orderer: its orderer.
	Orderer bool
	// Administrator: its administrator, with whom it signs changes of the channel.
	Administrator bool
	// All: the node's roles and public address, the peers, the orderer and the administrator.
	All bool
	// Out is told of the progress. Default: nobody is.
	Out io.Writer
}

// Rotate gives an organisation's node, peers or orderer new certificates and
// keys from the organisation's own authorities. New ones are tried on the channel
// before they are used, old ones are kept until their user works with the new
// ones; then the old keys are deleted. The old certificates stay valid: Revoke
// ends that.
func Rotate(ctx context.Context, dir string, o RotateOptions) error {
	s, err := launch.Open(dir, "network rotate "+o.Organisation, o.Out)
	if err != nil {
		return err
	}
	defer s.Close()
	org, err := member(s.Network(), o.Organisation)
	if err != nil {
		return err
	}
	if o.Orderer && org.Orderer == nil {
		return &process.Failure{What: "looking for the orderer of " + org.ID, Err: errors.New("it runs none"), Do: "leave --orderer out"}
	}
	if err := startStopped(ctx, s, *org); err != nil {
		return err
	}
	if err := s.Running(topology.KindOrderer, topology.KindPeer); err != nil {
		return err
	}
	if o.All || !o.Peers && !o.Orderer && !o.Administrator {
		if err := rotateRoles(ctx, s, *org, o.Role); err != nil {
			return err
		}
	}
	if o.All || o.Peers {
		for _, p := range org.Peers {
			if err := rotatePeer(ctx, s, *org, p); err != nil {
				return err
			}
		}
	}
	if (o.All || o.Orderer) && org.Orderer != nil {
		if err := rotateOrderer(ctx, s, *org); err != nil {
			return err
		}
	}
	if o.All || o.Administrator {
		if err := rotateAdministrator(ctx, s, *org); err != nil {
			return err
		}
	}
	s.Say("%s works with its new certificates; the old ones stay valid until they are revoked, those for TLS until they expire: %s", org.ID,
		material.RetiredDir(s.Network(), org.ID))
	return nil
}

// startStopped starts an organisation's peers and orderer that a renewal stopped
// and, stopped itself, did not start again.
func startStopped(ctx context.Context, s *launch.Session, o topology.Organisation) error {
	users := map[string]*material.Renewable{}
	for _, p := range o.Peers {
		users[p.Name] = material.PeerOf(s.Network(), o, p)
	}
	if r := material.OrdererOf(s.Network(), o); r != nil {
		users[o.Orderer.Name] = r
	}
	alive, err := s.Alive()
	if err != nil {
		return err
	}
	for name, r := range users {
		if !r.UnderWay() || alive[name] {
			continue
		}
		// Under way as it is, this ends a swap that stopped half-way and no more:
		// an orderer may start with new certificates only when the channel has them.
		if _, err := r.Stage(s.Network(), time.Now()); err != nil {
			return err
		}
		if err := restart(ctx, s, name); err != nil {
			return err
		}
	}
	return nil
}

// member finds an organisation.
func member(n *topology.Network, id string) (*topology.Organisation, error) {
	if o, ok := n.Organisation(id); ok {
		return o, nil
	}
	var ids []string
	for _, o := range n.Organisations {
		ids = append(ids, o.ID)
	}
	return nil, &process.Failure{
		What: "looking for the organisation " + id, Err: errors.New("the network has none of that name"),
		Do: "take one of: " + strings.Join(ids, ", "),
	}
}

// rotateRoles renews what an organisation's node has for one role, or for all
// and for its public address.
func rotateRoles(ctx context.Context, s *launch.Session, o topology.Organisation, only ledger.Role) error {
	n := s.Network()
	roles := ledger.Roles
	if only != "" {
		roles = []ledger.Role{only}
	}
	var all []*material.Renewable
	for _, role := range roles {
		r, err := material.RoleOf(n, o.ID, role)
		if err != nil {
			return &process.Failure{What: "choosing a role", Err: err, Do: "take one of: " + roleNames()}
		}
		all = append(all, r)
	}
	for _, r := range all {
		err := renew(ctx, s, r, clientFiles, func(ctx context.Context, id identity.SigningIdentity) error {
			return tryClient(ctx, n, o, id)
		})
		if err != nil {
			return err
		}
	}
	if only == "" {
		// Nobody but its clients can try a server's certificate.
		r := material.NodeOf(n, o)
		if _, err := r.Stage(n, time.Now()); err != nil {
			return err
		}
		all = append(all, r)
	}
	for _, r := range all {
		if err := r.Swap(); err != nil {
			return err
		}
	}
	if err := restart(ctx, s, o.Node.Name); err != nil {
		return err
	}
	return settleAll(n, all)
}

// renew has new certificates issued and tries them before they are used. Those
// of a renewal that stopped are tried again if they are not in use yet.
func renew(
	ctx context.Context, s *launch.Session, r *material.Renewable, files [2]string, try func(context.Context, identity.SigningIdentity) error,
) error {
	fresh, err := r.Stage(s.Network(), time.Now())
	if err != nil {
		return err
	}
	if !fresh {
		s.Say("going on with the renewal of %s that stopped", r.Name)
	}
	staged, ok := r.Staged()
	if !ok {
		return nil // in use already
	}
	done := s.Step("trying the new certificate of " + r.Name)
	id, err := load(r.Organisation, staged, files)
	if err == nil {
		err = try(ctx, id)
	}
	done(err)
	if err != nil {
		return &process.Failure{
			What: "trying the new certificate of " + r.Name, Err: err,
			Do: "the old one is in use as before; see with `secant status` that a majority endorses, then run the command again",
		}
	}
	return nil
}

// restart starts a process anew and waits until it answers as it should.
func restart(ctx context.Context, s *launch.Session, name string) error {
	done := s.Step("restarting " + name)
	err := s.Restart(ctx, name)
	done(err)
	return err
}

func settleAll(n *topology.Network, all []*material.Renewable) error {
	for _, r := range all {
		if err := r.Settle(n); err != nil {
			return err
		}
	}
	return nil
}

// rotatePeer renews what a peer has for its membership and for TLS. While it
// restarts the others endorse.
func rotatePeer(ctx context.Context, s *launch.Session, o topology.Organisation, p topology.Peer) error {
	n := s.Network()
	r := material.PeerOf(n, o, p)
	err := renew(ctx, s, r, serverFiles, func(ctx context.Context, id identity.SigningIdentity) error {
		return tryPeer(ctx, n, o, id)
	})
	if err != nil {
		return err
	}
	if err := r.Swap(); err != nil {
		return err
	}
	if err := restart(ctx, s, p.Name); err != nil {
		return err
	}
	cert, err := r.Certificate()
	if err != nil {
		return err
	}
	done := s.Step("waiting until the others have " + p.Name + " endorse again")
	err = tryEndorser(ctx, n, o, cert)
	done(err)
	if err != nil {
		return &process.Failure{
			What: "waiting for " + p.Name, Err: err, Do: "run the command again: it goes on where it stopped",
		}
	}
	return r.Settle(n)
}

// rotateAdministrator renews what an organisation's administrator has. No process
// uses it: who gives commands does.
func rotateAdministrator(ctx context.Context, s *launch.Session, o topology.Organisation) error {
	r := material.AdministratorOf(s.Network(), o.ID)
	err := renew(ctx, s, r, clientFiles, func(ctx context.Context, id identity.SigningIdentity) error {
		return tryClient(ctx, s.Network(), o, id)
	})
	if err != nil {
		return err
	}
	if err := r.Swap(); err != nil {
		return err
	}
	return r.Settle(s.Network())
}

func roleNames() string {
	var names []string
	for _, role := range ledger.Roles {
		names = append(names, string(role))
	}
	return strings.Join(names, ", ")
}

func rotateCommand(dir *string) *cobra.Command {
	var o RotateOptions
	var role string
	c := &cobra.Command{
		Use:   "rotate ORGANISATION",
		Short: "Give an organisation's node, peers, orderer or administrator new certificates and keys",
		Long: "rotate has the organisation's authorities issue new certificates, tries them on the channel, puts them in\n" +
			"place and restarts who uses them. Without a flag it does so for all roles and the public address of the\n" +
			"organisation's node.\n" +
			"Old certificates stay valid until they are revoked; those for TLS cannot be revoked and stay valid until they expire.",
		Example: "  secant network rotate hospital-south\n  secant network rotate hospital-south --role sharer\n" +
			"  secant network rotate hospital-south --peer",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Organisation, o.Role, o.Out = args[0], ledger.Role(role), c.OutOrStdout()
			if role != "" && !slices.Contains(ledger.Roles, o.Role) {
				return fmt.Errorf("there is no role %q: take one of %s", role, roleNames())
			}
			return Rotate(c.Context(), *dir, o)
		},
	}
	c.Flags().StringVar(&role, "role", "", "one role of the node alone: "+roleNames())
	c.Flags().BoolVar(&o.Peers, "peer", false, "the peers, one after the other")
	c.Flags().BoolVar(&o.Orderer, "orderer", false, "the orderer")
	c.Flags().BoolVar(&o.Administrator, "admin", false, "the administrator")
	c.Flags().BoolVar(&o.All, "all", false, "the node's roles and public address, the peers, the orderer and the administrator")
	c.MarkFlagsMutuallyExclusive("role", "peer", "orderer", "admin", "all")
	return c
}

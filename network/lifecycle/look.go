package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/channel"
)

// work is what is missing.
type work struct {
	definition Definition      // that shall stand on the channel
	install    []*channel.Peer // without the package
	approve    []*channel.Peer // whose organisations have not approved
}

// look finds out what is missing.
func (d *Deployer) look(ctx context.Context, pkg *Package, policy string) (work, error) {
	var w work
	var err error
	if w.definition, err = d.wanted(ctx, pkg, policy); err != nil {
		return w, err
	}
	for _, p := range d.Peers {
		if pkg == nil {
			break // each has what it has
		}
		var has bool
		err := again(ctx, "asking "+p.Name+" for its chaincode packages", func(ctx context.Context) (err error) {
			has, err = installed(ctx, p, pkg.ID)
			return err
		})
		if err != nil {
			return w, err
		}
		if !has {
			w.install = append(w.install, p)
		}
	}
	for _, p := range d.speakers() {
		var has bool
		err := again(ctx, "asking "+p.Organisation+" for its approval", func(ctx context.Context) (err error) {
			has, err = d.approved(ctx, p, w.definition)
			return err
		})
		if err != nil {
			return w, err
		}
		if !has {
			w.approve = append(w.approve, p)
		}
	}
	return w, nil
}

// errNothing means that the channel has no chaincode to put under a policy.
var errNothing = ledger.Problemf(ledger.CodeNotFound, "the channel has no chaincode yet")

// wanted is the definition that shall stand on the channel: the one that does,
// or the next.
func (d *Deployer) wanted(ctx context.Context, pkg *Package, policy string) (Definition, error) {
	var now Definition
	var found bool
	err := again(ctx, "asking for the channel's chaincode", func(ctx context.Context) (err error) {
		now, found, err = d.newest(ctx)
		return err
	})
	if err != nil {
		return Definition{}, err
	}
	if pkg == nil && !found {
		return Definition{}, errNothing
	}
	def, err := d.next(now, found, pkg, policy)
	if err != nil || pkg != nil {
		return def, err
	}
	err = again(ctx, "asking for the chaincode's package", func(ctx context.Context) (err error) {
		def.PackageID, err = d.packageAt(ctx, now)
		return err
	})
	return def, err
}

// next is the definition that follows from the one that stands, with the same
// sequence if it is that one.
func (d *Deployer) next(now Definition, found bool, pkg *Package, policy string) (Definition, error) {
	def := now
	if pkg != nil {
		def.PackageID, def.Version = pkg.ID, pkg.Version
	}
	switch {
	case policy != "":
		def.Policy = policy
	case !found:
		def.Policy = ledger.PolicyMajority
	}
	if def.Policy != "" {
		var organisations []string
		for _, p := range d.speakers() {
			organisations = append(organisations, p.Organisation)
		}
		var err error
		if def.endorsement, err = endorsement(def.Policy, organisations); err != nil {
			return def, err
		}
	}
	if !found || def.Version != now.Version || !proto.Equal(def.endorsement, now.endorsement) {
		def.Sequence++
	}
	return def, nil
}

// packageAt asks which package the organisations approved for a definition.
func (d *Deployer) packageAt(ctx context.Context, def Definition) (string, error) {
	var errs []error
	for _, p := range d.speakers() {
		res, err := chaincode.NewGateway(p.Conn, p.Identity).QueryApproved(ctx, d.Channel, d.Chaincode, def.Sequence)
		if id := packageOf(res); err == nil && id != "" {
			return id, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("asking which package was approved: %w", errors.Join(errs...))
}

// installed reports whether a peer has a package.
func installed(ctx context.Context, p *channel.Peer, id string) (bool, error) {
	list, err := chaincode.NewPeer(p.Conn, p.Identity).QueryInstalled(ctx)
	if err != nil {
		return false, fmt.Errorf("listing packages: %w", err)
	}
	return slices.ContainsFunc(list.GetInstalledChaincodes(), func(c *lifecycle.QueryInstalledChaincodesResult_InstalledChaincode) bool {
		return c.GetPackageId() == id
	}), nil
}

// newest is the most advanced definition that any organisation knows: after a
// restart some peers lag behind.
func (d *Deployer) newest(ctx context.Context) (Definition, bool, error) {
	var best Definition
	found := false
	for _, p := range d.speakers() {
		def, ok, err := d.committed(ctx, p)
		if err != nil {
			return Definition{}, false, err
		}
		if ok && def.Sequence > best.Sequence {
			best, found = def, true
		}
	}
	return best, found, nil
}

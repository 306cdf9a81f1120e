package launch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/config"
	"github.com/secant-platform/secant/network/lifecycle"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// readyFunction is endorsed to see whether the chaincode answers: contract-api
// gives it to every chaincode, it takes no arguments and only reads.
const readyFunction = "org.hyperledger.fabric:GetMetadata"

// fabric brings orderers and peers up and onto the channel, and the chaincode
// onto the peers.
func (l *launcher) fabric(ctx context.Context) error {
	genesis, err := channel.ReadGenesis(l.net)
	if err != nil {
		return err
	}
	orderers, peers := 0, 0
	for _, p := range l.net.Processes() {
		switch p.Kind {
		case topology.KindOrderer:
			orderers++
		case topology.KindPeer:
			peers++
		}
	}
	done := l.progress.step(fmt.Sprintf("starting %d orderers and %d peers, joining the channel", orderers, peers))
	err = l.join(ctx, genesis)
	done(err)
	if err != nil {
		return err
	}
	return l.chaincode(ctx)
}

func (l *launcher) join(ctx context.Context, genesis []byte) error {
	ctx, cancel := context.WithTimeout(ctx, fabricTime)
	defer cancel()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return l.startAll(gctx, topology.KindOrderer, func(p topology.Process) (probe, error) {
			return l.joinOrderer(p, genesis)
		})
	})
	g.Go(func() error {
		return l.startAll(gctx, topology.KindPeer, func(p topology.Process) (probe, error) {
			return l.joinPeer(p, genesis), nil
		})
	})
	return g.Wait()
}

// joinOrderer is content when the orderer takes part in ordering.
func (l *launcher) joinOrderer(p topology.Process, genesis []byte) (probe, error) {
	org, _ := l.net.Organisation(p.Organisation)
	o, err := channel.NewOrderer(l.net, *org)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		s, joined, err := o.Status(ctx)
		if err == nil {
			err = l.made(p)
		}
		if err == nil && !joined {
			if err = o.Join(ctx, l.joinBlock(ctx, genesis)); err == nil {
				s, _, err = o.Status(ctx)
			}
		}
		if err == nil && !s.Active() {
			err = fmt.Errorf("it is %q on the channel as a %q, and takes no part in ordering", s.Status, s.Relation)
		}
		return err
	}, nil
}

// joinBlock is the block with which an orderer joins: the newest configuration,
// in which one that came later is named, or the first block of a channel that
// nobody has yet. The orderer fetches what lies before from the others.
func (l *launcher) joinBlock(ctx context.Context, genesis []byte) []byte {
	c, err := channel.Newest(ctx, l.net)
	if err != nil {
		return genesis
	}
	b, err := c.Bytes()
	if err != nil {
		return genesis
	}
	return b
}

// joinPeer is content when the peer has the channel.
func (l *launcher) joinPeer(p topology.Process, genesis []byte) probe {
	return func(ctx context.Context) error {
		peer, err := l.dial(p.Name)
		if err != nil {
			return err
		}
		defer peer.Close()
		joined, err := peer.Joined(ctx)
		if err == nil {
			err = l.made(p)
		}
		if err == nil && !joined {
			err = peer.Join(ctx, genesis)
		}
		return err
	}
}

// dial prepares a connection to a peer as its administrator.
func (l *launcher) dial(name string) (*channel.Peer, error) {
	for _, o := range l.net.Organisations {
		for _, p := range o.Peers {
			if p.Name == name {
				return channel.NewPeer(l.net, o, p)
			}
		}
	}
	return nil, fmt.Errorf("there is no peer %q", name)
}

// peers prepares connections to all peers.
func (l *launcher) peers() (all []*channel.Peer, closeAll func(), err error) {
	closeAll = func() {
		for _, p := range all {
			_ = p.Close() // nothing is lost with it
		}
	}
	for _, p := range l.net.Processes() {
		if p.Kind != topology.KindPeer {
			continue
		}
		c, err := l.dial(p.Name)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		all = append(all, c)
	}
	return all, closeAll, nil
}

func (l *launcher) deployer(peers []*channel.Peer) *lifecycle.Deployer {
	return &lifecycle.Deployer{
		Channel: l.net.Channel, Chaincode: l.net.Chaincode, Peers: peers, Step: l.progress.step,
	}
}

// chaincode deploys what is not deployed and waits until a majority endorses.
func (l *launcher) chaincode(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deployTime)
	defer cancel()
	pkg, err := lifecycle.Pack(l.net.Chaincode, l.programs.Chaincode)
	if err != nil {
		return err
	}
	peers, closeAll, err := l.peers()
	if err != nil {
		return err
	}
	defer closeAll()
	d := l.deployer(peers)
	def, err := d.Deploy(ctx, pkg)
	if err != nil {
		return l.stuck("deploying the chaincode", err)
	}
	if err := l.save(l.net.ChaincodeFile(), def); err != nil {
		return err
	}
	done := l.progress.step("waiting until a majority endorses through every peer")
	err = d.Ready(ctx, readyFunction)
	done(err)
	if err != nil {
		return l.stuck("waiting for the chaincode", err)
	}
	return nil
}

// buildsDir is where a peer keeps unpacked chaincode, below its folder.
func buildsDir(dir string) string {
	return filepath.Join(config.PeerData(dir), "externalbuilder", "builds")
}

// stuck says of a step that needs the whole network which process may be at
// fault, with the end of its log.
func (l *launcher) stuck(what string, cause error) error {
	f := &process.Failure{
		What: what, Err: cause,
		Do: "run the command again; it goes on where it stopped. If it stops there again, `secant reset` starts from nothing",
	}
	records, err := l.table.List()
	if err != nil {
		return errors.Join(f, err)
	}
	var dead []string
	for _, r := range records {
		if r.Kind == string(topology.KindChaincode) || r.Alive() {
			continue
		}
		dead = append(dead, r.Name)
		if f.Log == "" {
			ended := r.Failed("", nil, "")
			f.Command, f.Log, f.Tail = ended.Command, ended.Log, ended.Tail
		}
	}
	if len(dead) > 0 {
		f.Err = fmt.Errorf("%w; ended meanwhile: %s", cause, strings.Join(dead, ", "))
		return f
	}
	// All run: what a peer complains about is in the log of the peer named in
	// the cause, else in the first one's.
	for _, p := range l.net.Processes() {
		if p.Kind == topology.KindPeer && (f.Log == "" || strings.Contains(cause.Error(), p.Name)) {
			f.Log = l.net.LogFile(p.Name)
		}
	}
	f.Tail, err = process.Tail(f.Log, 12)
	return errors.Join(f, err)
}

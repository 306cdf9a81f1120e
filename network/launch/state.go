package launch

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/lifecycle"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// States of a process.
const (
	Running   = "running"   // it runs and answers as it should
	Stopped   = "stopped"   // it does not run
	Unhealthy = "unhealthy" // it runs, but Reason says what is wrong
)

// State is what can be seen of a network from outside.
type State struct {
	Dir           string         `json:"dir"`
	Network       string         `json:"network"`
	Channel       string         `json:"channel"`
	Port          int            `json:"port"`  // first of its ports
	Roots         string         `json:"roots"` // file of the members' TLS roots, for programs outside
	Healthy       bool           `json:"healthy"`
	Reasons       []string       `json:"reasons"` // why it is not
	Chaincode     Chaincode      `json:"chaincode"`
	Organisations []Organisation `json:"organisations"`
	Processes     []Process      `json:"processes"`
}

// Chaincode is what the channel has committed.
type Chaincode struct {
	Name      string `json:"name"`
	PackageID string `json:"packageId,omitempty"` // empty: not deployed by this launcher
	Version   string `json:"version,omitempty"`
	Sequence  int64  `json:"sequence,omitempty"` // zero: nothing is committed, or no peer can be asked
}

// Organisation is a member and how to call its node.
type Organisation struct {
	ID     string            `json:"id"`
	Title  string            `json:"title"`
	Kind   string            `json:"kind"`
	URL    string            `json:"url"`
	Public string            `json:"publicUrl,omitempty"` // for those outside, over TLS
	Tokens map[string]string `json:"tokens,omitempty"`    // path of the token file, by role
}

// Process is one process of the network.
type Process struct {
	Name         string    `json:"name"`
	Kind         string    `json:"kind"`
	Organisation string    `json:"organisation"`
	State        string    `json:"state"`
	Reason       string    `json:"reason,omitempty"`
	PID          int       `json:"pid,omitempty"`
	Since        time.Time `json:"since,omitzero"`
	Address      string    `json:"address,omitempty"`
	Height       uint64    `json:"height,omitempty"` // blocks, where it has a ledger
	Leader       bool      `json:"leader,omitempty"` // the orderer that leads the others
	Log          string    `json:"log"`
}

// look is how long a process may take to answer before it counts as unhealthy.
const look = 5 * time.Second

// Status looks at a network without changing it.
func Status(ctx context.Context, dir string) (*State, error) {
	n, err := existing(dir)
	if err != nil {
		return nil, err
	}
	return newLauncher(n, nil).state(ctx, true)
}

// state looks at everything. Nodes that were left out on purpose do not make
// the network unhealthy.
func (l *launcher) state(ctx context.Context, nodes bool) (*State, error) {
	records, err := l.table.List()
	if err != nil {
		return nil, err
	}
	s := &State{Dir: l.net.Dir, Network: l.net.Name, Channel: l.net.Channel, Port: l.net.Base, Roots: l.net.RootsFile(), Reasons: []string{}}
	for _, o := range l.net.Organisations {
		org := Organisation{ID: o.ID, Title: o.Title, Kind: o.Kind, URL: o.Node.URL(), Public: o.Node.PublicURL(), Tokens: map[string]string{}}
		for _, role := range TokenRoles {
			if file := l.net.TokenFile(o.ID, role); exists(file) {
				org.Tokens[role] = file
			}
		}
		s.Organisations = append(s.Organisations, org)
	}
	for _, p := range l.net.Processes() {
		if p.Kind == topology.KindNode && !nodes {
			continue
		}
		s.Processes = append(s.Processes, describe(p, records, l.net.LogFile(p.Name)))
	}
	var wg sync.WaitGroup
	for i := range s.Processes {
		p := &s.Processes[i]
		if p.State != Running {
			continue
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, look)
			defer cancel()
			if err := l.examine(ctx, p); err != nil {
				p.State, p.Reason = Unhealthy, err.Error()
			}
		})
	}
	wg.Wait()
	stragglers(s.Processes)
	for _, r := range records {
		if r.Kind == string(topology.KindChaincode) && r.Alive() {
			s.Processes = append(s.Processes, Process{
				Name: r.Name, Kind: r.Kind, Organisation: r.Organisation, State: Running,
				PID: r.PID, Since: r.Started, Log: r.Log,
			})
		}
	}
	if s.AllStopped() {
		s.Reasons = append(s.Reasons, "it is down, its data is kept; `secant up` starts it")
		return s, nil
	}
	l.examineChaincode(ctx, s)
	for _, p := range s.Processes {
		if p.State != Running {
			s.Reasons = append(s.Reasons, strings.TrimSuffix(p.Name+" is "+p.State+": "+p.Reason, ": "))
		}
	}
	for _, o := range l.net.Joining {
		s.Reasons = append(s.Reasons, o.ID+" has begun to join and not ended: `secant network add "+o.ID+"` finishes it, `secant network remove "+o.ID+"` undoes it")
	}
	s.Healthy = len(s.Reasons) == 0
	return s, nil
}

// farBehind is how many blocks an orderer may lack, in a look that takes a moment,
// before it counts as one that does not keep up.
const farBehind = 50

// stragglers marks the orderers that answer and do not keep up. One that a
// starved machine has left behind may stay so until it is started anew, and the
// next one that fails then stops the channel.
func stragglers(all []Process) {
	var most uint64
	for _, p := range all {
		if p.Kind == string(topology.KindOrderer) {
			most = max(most, p.Height)
		}
	}
	for i := range all {
		p := &all[i]
		if p.Kind == string(topology.KindOrderer) && p.State == Running && p.Height+farBehind < most {
			p.State = Unhealthy
			p.Reason = fmt.Sprintf("it has %d of %d blocks and does not keep up; if that stays so: secant stop %s, then secant up", p.Height, most, p.Name)
		}
	}
}

// AllStopped reports whether nothing of the network runs.
func (s *State) AllStopped() bool {
	return !slices.ContainsFunc(s.Processes, func(p Process) bool { return p.State != Stopped })
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func describe(p topology.Process, records []process.Record, log string) Process {
	out := Process{
		Name: p.Name, Kind: string(p.Kind), Organisation: p.Organisation,
		Address: topology.Address(p.Ports[0].Number), State: Stopped, Log: log,
	}
	i := slices.IndexFunc(records, func(r process.Record) bool { return r.Name == p.Name })
	if i < 0 {
		return out
	}
	r := records[i]
	if !r.Alive() {
		out.Reason = "it ended by itself or was killed"
		return out
	}
	out.State, out.PID, out.Since = Running, r.PID, r.Started
	return out
}

// examine asks a running process how it is.
func (l *launcher) examine(ctx context.Context, p *Process) error {
	org, _ := l.net.Organisation(p.Organisation)
	switch topology.Kind(p.Kind) {
	case topology.KindOrderer:
		o, err := channel.NewOrderer(l.net, *org)
		if err != nil {
			return err
		}
		st, joined, err := o.Status(ctx)
		switch {
		case err != nil:
			return err
		case !joined:
			return fmt.Errorf("it has not joined the channel %s", l.net.Channel)
		case !st.Active():
			return fmt.Errorf("it is %q on the channel as a %q, and takes no part in ordering", st.Status, st.Relation)
		}
		p.Height = st.Height
		leader, err := channel.Metric(ctx, org.Orderer.Operations, l.net.Channel, channel.MetricLeader)
		p.Leader = err == nil && int(leader) == org.Orderer.Consenter //nolint:gosec // a small number
		return nil
	case topology.KindPeer:
		return l.examinePeer(ctx, p, org)
	case topology.KindNode:
		return ready(ctx, org.Node)
	}
	return nil
}

// examinePeer also has a proposal endorsed through the peer: that a majority
// endorses is what makes it useful.
func (l *launcher) examinePeer(ctx context.Context, p *Process, org *topology.Organisation) error {
	peer, err := l.dial(p.Name)
	if err != nil {
		return err
	}
	defer peer.Close()
	joined, err := peer.Joined(ctx)
	switch {
	case err != nil:
		return err
	case !joined:
		return fmt.Errorf("it has not joined the channel %s", l.net.Channel)
	}
	for _, d := range org.Peers {
		if d.Name != p.Name {
			continue
		}
		if p.Height, err = channel.Metric(ctx, d.Operations, l.net.Channel, channel.MetricPeerHeight); err != nil {
			return err
		}
	}
	return l.deployer([]*channel.Peer{peer}).Ready(ctx, readyFunction)
}

// examineChaincode asks the first peer that answers for the channel's chaincode.
func (l *launcher) examineChaincode(ctx context.Context, s *State) {
	s.Chaincode.Name = l.net.Chaincode
	for _, p := range s.Processes {
		if p.Kind != string(topology.KindPeer) || p.State == Stopped {
			continue
		}
		def, found, err := l.committed(ctx, p.Name)
		if err != nil {
			continue
		}
		if !found {
			break
		}
		s.Chaincode.Version, s.Chaincode.Sequence = def.Version, def.Sequence
		var deployed lifecycle.Definition
		if b, err := os.ReadFile(l.net.ChaincodeFile()); err == nil && json.Unmarshal(b, &deployed) == nil && deployed.Version == def.Version {
			s.Chaincode.PackageID = deployed.PackageID
		}
		return
	}
	s.Reasons = append(s.Reasons, "no peer knows of a chaincode "+l.net.Chaincode+" on the channel")
}

func (l *launcher) committed(ctx context.Context, peer string) (lifecycle.Definition, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, look)
	defer cancel()
	p, err := l.dial(peer)
	if err != nil {
		return lifecycle.Definition{}, false, err
	}
	defer p.Close()
	return l.deployer([]*channel.Peer{p}).Committed(ctx)
}

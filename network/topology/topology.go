// Package topology describes the consortium as a value: who takes part, which
// processes each organisation runs, and at which ports and paths they live. All
// else in the room is derived from it. It starts nothing, and the network file
// is all that it writes.
package topology

import (
	"fmt"
	"net"
	"slices"
	"strconv"
)

// The names that stand in certificates, in the genesis block and in every proof.
const (
	NetworkName   = "dev"
	ChannelName   = "secant"
	ChaincodeName = "secant"
)

// Ports of a network: Base+1 and up are the nodes, Base+10 and up the orderers,
// Base+30 and up the peers, three each, Base+51 and up the nodes once more, for
// the outside, and those of hospitals, from Base+81 on for monitors and from Base+91
// on for devices.
const (
	DefaultBase = 7000 // used when none was asked for
	Span        = 100  // a network stays within Base..Base+Span-1

	nodePorts    = 1
	ordererPorts = 10
	peerPorts    = 30
	publicPorts  = 51
	monitorPorts = 81
	devicePorts  = 91
	portsEach    = 3
)

// Bedside is the source of HL7 and MQTT messages that hospitals' nodes hear in development:
// whatever on this machine sends some.
const Bedside = "bedside"

// Host is where every development process listens: nothing is reachable from
// outside the machine.
const Host = "127.0.0.1"

// Kind says what a process is.
type Kind string

// The kinds of processes, in the order in which they start; they end in the
// opposite order.
const (
	KindOrderer   Kind = "orderer"
	KindPeer      Kind = "peer"
	KindChaincode Kind = "chaincode" // started by its peer
	KindNode      Kind = "node"
)

// Network is one consortium on one machine. It is the content of network.json.
type Network struct {
	V             int            `json:"v"`
	Name          string         `json:"name"`
	Channel       string         `json:"channel"`
	Chaincode     string         `json:"chaincode"`
	Base          int            `json:"base"`          // first port
	Organisations []Organisation `json:"organisations"` // the members

	// Joining has a seat, but is not on the channel yet, wholly or with its
	// orderer. An organisation may stand here and among the members.
	Joining []Organisation `json:"joining,omitempty"`
	// Former was on the channel, wholly or with its orderer. Nothing of it runs;
	// its data is kept and its ports are its own.
	Former []Organisation `json:"former,omitempty"`
	// Tuning is in what the network departs from the settings of network/config;
	// nil: in nothing.
	Tuning *Tuning `json:"tuning,omitempty"`

	// Dir is the state directory, absolute: where the file was read from.
	Dir string `json:"-"`
}

// Tuning replaces settings, so that what they cost can be measured.
type Tuning struct {
	// BatchInterval is how long the leader waits for a block to fill, as in
	// "200ms"; empty: as configured. Of the first block only.
	BatchInterval string `json:"batchInterval,omitempty"`
	// BatchCount is the most transactions in a block; zero: as configured. Of the
	// first block only.
	BatchCount int `json:"batchCount,omitempty"`
	// Orderer and Peer are added to the processes' environment, where Fabric
	// looks before it reads its file: "CORE_PEER_...=value".
	Orderer []string `json:"orderer,omitempty"`
	Peer    []string `json:"peer,omitempty"`
}

// Organisation is a member of the consortium.
type Organisation struct {
	ID      string   `json:"id"`    // also its MSP id
	Title   string   `json:"title"` // for people
	Kind    string   `json:"kind"`  // hospital, manufacturer or authority
	Node    Node     `json:"node"`
	Orderer *Orderer `json:"orderer,omitempty"` // nil: the organisation runs none
	Peers   []Peer   `json:"peers"`
}

// Node is an organisation's gateway and workers.
type Node struct {
	Name   string `json:"name"`
	Port   int    `json:"port"`             // HTTP, for the other members' nodes and the organisation's own programs
	Public int    `json:"public,omitempty"` // HTTPS, for everybody outside; zero: it has none

	// Monitors is for HL7 v2 messages over MLLP, of a hospital's; zero: it takes none.
	Monitors int `json:"monitors,omitempty"`
	// Devices is for MQTT, and by UDP for CoAP, of a hospital's that was there from the
	// beginning: there are not ports enough for more. Zero: it takes none.
	Devices int `json:"devices,omitempty"`
}

// Orderer is an organisation's part in the ordering service.
type Orderer struct {
	Name       string `json:"name"`
	Consenter  int    `json:"consenter"`  // number in the consensus, from 1
	Port       int    `json:"port"`       // broadcast, deliver and consensus
	Admin      int    `json:"admin"`      // channel participation, mutual TLS
	Operations int    `json:"operations"` // health and metrics
}

// Peer endorses and commits for its organisation.
type Peer struct {
	Name       string `json:"name"`
	Folder     string `json:"folder"` // below the organisation's "peers"
	Port       int    `json:"port"`
	Chaincode  int    `json:"chaincode"`  // where its chaincode calls in
	Operations int    `json:"operations"` // health and metrics
}

// seat says what one organisation of the development consortium runs.
type seat struct {
	id, title, kind string
	peers           int
	orderer         bool
}

// development is DESIGN.md decision 1: three hospitals, a manufacturer and an
// authority. Four orderers bear one that fails or lies.
var development = []seat{
	{"hospital-north", "Hospital North", "hospital", 2, true},
	{"hospital-south", "Hospital South", "hospital", 1, true},
	{"hospital-east", "Hospital East", "hospital", 1, true},
	{"medtech", "MedTech, device manufacturer", "manufacturer", 1, false},
	{"authority", "Authority, certifier and national CSIRT", "authority", 1, true},
}

// New returns the development consortium with its state in dir and its ports
// from base on; base zero is DefaultBase.
func New(dir string, base int) (*Network, error) {
	if base == 0 {
		base = DefaultBase
	}
	if base < 1024 || base+Span > 65536 {
		return nil, fmt.Errorf("the first port must lie between 1024 and %d, not %d", 65536-Span, base)
	}
	n := &Network{
		V: version, Name: NetworkName, Channel: ChannelName, Chaincode: ChaincodeName,
		Base: base, Dir: dir,
	}
	orderers, peers := 0, 0
	for i, s := range development {
		o := Organisation{
			ID: s.id, Title: s.title, Kind: s.kind,
			Node: Node{Name: "node-" + s.id, Port: base + nodePorts + i, Public: base + publicPorts + i},
		}
		if s.kind == "hospital" {
			o.Node.Monitors, o.Node.Devices = base+monitorPorts+i, base+devicePorts+i
		}
		if s.orderer {
			p := base + ordererPorts + portsEach*orderers
			orderers++
			o.Orderer = &Orderer{
				Name: "orderer-" + s.id, Consenter: orderers,
				Port: p, Admin: p + 1, Operations: p + 2,
			}
		}
		for k := range s.peers {
			p := base + peerPorts + portsEach*peers
			peers++
			folder := "peer" + strconv.Itoa(k)
			o.Peers = append(o.Peers, Peer{
				Name: folder + "-" + s.id, Folder: folder,
				Port: p, Chaincode: p + 1, Operations: p + 2,
			})
		}
		n.Organisations = append(n.Organisations, o)
	}
	return n, nil
}

// Address is "127.0.0.1:port".
func Address(port int) string { return net.JoinHostPort(Host, strconv.Itoa(port)) }

// URL is where the node answers.
func (n Node) URL() string { return "http://" + Address(n.Port) }

// PublicHost is the node as those outside name it: a name, since DIDs of the web
// take no addresses. Empty when the node has no public port.
func (n Node) PublicHost() string {
	if n.Public == 0 {
		return ""
	}
	return net.JoinHostPort("localhost", strconv.Itoa(n.Public))
}

// PublicURL is where the node answers those outside; empty when it does not.
func (n Node) PublicURL() string {
	if n.Public == 0 {
		return ""
	}
	return "https://" + n.PublicHost()
}

// Organisation finds a member by its id.
func (n *Network) Organisation(id string) (*Organisation, bool) {
	for i := range n.Organisations {
		if n.Organisations[i].ID == id {
			return &n.Organisations[i], true
		}
	}
	return nil, false
}

// Port is a port with what it is for.
type Port struct {
	Number int
	Use    string
}

// Process is one process of the network that the launcher starts itself, seen
// from outside.
type Process struct {
	Name         string
	Kind         Kind
	Organisation string
	Ports        []Port // the first is its address
}

// Processes lists what the launcher starts for the members, in the order of
// their kinds.
func (n *Network) Processes() []Process {
	var all []Process
	for _, o := range n.Organisations {
		all = append(all, o.processes()...)
	}
	rank := map[Kind]int{KindOrderer: 0, KindPeer: 1, KindNode: 2}
	slices.SortStableFunc(all, func(a, b Process) int { return rank[a.Kind] - rank[b.Kind] })
	return all
}

// FormerProcesses lists what former members ran.
func (n *Network) FormerProcesses() []Process {
	var all []Process
	for _, o := range n.Former {
		all = append(all, o.processes()...)
	}
	return all
}

// processes lists what an organisation runs. An organisation without a node's
// name is only the orderer that it ran.
func (o *Organisation) processes() []Process {
	var all []Process
	if r := o.Orderer; r != nil {
		all = append(all, Process{r.Name, KindOrderer, o.ID, []Port{
			{r.Port, "ordering"}, {r.Admin, "channel participation"}, {r.Operations, "operations"},
		}})
	}
	for _, p := range o.Peers {
		all = append(all, Process{p.Name, KindPeer, o.ID, []Port{
			{p.Port, "peer"}, {p.Chaincode, "chaincode"}, {p.Operations, "operations"},
		}})
	}
	if o.Node.Name != "" {
		ports := []Port{{o.Node.Port, "HTTP"}}
		if o.Node.Public != 0 {
			ports = append(ports, Port{o.Node.Public, "HTTPS"})
		}
		if o.Node.Monitors != 0 {
			ports = append(ports, Port{o.Node.Monitors, "HL7 over MLLP"})
		}
		if o.Node.Devices != 0 {
			ports = append(ports, Port{o.Node.Devices, "MQTT; by UDP, CoAP"})
		}
		all = append(all, Process{o.Node.Name, KindNode, o.ID, ports})
	}
	return all
}

// Process finds a process by its name.
func (n *Network) Process(name string) (Process, bool) {
	for _, p := range n.Processes() {
		if p.Name == name {
			return p, true
		}
	}
	return Process{}, false
}

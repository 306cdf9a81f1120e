package topology

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// organisationID is what serves as a name in certificates, paths, policies and
// DIDs alike.
var organisationID = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// maxID keeps an id, with what is put before it, within a certificate's common
// name (64 characters).
const maxID = 40

// Seat gives an organisation that joins, or a member that is to run an orderer,
// its place: names, ports, a number in the consensus. It stands under Joining
// until Admit; what stands there already keeps its ports, and one that was a
// member before gets back what it had. A member that has all that is asked for is
// returned as it is, and joining is false. The network file is not written.
func (n *Network) Seat(id, title, kind string, orderer bool) (o Organisation, joining bool, err error) {
	if !organisationID.MatchString(id) || len(id) > maxID {
		return o, false, fmt.Errorf("an organisation's id is at most %d lower-case letters, digits and single hyphens between them, a letter first, not %q", maxID, id)
	}
	n.recall(id)
	if i := slices.IndexFunc(n.Joining, func(o Organisation) bool { return o.ID == id }); i >= 0 {
		if orderer && n.Joining[i].Orderer == nil {
			if n.Joining[i].Orderer, err = n.ordererSeat(id); err != nil {
				return o, false, err
			}
		}
		return n.Joining[i], true, nil
	}
	if have, ok := n.Organisation(id); ok {
		if !orderer || have.Orderer != nil {
			return *have, false, nil
		}
		o = *have
		if o.Orderer, err = n.ordererSeat(id); err != nil {
			return o, false, err
		}
		n.Joining = append(n.Joining, o)
		return o, true, nil
	}
	if !slices.Contains([]string{ledger.KindHospital, ledger.KindManufacturer, ledger.KindAuthority}, kind) {
		return o, false, fmt.Errorf("an organisation is a %s, a %s or an %s, not %q",
			ledger.KindHospital, ledger.KindManufacturer, ledger.KindAuthority, kind)
	}
	if title == "" {
		title = id
	}
	o = Organisation{ID: id, Title: title, Kind: kind}
	if o.Node, err = n.nodeSeat(id); err != nil {
		return o, false, err
	}
	// The seat is taken before the next ports are looked for.
	n.Joining = append(n.Joining, o)
	seat := &n.Joining[len(n.Joining)-1]
	defer func() {
		if err != nil {
			n.Joining = n.Joining[:len(n.Joining)-1]
		}
	}()
	if orderer {
		if seat.Orderer, err = n.ordererSeat(id); err != nil {
			return o, false, err
		}
	}
	p, err := n.peerSeat(id, 0)
	if err != nil {
		return o, false, err
	}
	seat.Peers = []Peer{p}
	if seat.Node.Public, err = n.freePorts(publicPorts, Span, 1); err != nil {
		return o, false, err
	}
	if seat.Kind == "hospital" {
		if seat.Node.Monitors, err = n.freePorts(monitorPorts, Span, 1); err != nil {
			return o, false, err
		}
	}
	return *seat, true, nil
}

// recall gives a former member its seat back, but for its orderer, which stays
// where it is until it is asked for.
func (n *Network) recall(id string) {
	i := slices.IndexFunc(n.Former, func(o Organisation) bool { return o.ID == id && o.Node.Name != "" })
	if i < 0 {
		return
	}
	o := n.Former[i]
	if o.Orderer == nil {
		n.Former = slices.Delete(n.Former, i, i+1)
	} else {
		n.Former[i] = Organisation{ID: o.ID, Title: o.Title, Kind: o.Kind, Orderer: o.Orderer}
		o.Orderer = nil
	}
	n.Joining = append(n.Joining, o)
}

// Admit makes a joining organisation a member. It reports false when it was one.
func (n *Network) Admit(id string) bool {
	i := slices.IndexFunc(n.Joining, func(o Organisation) bool { return o.ID == id })
	if i < 0 {
		return false
	}
	o := n.Joining[i]
	n.Joining = slices.Delete(n.Joining, i, i+1)
	if have, ok := n.Organisation(id); ok {
		*have = o
	} else {
		n.Organisations = append(n.Organisations, o)
	}
	return true
}

// Dismiss takes the seat of a member, or of one that was to become one, away and
// keeps it among the former ones: its ports, its number and its data stay its
// own. It reports false when it had none.
func (n *Network) Dismiss(id string) bool {
	found := false
	for _, seats := range []*[]Organisation{&n.Joining, &n.Organisations} {
		if i := slices.IndexFunc(*seats, func(o Organisation) bool { return o.ID == id }); i >= 0 {
			n.leave((*seats)[i])
			*seats = slices.Delete(*seats, i, i+1)
			found = true
		}
	}
	return found
}

// DismissOrderer takes an organisation's part in the ordering service away and
// keeps it among the former seats. It reports false when it had none.
func (n *Network) DismissOrderer(id string) bool {
	found := false
	for _, seats := range [][]Organisation{n.Joining, n.Organisations} {
		for i := range seats {
			if o := &seats[i]; o.ID == id && o.Orderer != nil {
				n.leave(Organisation{ID: o.ID, Title: o.Title, Kind: o.Kind, Orderer: o.Orderer})
				o.Orderer = nil
				found = true
			}
		}
	}
	return found
}

// leave notes a former seat, together with what is noted of the organisation
// already.
func (n *Network) leave(o Organisation) {
	i := slices.IndexFunc(n.Former, func(f Organisation) bool { return f.ID == o.ID })
	if i < 0 {
		n.Former = append(n.Former, o)
		return
	}
	was := n.Former[i]
	if o.Orderer == nil {
		o.Orderer = was.Orderer
	}
	if o.Node.Name == "" {
		o.Node, o.Peers = was.Node, was.Peers
	}
	n.Former[i] = o
}

// Left returns what an organisation that is a member no more ran, or the orderer
// that a member ran.
func (n *Network) Left(id string) (*Organisation, bool) {
	for i := range n.Former {
		if n.Former[i].ID == id {
			return &n.Former[i], true
		}
	}
	return nil, false
}

// seats lists all organisations whose ports are given away.
func (n *Network) seats() []Organisation {
	return slices.Concat(n.Organisations, n.Joining, n.Former)
}

func (n *Network) nodeSeat(id string) (Node, error) {
	port, err := n.freePorts(nodePorts, ordererPorts, 1)
	return Node{Name: "node-" + id, Port: port}, err
}

// open gives public ports to the nodes that have none: those of a network that
// was made before there were any. Ports are handed out in the order of the seats,
// so that every reading of one file comes to the same. Where none is left a node
// stays without.
func (n *Network) open() {
	ports := map[string]int{} // an organisation may stand twice, with one node
	for _, o := range n.seats() {
		if o.Node.Public != 0 {
			ports[o.ID] = o.Node.Public
		}
	}
	for _, seats := range [][]Organisation{n.Organisations, n.Joining, n.Former} {
		for i := range seats {
			o := &seats[i]
			if o.Node.Name == "" || o.Node.Public != 0 {
				continue
			}
			if ports[o.ID] == 0 {
				port, err := n.freePorts(publicPorts, Span, 1)
				if err != nil {
					return
				}
				ports[o.ID] = port
			}
			o.Node.Public = ports[o.ID]
		}
	}
}

func (n *Network) ordererSeat(id string) (*Orderer, error) {
	number := 0
	for _, o := range n.seats() {
		if o.Orderer != nil {
			number = max(number, o.Orderer.Consenter)
		}
	}
	// A number is never given away twice: the consensus remembers them.
	if i := slices.IndexFunc(n.Former, func(o Organisation) bool { return o.ID == id && o.Orderer != nil }); i >= 0 {
		r := *n.Former[i].Orderer
		r.Consenter = number + 1
		n.Former = slices.Delete(n.Former, i, i+1)
		return &r, nil
	}
	p, err := n.freePorts(ordererPorts, peerPorts, portsEach)
	if err != nil {
		return nil, err
	}
	return &Orderer{Name: "orderer-" + id, Consenter: number + 1, Port: p, Admin: p + 1, Operations: p + 2}, nil
}

func (n *Network) peerSeat(id string, k int) (Peer, error) {
	folder := "peer" + strconv.Itoa(k)
	p, err := n.freePorts(peerPorts, Span, portsEach)
	return Peer{Name: folder + "-" + id, Folder: folder, Port: p, Chaincode: p + 1, Operations: p + 2}, err
}

// freePorts finds ports in a row that no seat has: in their own range, else from
// the end of the network's ports downwards.
func (n *Network) freePorts(from, to, count int) (int, error) {
	taken := map[int]bool{}
	for _, o := range n.seats() {
		for _, p := range o.processes() {
			for _, port := range p.Ports {
				taken[port.Number] = true
			}
		}
	}
	free := func(first int) bool {
		for p := first; p < first+count; p++ {
			if taken[p] {
				return false
			}
		}
		return true
	}
	for p := n.Base + from; p+count <= n.Base+to; p += count {
		if free(p) {
			return p, nil
		}
	}
	for p := n.Base + Span - count; p >= n.Base+peerPorts; p -= count {
		if free(p) {
			return p, nil
		}
	}
	return 0, fmt.Errorf("the network's %d ports are all given away", Span)
}

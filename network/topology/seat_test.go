package topology

import (
	"slices"
	"testing"
)

func consortium(t *testing.T) *Network {
	t.Helper()
	n, err := New(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// unique fails when two processes share a port, a name or a number in the
// consensus, whoever they belong to.
func unique(t *testing.T, n *Network) {
	t.Helper()
	ports, names := map[int]string{}, map[string]bool{}
	numbers := map[int]string{}
	for _, o := range n.seats() {
		if r := o.Orderer; r != nil {
			if other, ok := numbers[r.Consenter]; ok && other != o.ID {
				t.Errorf("%s and %s are both number %d in the consensus", other, o.ID, r.Consenter)
			}
			numbers[r.Consenter] = o.ID
		}
		for _, p := range o.processes() {
			if names[p.Name] {
				continue // a member that is to run an orderer stands twice
			}
			names[p.Name] = true
			for _, port := range p.Ports {
				if other, ok := ports[port.Number]; ok {
					t.Errorf("%s and %s share port %d", other, p.Name, port.Number)
				}
				if port.Number < n.Base || port.Number >= n.Base+Span {
					t.Errorf("%s has port %d, outside the network's", p.Name, port.Number)
				}
				ports[port.Number] = p.Name
			}
		}
	}
}

func TestSeatsAreOnesOwn(t *testing.T) {
	t.Parallel()
	n := consortium(t)
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		o, joining, err := n.Seat(id, "", "hospital", id < "e")
		if err != nil || !joining {
			t.Fatalf("%s: %v, %v", id, joining, err)
		}
		if (o.Orderer != nil) != (id < "e") || len(o.Peers) != 1 || o.Title != id {
			t.Errorf("%+v", o)
		}
		unique(t, n)
		if id == "b" {
			n.Admit(id)
		}
	}
	full := ""
	for _, id := range []string{"g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s"} {
		before := len(n.Joining)
		if _, _, err := n.Seat(id, "", "hospital", true); err != nil {
			full = id
			if len(n.Joining) != before {
				t.Error("an organisation without ports has a seat")
			}
			break
		}
		unique(t, n)
	}
	if full == "" {
		t.Error("the ports never end")
	}
}

func TestSeatAsksFirst(t *testing.T) {
	t.Parallel()
	n := consortium(t)
	first, joining, err := n.Seat("hospital-west", "West", "hospital", false)
	if err != nil || !joining {
		t.Fatal(joining, err)
	}
	again, joining, err := n.Seat("hospital-west", "Other", "authority", false)
	if err != nil || !joining || again.Node != first.Node || again.Title != "West" {
		t.Errorf("the second time: %+v, %v, %v", again, joining, err)
	}
	if o, joining, err := n.Seat("medtech", "", "", false); err != nil || joining || o.Orderer != nil {
		t.Errorf("a member: %+v, %v, %v", o, joining, err)
	}
	if _, joining, err = n.Seat("medtech", "", "", true); err != nil || !joining {
		t.Errorf("a member that is to order: %v, %v", joining, err)
	}
	if !n.Admit("medtech") || !n.Admit("hospital-west") || n.Admit("hospital-west") {
		t.Error("admitted otherwise than once")
	}
	if o, _ := n.Organisation("medtech"); o.Orderer == nil || o.Orderer.Consenter != 5 {
		t.Errorf("medtech does not order: %+v", o)
	}
	if len(n.Organisations) != 6 || len(n.Joining) != 0 {
		t.Errorf("%d members, %d joining", len(n.Organisations), len(n.Joining))
	}
}

func TestBadSeatsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"", "hospital"},
		{"West", "hospital"},
		{"-west", "hospital"},
		{"west-", "hospital"},
		{"w--t", "hospital"},
		{"1west", "hospital"},
		{"we.st", "hospital"},
		{"../west", "hospital"},
		{"we st", "hospital"},
		{"wést", "hospital"},
		{"a-name-that-is-longer-than-a-certificate-can-hold", "hospital"},
		{"west", "bank"},
		{"west", ""},
	} {
		n := consortium(t)
		if o, _, err := n.Seat(c[0], "", c[1], true); err == nil {
			t.Errorf("%q, %q: %+v", c[0], c[1], o)
		}
		if len(n.Joining) != 0 {
			t.Errorf("%q, %q left a seat", c[0], c[1])
		}
	}
}

func TestFormerSeatsStayTheirOwners(t *testing.T) {
	t.Parallel()
	n := consortium(t)
	was, _ := n.Organisation("hospital-east")
	had := *was
	if !n.DismissOrderer("hospital-east") || n.DismissOrderer("hospital-east") {
		t.Error("an orderer was dismissed otherwise than once")
	}
	if !n.Dismiss("hospital-east") || n.Dismiss("hospital-east") {
		t.Error("dismissed otherwise than once")
	}
	left, ok := n.Left("hospital-east")
	if !ok || *left.Orderer != *had.Orderer || left.Node != had.Node || !slices.Equal(left.Peers, had.Peers) {
		t.Fatalf("what is kept: %+v", left)
	}
	if len(n.FormerProcesses()) != 3 || slices.ContainsFunc(n.Processes(), func(p Process) bool { return p.Organisation == "hospital-east" }) {
		t.Error("a former member's processes count as a member's")
	}
	if _, _, err := n.Seat("hospital-west", "", "hospital", true); err != nil {
		t.Fatal(err)
	}
	unique(t, n)

	// It returns to what it had; only its number in the consensus is new.
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	n, err := Load(n.Dir)
	if err != nil {
		t.Fatal(err)
	}
	back, joining, err := n.Seat("hospital-east", "", "", false)
	if err != nil || !joining || back.Orderer != nil || back.Node != had.Node || !slices.Equal(back.Peers, had.Peers) {
		t.Fatalf("back: %+v, %v, %v", back, joining, err)
	}
	back, _, err = n.Seat("hospital-east", "", "", true)
	if err != nil || back.Orderer == nil || back.Orderer.Port != had.Orderer.Port || back.Orderer.Consenter != 6 {
		t.Fatalf("back with its orderer: %+v, %v", back.Orderer, err)
	}
	if len(n.Former) != 0 {
		t.Errorf("still kept as former: %+v", n.Former)
	}
	unique(t, n)
}

// TestNodesOfAnOlderNetworkGetPublicPorts reads a network as it was written before
// nodes had public ports, with seats of each kind.
func TestNodesOfAnOlderNetworkGetPublicPorts(t *testing.T) {
	t.Parallel()
	n := consortium(t)
	for _, id := range []string{"a", "b"} {
		if _, _, err := n.Seat(id, "", "hospital", false); err != nil {
			t.Fatal(err)
		}
	}
	n.Admit("a")
	if _, _, err := n.Seat("medtech", "", "", true); err != nil { // stands twice
		t.Fatal(err)
	}
	n.Dismiss("hospital-east")
	for _, seats := range [][]Organisation{n.Organisations, n.Joining, n.Former} {
		for i := range seats {
			seats[i].Node.Public = 0
		}
	}
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	first, err := Load(n.Dir)
	if err != nil {
		t.Fatal(err)
	}
	unique(t, first)
	ports := map[string]int{}
	for _, o := range first.seats() {
		if o.Node.Public == 0 || ports[o.ID] != 0 && ports[o.ID] != o.Node.Public {
			t.Errorf("%s has the public port %d, and %d", o.ID, o.Node.Public, ports[o.ID])
		}
		ports[o.ID] = o.Node.Public
	}
	// Whoever reads the file before it is saved comes to the same ports, and they last.
	second, err := Load(n.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Save(); err != nil {
		t.Fatal(err)
	}
	third, err := Load(n.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []*Network{second, third} {
		for _, o := range again.seats() {
			if o.Node.Public != ports[o.ID] {
				t.Errorf("%s had the public port %d, has %d", o.ID, ports[o.ID], o.Node.Public)
			}
		}
	}
}

func TestNodeWithoutAPublicPortHasNoPublicAddress(t *testing.T) {
	t.Parallel()
	o := Organisation{ID: "a", Node: Node{Name: "node-a", Port: 7001}}
	if o.Node.PublicURL() != "" || o.Node.PublicHost() != "" || len(o.processes()[0].Ports) != 1 {
		t.Errorf("%q, %v", o.Node.PublicURL(), o.processes())
	}
}

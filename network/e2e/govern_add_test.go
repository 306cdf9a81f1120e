package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// watcher passes on what a command prints, and says when a text was among it.
type watcher struct {
	mu   sync.Mutex
	text string
	all  bytes.Buffer
	seen chan struct{}
}

func (w *watcher) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := strings.Contains(w.all.String(), w.text)
	w.all.Write(b)
	if !before && strings.Contains(w.all.String(), w.text) {
		close(w.seen)
	}
	return len(b), nil
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

// runKilled runs the program and kills it soon after it has printed a text. It
// reports whether it was killed: a step that an earlier run has done is not
// printed again.
func (n *network) runKilled(tb testing.TB, text string, args ...string) bool {
	tb.Helper()
	w := &watcher{text: text, seen: make(chan struct{})}
	ctx, cancel := context.WithTimeout(tb.Context(), 2*patience)
	defer cancel()
	c := exec.CommandContext(ctx, n.bin, append([]string{"--dir", n.dir}, args...)...)
	c.Dir, c.Stdout, c.Stderr = "../..", w, w
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case <-w.seen:
	case err := <-ended:
		if err != nil {
			tb.Fatalf("secant %s, to be killed at %q: %v\n%s", strings.Join(args, " "), text, err, w)
		}
		return false
	}
	after := time.Duration(rand.IntN(600)) * time.Millisecond
	select {
	case <-time.After(after):
	case err := <-ended:
		if err != nil {
			tb.Fatalf("secant %s, to be killed at %q: %v\n%s", strings.Join(args, " "), text, err, w)
		}
		return false
	}
	_ = c.Process.Kill()
	if err := <-ended; err == nil {
		return false // it was quicker
	}
	tb.Logf("killed %v after %q", after, text)
	return true
}

// governed is what `secant network show --json` prints.
type governed struct {
	Needed        int    `json:"needed"`
	Consenters    int    `json:"consenters"`
	Quorum        int    `json:"quorum"`
	Policy        string `json:"policy"`
	Organisations []struct {
		ID       string `json:"id"`
		Standing string `json:"standing"`
		Endorses bool   `json:"endorses"`
		Orderer  int    `json:"orderer"`
	} `json:"organisations"`
}

func (n *network) governed(tb testing.TB) governed {
	tb.Helper()
	var g governed
	if out := n.secant(tb, "network", "show", "--json"); json.Unmarshal([]byte(out), &g) != nil {
		tb.Fatalf("network show: %s", out)
	}
	return g
}

// standing is an organisation's, and whether it endorses and orders.
func (g governed) standing(org string) (standing string, endorses, orders bool) {
	for _, o := range g.Organisations {
		if o.ID == org {
			return o.Standing, o.Endorses, o.Orderer > 0
		}
	}
	return "", false, false
}

// TestOrganisationJoinsAndLeaves makes a sixth organisation a member with an
// orderer of its own and removes it again, while readings flow. Either command is
// killed at each of its steps and given again. Proofs made before, between and
// after verify offline with the trust file as it stands at the end, nothing that
// was acknowledged is lost, and the network is what it was.
func TestOrganisationJoinsAndLeaves(t *testing.T) {
	n := live(t)
	const west = "hospital-west"
	d := n.newDevice(t, "hospital-south")
	south := n.node(t, "hospital-south", "auditor")
	before := south.bundle(d.send(south, readings(1)).ID, 0)

	m := &monitor{acked: map[string][][]byte{}}
	flow, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.run(flow, south, d) }()
	halt := sync.OnceValue(func() error { stop(); return <-done })
	defer func() { _ = halt() }()

	t.Cleanup(func() {
		if t.Failed() { // the tests after this one know five members
			t.Log(n.run(context.Background(), "status"))
			_, _ = n.run(context.Background(), "up")
			out, err := n.run(context.Background(), "network", "remove", west)
			t.Logf("clearing up: %v\n%s", err, out)
		}
	})
	add := []string{"network", "add", west, "--title", "Hospital West", "--orderer"}
	for i, step := range []string{"putting " + west, "starting 5 orderers", "approving the chaincode", "waiting until node-hospital-south"} {
		killed := n.runKilled(t, step, add...)
		if out, err := n.run(t.Context(), "status"); i == 0 && killed && (err == nil || !strings.Contains(out, "has begun to join")) {
			t.Errorf("status does not say that somebody has begun to join: %v\n%s", err, out)
		}
	}
	t.Log(n.secant(t, add...))
	n.secant(t, "status")
	g := n.governed(t)
	if standing, endorses, orders := g.standing(west); standing != "member" || !endorses || !orders {
		t.Errorf("%s is %q, endorses: %v, orders: %v", west, standing, endorses, orders)
	}
	if g.Needed != 4 || g.Consenters != 5 || g.Quorum != 4 {
		t.Errorf("with six members: %+v", g)
	}

	// Its orderer counts: with another one down, the four that are left make blocks.
	n.kill(t, n.find(t, "orderer", "authority"))
	digest := n.share(t, west)
	n.secant(t, "up")
	await(t, "the new member's report at another", func() bool {
		status, _, err := n.node(t, "hospital-east", "analyst").try(http.MethodGet, "/v1/threats/"+digest, "", nil)
		return err == nil && status == http.StatusOK
	})
	own := n.newDevice(t, west)
	westNode := n.node(t, west, "auditor")
	between := westNode.bundle(own.send(westNode, readings(1)).ID, 0)

	remove := []string{"network", "remove", west}
	for _, step := range []string{"voting " + west, "taking the orderer of " + west, "taking " + west + " out", "waiting until node-hospital-south"} {
		n.runKilled(t, step, remove...)
	}
	t.Log(n.secant(t, remove...))
	n.secant(t, "status")
	g = n.governed(t)
	if standing, endorses, orders := g.standing(west); standing != "former" || endorses || orders {
		t.Errorf("%s is %q, endorses: %v, orders: %v", west, standing, endorses, orders)
	}
	if g.Needed != 3 || g.Consenters != 4 || g.Quorum != 3 {
		t.Errorf("with five members: %+v", g)
	}
	if roster := get[ledger.Roster](t, n.member(t, "medtech"), ledger.IdentityGetRoster, ledger.GetRoster{}); roster.Has(west) {
		t.Errorf("%s still votes", west)
	}

	count := m.count()
	await(t, "readings to flow again", func() bool { return m.count() > count+5 })
	if err := halt(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d requests acknowledged meanwhile", len(m.acked))
	for what, bundle := range map[string][]byte{
		"made before": before, "of the member that left": between, "made after": south.bundle(d.send(south, readings(1)).ID, 0),
	} {
		if out, err := n.verify(t, bundle); err != nil {
			t.Errorf("the proof %s: %v\n%s", what, err, out)
		}
	}
	v := n.verifier(t)
	for id, records := range m.acked {
		for i, want := range records {
			bundle, err := proof.ParseBundle(south.bundle(id, i))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(bundle); err != nil {
				t.Fatalf("receipt %s, record %d: %v", id, i, err)
			}
			if !bytes.Equal(bundle.Record.Content(), want) {
				t.Fatalf("receipt %s, record %d is another: %s", id, i, bundle.Record.Content())
			}
		}
	}
}

// TestGoverningRefusesWhatWouldHarm gives commands that must change nothing.
func TestGoverningRefusesWhatWouldHarm(t *testing.T) {
	n := live(t)
	was := n.governed(t)
	if was.Consenters != 4 {
		t.Fatalf("there are %d orderers: the commands below would not be refused", was.Consenters)
	}
	file := read(t, filepath.Join(n.dir, "network.json"))
	for name, c := range map[string]struct {
		says string
		args []string
	}{
		"the fourth orderer":     {"bear no fault", []string{"remove", "hospital-east"}},
		"that orderer alone":     {"bear no fault", []string{"remove", "hospital-east", "--orderer"}},
		"a stranger":             {"hospital-north", []string{"remove", "nobody"}},
		"a path for a name":      {"lower-case", []string{"add", "../elsewhere"}},
		"an unknown kind":        {"hospital", []string{"add", "hospital-far", "--kind", "bank"}},
		"no name":                {"arg", []string{"add"}},
		"a network that is none": {"secant up", []string{"show", "--dir", t.TempDir()}},
	} {
		out, err := n.run(t.Context(), append([]string{"network"}, c.args...)...)
		if err == nil || !strings.Contains(out, c.says) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	is := n.governed(t)
	a, err := json.Marshal(was)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(is)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) || !bytes.Equal(file, read(t, filepath.Join(n.dir, "network.json"))) {
		t.Errorf("something was changed: %s, then %s", a, b)
	}
}

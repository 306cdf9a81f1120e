package topology_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/secant-platform/secant/network/topology"
)

func TestEveryPortIsUsedOnceAndWithinTheSpan(t *testing.T) {
	t.Parallel()
	const base = 21000
	n, err := topology.New(t.TempDir(), base)
	if err != nil {
		t.Fatal(err)
	}
	holder := map[int]string{}
	names := map[string]bool{}
	count := map[topology.Kind]int{}
	for _, p := range n.Processes() {
		if names[p.Name] {
			t.Errorf("two processes are called %s", p.Name)
		}
		names[p.Name] = true
		count[p.Kind]++
		for _, port := range p.Ports {
			if other, taken := holder[port.Number]; taken {
				t.Errorf("%s and %s share port %d", other, p.Name, port.Number)
			}
			holder[port.Number] = p.Name
			if port.Number <= base || port.Number >= base+topology.Span {
				t.Errorf("%s uses port %d outside the span", p.Name, port.Number)
			}
		}
	}
	want := map[topology.Kind]int{topology.KindOrderer: 4, topology.KindPeer: 6, topology.KindNode: 5}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Error(diff)
	}
	for i, o := range n.Organisations {
		if o.Node.Port != base+1+i {
			t.Errorf("the node of %s is at port %d, not %d", o.ID, o.Node.Port, base+1+i)
		}
		if want := "https://localhost:" + strconv.Itoa(base+51+i); o.Node.PublicURL() != want {
			t.Errorf("the node of %s answers those outside at %s, not %s", o.ID, o.Node.PublicURL(), want)
		}
	}
}

func TestProcessesStandInTheOrderOfTheirStart(t *testing.T) {
	t.Parallel()
	n, err := topology.New("/x", 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []topology.Kind
	for _, p := range n.Processes() {
		kinds = append(kinds, p.Kind)
	}
	want := []topology.Kind{topology.KindOrderer, topology.KindPeer, topology.KindNode}
	if got := slices.Compact(kinds); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNewRefusesPortsThatDoNotExist(t *testing.T) {
	t.Parallel()
	for _, base := range []int{-1, 80, 65500, 70000} {
		if _, err := topology.New("/x", base); err == nil {
			t.Errorf("accepted %d", base)
		}
	}
}

func TestSavedNetworkIsLoadedAsItWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := topology.Load(dir); !errors.Is(err, topology.ErrNoNetwork) {
		t.Errorf("an empty directory: %v", err)
	}
	n, err := topology.New(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	got, err := topology.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(n, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestLoadRefusesWhatIsNotANetworkFile(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty":         "",
		"other JSON":    `{"name": "my-app", "version": "1.0"}`,
		"newer version": `{"v": 99, "channel": "secant", "organisations": [{"id": "x"}]}`,
		"unknown field": `{"v": 1, "channel": "secant", "colour": "red"}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, topology.FileName), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := topology.Load(dir); err == nil || errors.Is(err, topology.ErrNoNetwork) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestContentsEndWithTheNetworkFile(t *testing.T) {
	t.Parallel()
	n, err := topology.New("/state", 0)
	if err != nil {
		t.Fatal(err)
	}
	all := n.Contents()
	if last := all[len(all)-1]; last != "/state/"+topology.FileName {
		t.Errorf("the last thing to delete is %s: a reset that stops half-way could not be repeated", last)
	}
	// Whatever a path method returns must lie below something that is deleted.
	o := n.Organisations[0]
	for _, path := range []string{
		n.TrustFile(), n.RootsFile(), n.GenesisFile(), n.NodeIdentity(o.ID), n.ProgramsFile(), n.ChaincodeFile(), n.LockFile(), n.RunDir(), n.LogFile("x"),
		n.BuilderDir(), n.ConfigDir(), n.OrgDir(o.ID), n.PeerDir("x"), n.OrdererDir("x"), n.NodeConfig(o.ID), n.TokenFile(o.ID, "x"),
		n.WalletKey(), n.WalletDir(topology.People()[0].Wallet),
	} {
		if !slices.ContainsFunc(all, func(c string) bool { return path == c || strings.HasPrefix(path, c+"/") }) {
			t.Errorf("%s would survive a reset", path)
		}
	}
}

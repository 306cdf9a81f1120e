package launch

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/secant-platform/secant/network/build"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// stopAt is where the progress of a start goes; it interrupts the start when a
// step begins.
type stopAt struct {
	mu   sync.Mutex
	text bytes.Buffer
	at   string
	stop context.CancelFunc
}

func (s *stopAt) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(string(b), s.at) {
		s.stop()
	}
	return s.text.Write(b)
}

func (s *stopAt) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// TestLiveNetworkIsRepaired takes one real network through what can happen to
// it: starts that end at each step, kills, a damaged build, a changed chaincode,
// a stop. After each, the same call brings it back, and nothing is lost.
func TestLiveNetworkIsRepaired(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real network")
	}
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	// A name that must be quoted wherever it is written.
	dir := filepath.Join(t.TempDir(), `net: "one" #1`)
	o := Options{Dir: dir, Port: port, NoNodes: true}
	t.Cleanup(func() {
		if err := Down(context.WithoutCancel(t.Context()), dir, nil); err != nil {
			t.Error(err)
		}
	})
	up := func() *State {
		t.Helper()
		var out stopAt
		out.at, out.stop = "\x00", func() {}
		o.Out = &out
		s, err := Up(t.Context(), o)
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if !s.Healthy {
			t.Fatalf("not healthy: %v", s.Reasons)
		}
		return s
	}

	for _, step := range []string{"starting 4 orderers", "installing the chaincode", "approving the chaincode", "committing the chaincode"} {
		ctx, cancel := context.WithCancel(t.Context())
		out := &stopAt{at: step, stop: cancel}
		o.Out = out
		_, err := Up(ctx, o)
		cancel()
		if !errors.Is(err, context.Canceled) || !strings.Contains(out.String(), step) {
			t.Fatalf("interrupted at %q: %v\n%s", step, err, out.String())
		}
		kill(t, dir, "peer0-hospital-south")
	}
	first := up()
	if first.Chaincode.Sequence != 1 || first.Chaincode.PackageID == "" {
		t.Errorf("after interrupted starts the chaincode is %+v", first.Chaincode)
	}

	for _, name := range []string{"orderer-hospital-east", "peer0-authority", "peer1-hospital-north", chaincodeOf(t, first, "peer0-medtech")} {
		kill(t, dir, name)
	}
	s, err := Status(t.Context(), dir)
	if err != nil || s.Healthy {
		t.Errorf("status overlooks four killed processes: %v", err)
	}
	builds, err := filepath.Glob(filepath.Join(glob(dir), "peers", "peer0-authority", "data", "externalbuilder", "builds", "*", "bld", "chaincode"))
	if err != nil || len(builds) != 1 {
		t.Fatalf("builds %v, %v", builds, err)
	}
	if err := os.Truncate(builds[0], 1000); err != nil {
		t.Fatal(err)
	}
	second := up()
	sameLedger(t, first, second)

	// One process by itself.
	kill(t, dir, "peer0-medtech")
	if err := Start(t.Context(), dir, "peer0-medtech"); err != nil {
		t.Fatal(err)
	}
	sameLedger(t, second, up())

	changed(t, dir)
	if s := up(); s.Chaincode.Sequence != 3 || s.Chaincode.PackageID != first.Chaincode.PackageID {
		t.Errorf("back at the present code the chaincode is %+v", s.Chaincode)
	}

	// The certificates and the ledger outlast a stop; no process does.
	if err := Down(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	if left, err := (process.Table{Dir: filepath.Join(dir, "run")}).List(); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	before := tree(t, filepath.Join(dir, "orgs"))
	begin := time.Now()
	third := up()
	t.Logf("up again in %s", time.Since(begin))
	sameLedger(t, second, third)
	if tree(t, filepath.Join(dir, "orgs")) != before {
		t.Error("certificates changed")
	}
}

// changed deploys the same program with a byte more: another digest, so another
// package, which every organisation has to approve.
func changed(t *testing.T, dir string) {
	t.Helper()
	n, err := topology.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	l := newLauncher(n, nil)
	if l.programs, err = build.All(t.Context(), build.Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(l.programs.Chaincode)
	if err != nil {
		t.Fatal(err)
	}
	l.programs.Chaincode = filepath.Join(t.TempDir(), "secantcc")
	if err := os.WriteFile(l.programs.Chaincode, append(b, 0), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.chaincode(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := l.state(t.Context(), false)
	if err != nil || !s.Healthy || s.Chaincode.Sequence != 2 {
		t.Errorf("after a change of code: %+v, %v", s, err)
	}
}

func kill(t *testing.T, dir, name string) {
	t.Helper()
	if err := Kill(dir, name, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func chaincodeOf(t *testing.T, s *State, peer string) string {
	t.Helper()
	for _, p := range s.Processes {
		if strings.HasPrefix(p.Name, chaincodeName(peer)+"-") {
			return p.Name
		}
	}
	t.Fatalf("no chaincode of %s among %+v", peer, s.Processes)
	return ""
}

// sameLedger wants the chaincode unchanged and no block gone.
func sameLedger(t *testing.T, before, after *State) {
	t.Helper()
	if before.Chaincode.PackageID != after.Chaincode.PackageID {
		t.Errorf("the chaincode was %+v, is %+v", before.Chaincode, after.Chaincode)
	}
	height := map[string]uint64{}
	for _, p := range before.Processes {
		height[p.Name] = p.Height
	}
	for _, p := range after.Processes {
		if p.Height < height[p.Name] {
			t.Errorf("%s had %d blocks, has %d", p.Name, height[p.Name], p.Height)
		}
	}
}

// tree is a listing of names, sizes and times below a folder.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.WriteString(path + " " + info.ModTime().String() + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// glob makes a pattern that means the path itself.
func glob(path string) string {
	return strings.NewReplacer("[", `\[`, "*", `\*`, "?", `\?`).Replace(path)
}

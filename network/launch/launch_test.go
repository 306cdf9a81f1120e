package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/network/build"
	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// saved makes a state directory with a network file in it.
func saved(t *testing.T) *topology.Network {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	n, err := topology.New(t.TempDir(), port)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	return n
}

// failure wants a Failure whose whole text holds all the given parts.
func failure(t *testing.T, err error, parts ...string) {
	t.Helper()
	var f *process.Failure
	if !errors.As(err, &f) {
		t.Fatalf("not a failure that says what to do: %v", err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("no %q in: %v", p, err)
		}
	}
}

func TestTakenPortIsNamedWithItsHolder(t *testing.T) {
	t.Parallel()
	n := saved(t)
	o := n.Organisations[1]
	l, err := net.Listen("tcp", topology.Address(o.Peers[0].Chaincode))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = checkPorts(t.Context(), n, nil)
	failure(t, err,
		fmt.Sprintf("port %d (%s, chaincode) is taken by process %d", o.Peers[0].Chaincode, o.Peers[0].Name, os.Getpid()),
		"--port ")
	// What runs already holds its own ports.
	if err := checkPorts(t.Context(), n, map[string]bool{o.Peers[0].Name: true}); err != nil {
		t.Error(err)
	}
}

func TestHolderThatIsASecantProcessIsEndedTheProperWay(t *testing.T) {
	n, other := saved(t), saved(t)
	l, err := net.Listen("tcp", topology.Address(n.Organisations[0].Node.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// This process holds the port, and works where a process of a network does.
	for dir, want := range map[string]string{
		other.Dir: "secant --dir " + other.Dir + " down",
		n.Dir:     fmt.Sprintf("kill %d", os.Getpid()),
	} {
		at := filepath.Join(dir, "peers", "peer0-medtech")
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Chdir(at)
		failure(t, checkPorts(t.Context(), n, nil), want)
	}
}

func TestPortsAreCheckedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", topology.Address(port+1))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := filepath.Join(t.TempDir(), "state")
	_, err = Up(t.Context(), Options{Dir: dir, Port: port})
	failure(t, err, fmt.Sprintf("port %d (node-hospital-north, HTTP)", port+1))
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

func TestNetworkKeepsItsPorts(t *testing.T) {
	t.Parallel()
	n := saved(t)
	got, err := network(n.Dir, 0)
	if err != nil || got.Base != n.Base {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = network(n.Dir, n.Base+topology.Span)
	failure(t, err, "secant reset")
}

func TestForeignDirectoryIsNeitherUsedNorDeleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	precious := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(precious, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Up(t.Context(), Options{Dir: dir})
	failure(t, err, "thesis.txt")
	for name, f := range map[string]func() error{
		"reset":  func() error { return Reset(t.Context(), dir, nil) },
		"down":   func() error { return Down(t.Context(), dir, nil) },
		"status": func() error { _, err := Status(t.Context(), dir); return err },
		"logs":   func() error { return Logs(t.Context(), dir, "x", nil, false) },
		"start":  func() error { return Start(t.Context(), dir, "x") },
		"kill":   func() error { return Kill(dir, "x", syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) { failure(t, f(), "secant up") })
	}
	// A network file of somebody else's does not make it ours.
	if err := os.WriteFile(filepath.Join(dir, topology.FileName), []byte(`{"name": "theirs"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Reset(t.Context(), dir, nil); err == nil {
		t.Error("deleted somebody else's network")
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestResetDeletesOursAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	n := saved(t)
	ours := n.LogFile("peer0-medtech")
	theirs := filepath.Join(n.Dir, "notes.txt")
	// The wallets that up made go, those that somebody else keeps beside them stay.
	wallet := filepath.Join(n.WalletDir(topology.People()[0].Wallet), "x")
	another := filepath.Join(n.WalletDir("me"), "x")
	for _, path := range []string{ours, theirs, n.WalletKey(), wallet, another} {
		if err := disk.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Reset(t.Context(), n.Dir, nil); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(n.Dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "notes.txt" || !exists(another) || exists(wallet) || exists(n.WalletKey()) {
		t.Errorf("left %v, %v", entries, err)
	}
	// A network can be made beside wallets.
	if err := os.Remove(theirs); err != nil {
		t.Fatal(err)
	}
	if err := empty(n.Dir); err != nil {
		t.Error(err)
	}
}

func TestDownSaysWhetherAnythingRan(t *testing.T) {
	t.Parallel()
	n := saved(t)
	_, err := newLauncher(n, nil).table.Start(process.Spec{
		Name: "peer0-medtech", Kind: string(topology.KindPeer), Path: "/bin/sleep",
		Args: []string{"60"}, Dir: n.Dir, Log: n.LogFile("peer0-medtech"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"stopped; its data stays in " + n.Dir, "was not running"} {
		var out bytes.Buffer
		if err := Down(t.Context(), n.Dir, &out); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q, %v", want, out.String(), err)
		}
	}
}

func TestResetClearsWhatAFailedFirstStartLeaves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	failure(t, Reset(t.Context(), dir, nil), "secant up")
	if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Reset(t.Context(), dir, nil); err != nil || exists(dir) {
		t.Errorf("%v, or the directory is still there", err)
	}
}

func TestForbiddenStateDirectoryNamesTheOption(t *testing.T) {
	t.Parallel()
	failure(t, reachable("/srv/x", fmt.Errorf("opening the lock: %w", os.ErrPermission)), "/srv/x", "--dir")
}

func TestOverlappingRangeIsNoticed(t *testing.T) {
	t.Parallel()
	n := saved(t)
	l, err := net.Listen("tcp", topology.Address(n.Base+topology.Span-1))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if port, found := strangerWithin(n); !found || port != n.Base+topology.Span-1 {
		t.Errorf("got %d, %v", port, found)
	}
}

func TestUnreadyNodeNamesItsFailingPartsOnly(t *testing.T) {
	t.Parallel()
	got := failing([]byte(`{"ready":false,"parts":[{"name":"ledger","ok":false,"reason":"no peer answers"},{"name":"log","ok":true},{"name":"events","ok":false,"reason":"late"}]}`))
	if got != "ledger: no peer answers; events: late" {
		t.Errorf("got %q", got)
	}
	if got := failing([]byte("<html>")); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestSecondCommandSaysThatTheFirstIsAtWork(t *testing.T) {
	t.Parallel()
	n := saved(t)
	unlock, err := lock(n, "up")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	_, err = Up(t.Context(), Options{Dir: n.Dir})
	failure(t, err, "secant up", fmt.Sprintf("process %d", os.Getpid()))
	failure(t, Down(t.Context(), n.Dir, nil), "secant up")
}

func TestInterruptedStartSaysHowToGoOn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Up(ctx, Options{Dir: filepath.Join(t.TempDir(), "x")})
	failure(t, err, "secant up", "secant down")
}

func TestStatusOfAStoppedNetwork(t *testing.T) {
	t.Parallel()
	n := saved(t)
	s, err := Status(t.Context(), n.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Healthy || len(s.Processes) != 15 || len(s.Organisations) != 5 {
		t.Errorf("healthy %v, %d processes, %d organisations", s.Healthy, len(s.Processes), len(s.Organisations))
	}
	for _, p := range s.Processes {
		if p.State != Stopped || p.PID != 0 {
			t.Errorf("%+v", p)
		}
	}
	var out bytes.Buffer
	if err := s.Print(&out); err != nil || !strings.Contains(out.String(), "is down, its data is kept; `secant up` starts it") || strings.Contains(out.String(), "healthy") {
		t.Errorf("%v: %s", err, out.String())
	}
	if len(s.Reasons) != 1 {
		t.Errorf("reasons: %q", s.Reasons)
	}
	for _, o := range n.Organisations {
		if !strings.Contains(out.String(), o.Node.PublicURL()) {
			t.Errorf("no word of %s in %s", o.Node.PublicURL(), out.String())
		}
	}
}

func TestProcessThatDiesAtItsStartIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	n := saved(t)
	l := newLauncher(n, nil)
	r, err := l.table.Start(process.Spec{
		Name: "peer0-medtech", Kind: string(topology.KindPeer), Path: "/bin/sh",
		Args: []string{"-c", "echo the disk is gone; exit 1"}, Dir: n.Dir, Log: n.LogFile("peer0-medtech"),
	})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	err = l.until(t.Context(), r, func(context.Context) error { return errors.New("not yet") })
	failure(t, err, "peer0-medtech", "the disk is gone", "/bin/sh -c", n.LogFile("peer0-medtech"), "what to do")
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %s to notice", took)
	}
}

func TestHalfMadeLedgerIsClearedAndAWholeOneNever(t *testing.T) {
	t.Parallel()
	n := saved(t)
	l := newLauncher(n, nil)
	for _, name := range []string{"peer0-medtech", "orderer-authority"} {
		p, ok := n.Process(name)
		if !ok {
			t.Fatal(name)
		}
		file := filepath.Join(l.folder(p), "data", "file")
		put := func() {
			if err := disk.WriteFile(file, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		clean := func() {
			if err := l.clean(p); err != nil {
				t.Fatal(err)
			}
		}
		clean() // the first start
		put()   // killed while it makes its databases
		clean()
		if exists(file) {
			t.Errorf("%s: what is half-made stays: it would never start", name)
		}
		put()
		if err := l.made(p); err != nil { // it answered
			t.Fatal(err)
		}
		clean()
		if !exists(file) {
			t.Errorf("%s: its ledger is gone", name)
		}
		clean()
		if !exists(file) {
			t.Errorf("%s: its ledger is gone at the second start", name)
		}
	}
}

func TestDamagedChaincodeBuildIsCleared(t *testing.T) {
	t.Parallel()
	n := saved(t)
	l := newLauncher(n, nil)
	p, _ := n.Process("peer0-medtech")
	builds := buildsDir(n.PeerDir(p.Name))
	write := func(parts ...string) {
		content := parts[len(parts)-1]
		path := filepath.Join(append([]string{builds}, parts[:len(parts)-1]...)...)
		if err := disk.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // of "hello"
	for _, name := range []string{"whole", "cut", "unfinished", "other"} {
		write(name, "bld", "chaincode", "hello")
		write(name, "bld", "chaincode.sha256", sum)
		write(name, "build-info.json", "{}")
	}
	write("cut", "bld", "chaincode", "hel")
	for _, path := range []string{filepath.Join("unfinished", "build-info.json"), filepath.Join("other", "bld", "chaincode.sha256")} {
		if err := os.Remove(filepath.Join(builds, path)); err != nil {
			t.Fatal(err)
		}
	}
	write("..", "..", "..", "tmp", "fabric-run1", "key", "secret")
	if err := l.clean(p); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(builds)
	if err != nil || len(left) != 1 || left[0].Name() != "whole" {
		t.Errorf("left %v, %v", left, err)
	}
	if exists(filepath.Join(n.PeerDir(p.Name), "tmp", "fabric-run1")) {
		t.Error("a killed peer's keys are left in its temporary folder")
	}
}

func TestTokensAreRenewedWhenOldOrOfAnotherKey(t *testing.T) {
	t.Parallel()
	n := saved(t)
	l := newLauncher(n, nil)
	o := n.Organisations[0]
	file := n.TokenFile(o.ID, "auditor")
	key := filepath.Join(n.NodeDir(o.ID), "data", "keys", "token.pem")
	age := func(path string, by time.Duration) {
		if err := disk.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-by)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, want bool) {
		t.Helper()
		if got := l.fresh(o, file); got != want {
			t.Errorf("%s: fresh is %v", what, got)
		}
	}
	check("no token", false)
	age(key, 2*time.Hour)
	age(file, time.Hour)
	check("a token of the present key", true)
	age(key, time.Minute)
	check("a new key", false)
	age(key, 60*24*time.Hour)
	age(file, 16*24*time.Hour)
	check("past half of its life", false)
}

func TestLogsFollowAFileThatIsCut(t *testing.T) {
	t.Parallel()
	n := saved(t)
	const name = "orderer-authority"
	write := func(s string) {
		f, err := process.OpenLog(n.LogFile(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(s); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	var once bytes.Buffer
	if err := Logs(t.Context(), n.Dir, name, &once, false); err != nil || once.String() != "one\n" {
		t.Errorf("got %q, %v", once.String(), err)
	}
	var out bytes.Buffer
	f := follower{path: n.LogFile(name), out: &out}
	at, err := f.copyFrom(0)
	if err != nil {
		t.Fatal(err)
	}
	write("two\n")
	if at, err = f.copyFrom(at); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(n.LogFile(name), 0); err != nil {
		t.Fatal(err)
	}
	write("3\n")
	if _, err = f.copyFrom(at); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("one\ntwo\n3\n", out.String()); diff != "" {
		t.Error(diff)
	}
	failure(t, Logs(t.Context(), n.Dir, "no-such", &once, false), "no-such", "orderer-authority")
	for _, name := range []string{"chaincode-peer0-medtech", "chaincode-peer0-medtech-01234567"} {
		if path, err := logOf(n, name); err != nil || path != n.LogFile("chaincode-peer0-medtech") {
			t.Errorf("%s logs to %s, %v", name, path, err)
		}
	}
}

func TestProgressTellsStepsTimesAndFailures(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &progress{out: &out}
	p.step("first")(nil)
	p.say("in between")
	outer := p.step("second")
	p.say("said meanwhile")
	outer(errors.New("x"))
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{"  first ", "  in between", "  second ", "  said meanwhile", "  second ", ""} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d is not %q:\n%s", i, want, out.String())
		}
	}
	if !strings.HasSuffix(lines[0], "0.0s") || !strings.Contains(lines[4], "failed after") {
		t.Errorf("got\n%s", out.String())
	}
}

func TestGuideNamesEveryNodeAndHowToCallIt(t *testing.T) {
	t.Parallel()
	n := saved(t)
	if err := disk.WriteFile(n.TokenFile("hospital-north", "auditor"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Status(t.Context(), n.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, name := range []string{"nurse", "maker", "releaser-north"} {
		if err := os.MkdirAll(n.WalletDir(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Guide(&out, "secant"); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]bool{
		"sign-in " + n.Organisations[0].Node.PublicURL() + " --yes --name nurse ": true, "sign-in " + n.Organisations[3].Node.PublicURL() + " --yes --name maker ": true,
		"--name doctor": false, "--name releaser": false, "releaser-north sign": true, "secant wallet call GET /v1/units --name nurse": true,
	} {
		if strings.Contains(out.String(), who) != want {
			t.Errorf("%q: want %v in\n%s", who, want, out.String())
		}
	}
	for _, o := range n.Organisations {
		for _, address := range []string{o.Node.URL(), o.Node.PublicURL()} {
			if !strings.Contains(out.String(), address) {
				t.Errorf("no word of %s", address)
			}
		}
	}
	if !strings.Contains(out.String(), n.RootsFile()) {
		t.Errorf("no word of the roots in\n%s", out.String())
	}
	if !strings.Contains(out.String(), n.TokenFile("hospital-north", "auditor")) || !strings.Contains(out.String(), "secant demo") {
		t.Errorf("got\n%s", out.String())
	}
}

func TestNetworkThatWasUpNeedsNoSource(t *testing.T) {
	n := saved(t)
	l := newLauncher(n, nil)
	t.Chdir(t.TempDir())
	err := l.build(t.Context(), Options{Cache: t.TempDir()})
	failure(t, err, "inside a clone")

	cache := t.TempDir()
	path := func(name string) string {
		p := filepath.Join(cache, name)
		for _, file := range []string{p, p + ".sha256"} {
			if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	want := &build.Programs{
		Peer: path("peer"), Orderer: path("orderer"), Configtxgen: path("configtxgen"),
		Secant: path("secant"), Chaincode: path("secantcc"), Builder: path("ccbuilder"),
	}
	if err := l.save(n.ProgramsFile(), want); err != nil {
		t.Fatal(err)
	}
	if err := l.build(t.Context(), Options{Cache: cache}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, l.programs); diff != "" {
		t.Error(diff)
	}
	// Programs that are gone cannot be started: then the first reason counts.
	if err := os.Remove(want.Secant); err != nil {
		t.Fatal(err)
	}
	failure(t, l.build(t.Context(), Options{Cache: cache}), "inside a clone")
}

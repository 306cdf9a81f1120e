package process_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/network/process"
)

// start runs a shell script as a background process that ends with the test.
func start(t *testing.T, table process.Table, name, script string) process.Record {
	t.Helper()
	r, err := table.Start(process.Spec{
		Name: name, Kind: "test", Path: "/bin/sh", Args: []string{"-c", script},
		Dir: t.TempDir(), Log: filepath.Join(table.Dir, "logs", name+".log"),
		Env: []string{"GREETING=hello"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.Alive() {
			_, _ = r.Signal(syscall.SIGKILL)
		}
	})
	return r
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestStartedProcessIsFoundAgainAndHasASessionOfItsOwn(t *testing.T) {
	t.Parallel()
	table := process.Table{Dir: t.TempDir()}
	r := start(t, table, "one", "echo $GREETING $HOME; sleep 60")
	found, ok, err := table.Find("one")
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	if diff := cmp.Diff(r, found); diff != "" {
		t.Error(diff)
	}
	if !found.Alive() {
		t.Error("not alive")
	}
	pgid, err := syscall.Getpgid(r.PID)
	if err != nil || pgid != r.PID {
		t.Errorf("it is in process group %d, %v: a signal to ours would end it", pgid, err)
	}
	eventually(t, "its output is in its log", func() bool {
		tail, err := process.Tail(r.Log, 5)
		return err == nil && len(tail) == 1 && strings.HasPrefix(tail[0], "hello /")
	})
}

func TestChildDoesNotInheritSettingsThatWouldChangeIt(t *testing.T) {
	table := process.Table{Dir: t.TempDir()}
	t.Setenv("CORE_PEER_ID", "intruder")
	r := start(t, table, "env", "env; sleep 60")
	eventually(t, "the environment is printed", func() bool {
		tail, err := process.Tail(r.Log, 100)
		return err == nil && slices.Contains(tail, "GREETING=hello")
	})
	tail, err := process.Tail(r.Log, 100)
	if err != nil || strings.Contains(strings.Join(tail, "\n"), "intruder") {
		t.Errorf("%v, %v", tail, err)
	}
}

func TestRecycledNumberIsNeverKilled(t *testing.T) {
	t.Parallel()
	table := process.Table{Dir: t.TempDir()}
	r := start(t, table, "bystander", "sleep 60")
	// What a record looks like whose number the system has given to another
	// process since: same number, other birth.
	stale := r
	stale.Name, stale.Birth = "ours", "1"+r.Birth
	if err := table.Put(stale); err != nil {
		t.Fatal(err)
	}
	if stale.Alive() {
		t.Error("taken for ours")
	}
	if sent, err := stale.Signal(syscall.SIGKILL); sent || err != nil {
		t.Errorf("signalled: %v, %v", sent, err)
	}
	if killed, err := table.Stop(t.Context(), []process.Record{stale}, time.Second); err != nil || len(killed) > 0 {
		t.Errorf("killed %v, %v", killed, err)
	}
	if !r.Alive() {
		t.Error("the bystander is dead")
	}
	if _, found, err := table.Find("ours"); found || err != nil {
		t.Errorf("the stale record is kept: %v, %v", found, err)
	}
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	table := process.Table{Dir: t.TempDir()}
	stubborn := start(t, table, "stubborn", `trap "" TERM; echo set; while true; do sleep 1; done`)
	polite := start(t, table, "polite", "exec sleep 60")
	eventually(t, "the trap is set", func() bool {
		tail, err := process.Tail(stubborn.Log, 1)
		return err == nil && len(tail) == 1
	})
	killed, err := table.Stop(t.Context(), []process.Record{stubborn, polite}, 500*time.Millisecond)
	if err != nil || !slices.Equal(killed, []string{"stubborn"}) {
		t.Errorf("killed %v, %v", killed, err)
	}
	if stubborn.Alive() || polite.Alive() {
		t.Error("something still runs")
	}
	if all, err := table.List(); err != nil || len(all) > 0 {
		t.Errorf("left records %v, %v", all, err)
	}
}

func TestEndedChildIsNotAlive(t *testing.T) {
	t.Parallel()
	table := process.Table{Dir: t.TempDir()}
	r := start(t, table, "short", "echo dying; exit 3")
	eventually(t, "it is seen to have ended", func() bool { return !r.Alive() })
	f := r.Failed("starting short", errors.New("it ended"), "look")
	if !slices.Equal(f.Tail, []string{"dying"}) {
		t.Errorf("tail %q", f.Tail)
	}
}

func TestStartOfAMissingProgramNamesIt(t *testing.T) {
	t.Parallel()
	table := process.Table{Dir: t.TempDir()}
	_, err := table.Start(process.Spec{Name: "x", Path: "/no/such/program", Log: filepath.Join(table.Dir, "x.log")})
	var f *process.Failure
	if !errors.As(err, &f) || !strings.Contains(f.Error(), "/no/such/program") {
		t.Errorf("got %v", err)
	}
	if all, err := table.List(); err != nil || len(all) > 0 {
		t.Errorf("left records %v, %v", all, err)
	}
}

func TestListRefusesADamagedRecord(t *testing.T) {
	t.Parallel()
	table := process.Table{Dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(table.Dir, "x.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := table.List(); err == nil || !strings.Contains(err.Error(), "x") {
		t.Errorf("got %v", err)
	}
}

func TestFailureSaysWhatCommandLogAndAdvice(t *testing.T) {
	t.Parallel()
	cause := errors.New("it ended by itself")
	f := &process.Failure{
		What: "starting peer0", Command: []string{"peer", "node", "start"}, Log: "/logs/peer0.log",
		Tail: []string{"panic: no disk"}, Do: "make room", Err: cause,
	}
	want := "starting peer0: it ended by itself\n" +
		"  command: peer node start\n" +
		"  log: /logs/peer0.log\n" +
		"  | panic: no disk\n" +
		"  what to do: make room"
	if diff := cmp.Diff(want, f.Error()); diff != "" {
		t.Error(diff)
	}
	if !errors.Is(f, cause) {
		t.Error("the cause is lost")
	}
}

func TestFailureShowsThePanicRatherThanItsTrace(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	var b strings.Builder
	fmt.Fprintln(&b, "starting")
	fmt.Fprintln(&b, "panic: database is damaged")
	for i := range 60 {
		fmt.Fprintf(&b, "frame %d\n\n", i)
	}
	if err := os.WriteFile(log, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	f := process.Record{Log: log}.Failed("x", nil, "")
	if len(f.Tail) == 0 || f.Tail[0] != "panic: database is damaged" {
		t.Errorf("tail %q", f.Tail)
	}
}

func TestLogsStayBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(path, make([]byte, 9<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := process.OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if st, err := os.Stat(path); err != nil || st.Size() != 0 {
		t.Errorf("a large log is continued: %v", err)
	}
	if _, err := os.Stat(path + ".1"); err != nil {
		t.Error(err)
	}
	// A process that appends goes on after its log was cut.
	if _, err := f.Write(append(make([]byte, 33<<20), "the end\n"...)); err != nil {
		t.Fatal(err)
	}
	if err := process.Trim(path); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("after\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "after\n" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	kept, err := os.ReadFile(path + ".1")
	if err != nil || len(kept) > 9<<20 || !strings.HasSuffix(string(kept), "the end\n") {
		t.Errorf("kept %d bytes, %v", len(kept), err)
	}
}

func TestOwnerOfAPortIsNamed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems need lsof")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	o, ok := process.FindOwner(port)
	if !ok || o.PID != os.Getpid() || o.Name == "" || o.Dir == "" {
		t.Errorf("got %+v, %v", o, ok)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if o, ok := process.FindOwner(port); ok {
		t.Errorf("nobody listens, but %+v", o)
	}
}

func TestCPUGrowsWithWork(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	table := process.Table{Dir: t.TempDir()}
	busy := start(t, table, "busy", "while :; do :; done")
	idle := start(t, table, "idle", "sleep 60")
	deadline := time.Now().Add(time.Minute)
	for {
		worked, err := process.CPU(busy.PID)
		if err != nil {
			t.Fatal(err)
		}
		rested, err := process.CPU(idle.PID)
		if err != nil {
			t.Fatal(err)
		}
		if worked >= 100*time.Millisecond && worked > 2*rested {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a busy process used %v, an idle one %v", worked, rested)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if _, err := process.CPU(-1); err == nil {
		t.Error("a process that does not exist has used processor time")
	}
}

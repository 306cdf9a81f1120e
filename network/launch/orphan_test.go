package launch

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"github.com/secant-platform/secant/network/topology"
)

// TestMain of this package runs holdPort instead of the tests when this is set.
const holdVariable = "SECANT_TEST_HOLD_PORT"

// holdPort listens at a port until it is killed.
func holdPort(port string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("listening\n")
	_, _ = l.Accept()
}

func TestOnlyOnesOwnProcessIsReclaimed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("who holds a port is known on Linux only")
	}
	base, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	n, err := topology.New(t.TempDir(), base)
	if err != nil {
		t.Fatal(err)
	}
	l := newLauncher(n, nil)
	p, ok := n.Process("orderer-hospital-east")
	if !ok {
		t.Fatal("no such process")
	}
	for dir, ours := range map[string]bool{n.OrdererDir(p.Name): true, n.OrdererDir("orderer-hospital-north"): false, n.Dir: false} {
		for _, d := range []string{dir, n.OrdererDir(p.Name)} {
			if err := os.MkdirAll(d, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Dir = dir
		c.Env = append(os.Environ(), holdVariable+"="+strconv.Itoa(p.Ports[0].Number))
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err == nil {
			_, err = bufio.NewReader(out).ReadString('\n')
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := l.reclaim(t.Context(), p); err != nil {
			t.Error(err)
		}
		if free(p.Ports[0].Number) != ours {
			t.Errorf("working in %s: ended: %v, want %v", dir, !ours, ours)
		}
		_ = c.Process.Kill()
		_ = c.Wait()
	}
}

// Package e2e tests the whole system: the built program, live orderers and
// peers, one node for each organisation. One network serves all tests; what must
// be killed is brought back by the test that kills it.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds each wait for a state; machines under test are slow and busy.
const patience = 2 * time.Minute

var dataDir = flag.String("data", filepath.Join("..", "..", "..", "shared", "data"), "real input for the demo")

// network is a running consortium and the program that runs it.
type network struct {
	dir, bin string
	port     int
}

var (
	once    sync.Once
	holding sync.Once
	shared  *network
	failure error
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if shared != nil {
		if code != 0 {
			shared.printLogs(os.Stderr)
		}
		if err := shared.end(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// live returns the shared network, started on first use.
func live(tb testing.TB) *network {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs a live network, which -short leaves out")
	}
	once.Do(func() { shared, failure = start() })
	if failure != nil {
		tb.Fatal(failure)
	}
	holding.Do(func() { shared.hold(tb) })
	return shared
}

func start() (*network, error) {
	dir, err := os.MkdirTemp("", "secant-e2e-")
	if err != nil {
		return nil, err
	}
	n := &network{dir: filepath.Join(dir, "net"), bin: filepath.Join(dir, "secant"), port: freeBase()}
	if out, err := exec.Command("go", "build", "-o", n.bin, "../..").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building secant: %w\n%s", err, out)
	}
	if out, err := n.run(context.Background(), "up", "--port", strconv.Itoa(n.port)); err != nil {
		n.printLogs(os.Stderr)
		return n, fmt.Errorf("secant up: %w\n%s", err, out)
	}
	return n, nil
}

// end takes the network down and removes its files.
func (n *network) end() error {
	if out, err := n.run(context.Background(), "reset"); err != nil {
		return fmt.Errorf("secant reset: %w\n%s", err, out)
	}
	return os.RemoveAll(filepath.Dir(n.dir))
}

// freeBase finds 100 ports in a row below the ephemeral range that nobody uses.
func freeBase() int {
	for {
		base := 10_000 + 100*rand.IntN(220)
		free := true
		for p := base; p < base+100 && free; p++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
			if err != nil {
				free = false
				continue
			}
			_ = l.Close()
		}
		if free {
			return base
		}
	}
}

// run runs the program on this network and returns all that it printed.
func (n *network) run(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, n.bin, append([]string{"--dir", n.dir}, args...)...) // a test may name another
	c.Dir = "../.."
	out, err := c.CombinedOutput()
	return string(out), err
}

// secant runs the program and fails the test when it fails.
func (n *network) secant(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := n.run(tb.Context(), args...)
	if err != nil {
		tb.Fatalf("secant %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (n *network) printLogs(w io.Writer) {
	files, _ := filepath.Glob(filepath.Join(n.dir, "logs", "node-*.log"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || len(b) == 0 {
			continue
		}
		fmt.Fprintf(w, "--- %s\n%s\n", filepath.Base(f), b[max(0, len(b)-2000):])
	}
}

// node is one organisation's node, as a caller of its API sees it.
type node struct {
	tb    testing.TB
	org   string
	url   string
	token string
}

// node returns the node of org, called with the token of role ("" for none).
func (n *network) node(tb testing.TB, org, role string) node {
	tb.Helper()
	var cfg struct {
		Listen string `json:"listen"`
	}
	readJSON(tb, n.config(org), &cfg)
	c := node{tb: tb, org: org, url: "http://" + cfg.Listen}
	if role != "" {
		b, err := os.ReadFile(filepath.Join(n.dir, "nodes", org, "tokens", role+".jwt"))
		if err != nil {
			tb.Fatal(err)
		}
		c.token = strings.TrimSpace(string(b))
	}
	return c
}

// config is the path of a node's configuration.
func (n *network) config(org string) string {
	return filepath.Join(n.dir, "nodes", org, "node.json")
}

// do sends a request and returns the status and the body.
func (c node) do(method, path, contentType string, body []byte, headers ...string) (int, []byte) {
	c.tb.Helper()
	status, b, err := c.try(method, path, contentType, body, headers...)
	if err != nil {
		c.tb.Fatal(err)
	}
	return status, b
}

// try is do for a node that may be down.
func (c node) try(method, path, contentType string, body []byte, headers ...string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(c.tb.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

// call sends JSON, wants one of the 2xx answers and decodes it into out.
func (c node) call(method, path string, in, out any) {
	c.tb.Helper()
	var body []byte
	contentType := ""
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			c.tb.Fatal(err)
		}
		contentType = "application/json"
	}
	status, b := c.do(method, path, contentType, body)
	if status < 200 || status > 299 {
		c.tb.Fatalf("%s %s on %s: %d\n%s", method, path, c.org, status, b)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			c.tb.Fatalf("%s %s: %v\n%s", method, path, err, b)
		}
	}
}

// await waits for a state, not for a time.
func await(tb testing.TB, what string, reached func() bool) {
	tb.Helper()
	deadline := time.Now().Add(patience)
	for !reached() {
		if time.Now().After(deadline) {
			tb.Fatalf("still waiting after %v for %s", patience, what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func readJSON(tb testing.TB, path string, out any) {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
}

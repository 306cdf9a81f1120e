package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDemo runs the demo on its own samples and, where there is real input, on that.
func TestDemo(t *testing.T) {
	n := live(t)
	t.Run("on its own samples", func(t *testing.T) { t.Log(n.secant(t, "demo")) })
	t.Run("on real input", func(t *testing.T) {
		if _, err := os.Stat(*dataDir); err != nil {
			t.Skipf("no real input at %s", *dataDir)
		}
		dir, err := filepath.Abs(*dataDir)
		if err != nil {
			t.Fatal(err)
		}
		out := n.secant(t, "demo", "--data", dir)
		t.Log(out)
		if !strings.Contains(out, dir) {
			t.Error("does not say which files it used")
		}
	})
}

func TestStatusNamesEveryProcess(t *testing.T) {
	n := live(t)
	kinds := map[string]int{}
	for _, p := range n.processes(t) {
		if p.PID > 1 {
			kinds[p.Kind]++
		}
	}
	for kind, want := range map[string]int{"orderer": 4, "peer": 6, "node": 5} {
		if kinds[kind] != want {
			t.Errorf("%d running %ss, want %d", kinds[kind], kind, want)
		}
	}
}

// TestUpIsIdempotent runs up twice, stops the network and starts it again: a
// proof made before still verifies, and the second start is quick.
func TestUpIsIdempotent(t *testing.T) {
	n := live(t)
	d := n.newDevice(t, "hospital-south")
	south := n.node(t, "hospital-south", "auditor")
	id := d.send(south, readings(2)).ID
	before := south.bundle(id, 0)

	n.secant(t, "up")
	n.secant(t, "down")
	if out, err := n.run(t.Context(), "status"); err == nil {
		t.Errorf("status of a stopped network succeeded: %s", out)
	}
	start := time.Now()
	n.secant(t, "up")
	t.Logf("up again took %v", time.Since(start).Round(100*time.Millisecond))
	if out, err := n.verify(t, before); err != nil {
		t.Errorf("the earlier proof: %v\n%s", err, out)
	}
	if out, err := n.verify(t, south.bundle(id, 1)); err != nil {
		t.Errorf("a new proof of an earlier reading: %v\n%s", err, out)
	}
}

func TestBadFlagsAndArgumentsSayWhatToDo(t *testing.T) {
	n := live(t)
	for name, args := range map[string][]string{
		"another network on the same ports": {"up", "--dir", filepath.Join(t.TempDir(), "other"), "--port", strconv.Itoa(n.port)},
		"logs of nobody":                    {"logs", "nobody"},
		"status of nothing":                 {"status", "--dir", t.TempDir()},
		"reset of a foreign directory":      {"reset", "--dir", t.TempDir()},
		"verify without a file":             {"verify", "absent.json"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := n.run(t.Context(), args...)
			if err == nil || strings.TrimSpace(out) == "" {
				t.Errorf("succeeded or said nothing: %s", out)
			}
			t.Log(out)
		})
	}
}

// TestRestoredBackupRefusesToStart puts an old copy of a node's log back: a log
// smaller than what the ledger witnessed must not go on.
func TestRestoredBackupRefusesToStart(t *testing.T) {
	n := live(t)
	const org = "hospital-east"
	d := n.newDevice(t, org)
	east := n.node(t, org, "auditor")
	east.bundle(d.send(east, readings(1)).ID, 0)

	data := filepath.Join(n.dir, "nodes", org, "data")
	n.secant(t, "down")
	backup := filepath.Join(t.TempDir(), "data")
	copyTree(t, backup, data)
	n.secant(t, "up")
	east.bundle(d.send(east, readings(1)).ID, 0)
	n.secant(t, "down")
	newer := filepath.Join(t.TempDir(), "newer")
	if err := os.Rename(data, newer); err != nil {
		t.Fatal(err)
	}
	copyTree(t, data, backup)
	out, err := n.run(t.Context(), "up")
	if err == nil {
		t.Errorf("a restored backup was taken up again:\n%s", out)
	}
	if !strings.Contains(out, "anchor") {
		t.Errorf("does not say why: %s", out)
	}
	n.secant(t, "down")
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(newer, data); err != nil {
		t.Fatal(err)
	}
	n.secant(t, "up")
	var log map[string]json.RawMessage
	east.call("GET", "/v1/log", nil, &log)
}

// copyTree copies a folder as a backup does: with the modes of its files, since
// a node refuses keys that others may read.
func copyTree(tb testing.TB, to, from string) {
	tb.Helper()
	if out, err := exec.CommandContext(tb.Context(), "cp", "-a", from, to).CombinedOutput(); err != nil {
		tb.Fatalf("copying %s: %v\n%s", from, err, out)
	}
}

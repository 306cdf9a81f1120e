package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// process is one line of `secant status --json`.
type process struct {
	Name         string `json:"name"`
	Kind         string `json:"kind"`
	Organisation string `json:"organisation"`
	PID          int    `json:"pid"`
}

func (n *network) processes(tb testing.TB) []process {
	tb.Helper()
	// Its status is 1 while something is down; what it prints is right all the same.
	out, err := exec.CommandContext(tb.Context(), n.bin, "status", "--json", "--dir", n.dir).Output()
	var state struct {
		Processes []process `json:"processes"`
	}
	if jsonErr := json.Unmarshal(out, &state); jsonErr != nil {
		tb.Fatalf("status: %v, %v\n%s", err, jsonErr, out)
	}
	return state.Processes
}

// kill ends a process without warning.
func (n *network) kill(tb testing.TB, p process) {
	tb.Helper()
	if p.PID <= 1 {
		tb.Fatalf("%s has no process to kill", p.Name)
	}
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
		tb.Fatalf("killing %s: %v", p.Name, err)
	}
	tb.Logf("killed %s", p.Name)
}

func (n *network) find(tb testing.TB, kind, org string) process {
	tb.Helper()
	for _, p := range n.processes(tb) {
		if p.Kind == kind && p.Organisation == org {
			return p
		}
	}
	tb.Fatalf("no %s of %s", kind, org)
	return process{}
}

// verifier judges bundles in this process, by the trust file alone.
func (n *network) verifier(tb testing.TB) *proof.Verifier {
	tb.Helper()
	trust, err := ledger.ParseTrust(read(tb, filepath.Join(n.dir, "trust.json")))
	if err != nil {
		tb.Fatal(err)
	}
	v, err := proof.NewVerifier(trust)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// monitor sends readings until it is stopped, repeats what was not acknowledged
// as devices do, and remembers what was.
type monitor struct {
	mu    sync.Mutex
	acked map[string][][]byte // receipt id -> records
}

func (m *monitor) run(ctx context.Context, c node, d device) error {
	c.token = "" // a device needs none
	for ctx.Err() == nil {
		records := readings(1 + rand.IntN(5))
		headers, body := d.signed(c.tb, records)
		for ctx.Err() == nil {
			status, b, err := c.try(http.MethodPost, "/v1/readings", "application/x-ndjson", body, headers...)
			if err != nil || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
				continue
			}
			var r receipt
			if status != http.StatusAccepted {
				return fmt.Errorf("sending readings: %d\n%s", status, b)
			}
			if err := json.Unmarshal(b, &r); err != nil {
				return fmt.Errorf("reading a receipt: %w\n%s", err, b)
			}
			m.mu.Lock()
			if _, twice := m.acked[r.ID]; twice {
				m.mu.Unlock()
				return fmt.Errorf("receipt %s was given for two requests", r.ID)
			}
			m.acked[r.ID] = records
			m.mu.Unlock()
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (m *monitor) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.acked)
}

// TestNothingAcknowledgedIsLost kills processes two at a time, never two
// orderers, while readings flow; afterwards every acknowledged reading has its
// proof and the node's own books are in order.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	n := live(t)
	const org = "hospital-south"
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	d := n.newDevice(t, org)
	south := n.node(t, org, "auditor")

	m := &monitor{acked: map[string][][]byte{}}
	flow, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.run(flow, south, d) }()
	ended := false
	defer func() {
		stop()
		if !ended {
			<-done
		}
	}()

	rounds := [][2]string{{"node", "orderer"}, {"peer", "node"}, {"orderer", "peer"}}
	for _, kinds := range rounds {
		before := m.count()
		await(t, "readings to flow", func() bool { return m.count() > before+5 })
		for _, kind := range kinds {
			var candidates []process
			for _, p := range n.processes(t) {
				if p.Kind == kind && p.PID > 1 && (kind == "orderer" || p.Organisation == org || random.IntN(3) == 0) {
					candidates = append(candidates, p)
				}
			}
			n.kill(t, candidates[random.IntN(len(candidates))])
		}
		n.secant(t, "up")
	}
	before := m.count()
	await(t, "readings to flow again", func() bool { return m.count() > before+5 })
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	ended = true
	t.Logf("%d requests acknowledged", len(m.acked))

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
	n.checkBooks(t, org)
}

// checkBooks stops a node, has its books checked and starts it again.
func (n *network) checkBooks(tb testing.TB, org string) {
	tb.Helper()
	n.kill(tb, n.find(tb, "node", org))
	out := n.secant(tb, "check", "--config", n.config(org))
	tb.Logf("check of %s: %s", org, out)
	n.secant(tb, "up")
}

// TestOrderersMayBeKilledInTurn kills each orderer, the leader among them.
func TestOrderersMayBeKilledInTurn(t *testing.T) {
	n := live(t)
	for _, p := range n.processes(t) {
		if p.Kind != "orderer" {
			continue
		}
		n.kill(t, p)
		n.share(t, "hospital-north") // commits while one orderer is down
		n.secant(t, "up")
	}
}

// share shares a fresh threat report and returns its digest.
func (n *network) share(tb testing.TB, org string) string {
	tb.Helper()
	body := bundleOfSTIX()
	c := n.node(tb, org, "analyst")
	var digest string
	await(tb, "a report to be shared", func() bool {
		status, b, err := c.try(http.MethodPost, "/v1/threats?marking=green", ledger.MediaTypeSTIX, body)
		if err != nil || status == http.StatusServiceUnavailable || status == http.StatusAccepted {
			return false
		}
		if status/100 != 2 && status != http.StatusConflict {
			tb.Fatalf("sharing: %d\n%s", status, b)
		}
		digest = ledger.BodyDigest(body)
		return true
	})
	return digest
}

// TestNodeKilledAtEachStep has the node die at each step of a command's and of a
// request's way; afterwards the command took effect once and the reading stands.
func TestNodeKilledAtEachStep(t *testing.T) {
	n := live(t)
	const org = "hospital-east"
	d := n.newDevice(t, org)
	for _, step := range []string{"stored", "endorsed", "submitted", "committed", "projected"} {
		t.Run(step, func(t *testing.T) {
			n.crashingNode(t, org, step)
			body := bundleOfSTIX()
			analyst := n.node(t, org, "analyst")
			status, b, err := analyst.try(http.MethodPost, "/v1/threats?marking=green", ledger.MediaTypeSTIX, body)
			if err == nil && step != "projected" {
				t.Logf("answered %d before it died: %s", status, b)
			}
			n.awaitDeath(t, org)
			n.secant(t, "up")
			// Stored means kept: nobody asks again, and still it is done, once.
			await(t, "the report to be on the ledger", func() bool {
				status, _, err := analyst.try(http.MethodGet, "/v1/threats/"+ledger.BodyDigest(body), "", nil)
				return err == nil && status == http.StatusOK
			})
		})
	}
	east, nobody := n.node(t, org, "auditor"), n.node(t, org, "")
	for _, step := range []string{"sealed", "appended", "synced", "logged", "answered"} {
		t.Run(step, func(t *testing.T) {
			n.crashingNode(t, org, step)
			records := readings(3)
			headers, body := d.signed(t, records)
			_, _, _ = nobody.try(http.MethodPost, "/v1/readings", "application/x-ndjson", body, headers...)
			n.awaitDeath(t, org)
			n.secant(t, "up")
			// The device heard nothing and repeats; the same request is one request.
			status, b := nobody.do(http.MethodPost, "/v1/readings", "application/x-ndjson", body, headers...)
			if status != http.StatusAccepted {
				t.Fatalf("repeating: %d\n%s", status, b)
			}
			first := decodeReceipt(t, b)
			_, b = nobody.do(http.MethodPost, "/v1/readings", "application/x-ndjson", body, headers...)
			if second := decodeReceipt(t, b); second.ID != first.ID {
				t.Fatalf("two receipts for one request: %s, %s", first.ID, second.ID)
			}
			if out, err := n.verify(t, east.bundle(first.ID, 2)); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
	n.checkBooks(t, org)
}

// crashingNode replaces a node by one that kills itself at a step.
func (n *network) crashingNode(tb testing.TB, org, step string) {
	tb.Helper()
	n.kill(tb, n.find(tb, "node", org))
	n.awaitDeath(tb, org)
	log, err := os.Create(filepath.Join(tb.TempDir(), "node.log"))
	if err != nil {
		tb.Fatal(err)
	}
	c := exec.Command(n.bin, "node", "--config", n.config(org))
	c.Env = append(os.Environ(), "SECANT_CRASH_AT="+step)
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		_ = log.Close()
		if tb.Failed() {
			tb.Logf("the crashing node's log:\n%s", read(tb, log.Name()))
		}
	})
	go func() { _, _ = c.Process.Wait() }() // so that a dead child is not a zombie
	ready := n.node(tb, org, "")
	await(tb, "the crashing node to be ready", func() bool {
		status, _, err := ready.try(http.MethodGet, "/readyz", "", nil)
		return err == nil && status == http.StatusOK
	})
}

func (n *network) awaitDeath(tb testing.TB, org string) {
	tb.Helper()
	c := n.node(tb, org, "")
	await(tb, "the node to be dead", func() bool {
		_, _, err := c.try(http.MethodGet, "/livez", "", nil)
		return err != nil && strings.Contains(err.Error(), "refused")
	})
}

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// flow is work that goes on at an organisation's node while something is done to
// the network: a monitor sends readings, an analyst shares reports.
type flow struct {
	org     string
	auditor node
	monitor *monitor

	mu     sync.Mutex
	shared map[string]bool // digests of the reports that the node took
	failed []string        // answers that no caller should have got
	halt   func() error
}

// flows begins the work at an organisation's node. It ends with the test at the
// latest.
func (n *network) flows(tb testing.TB, org string) *flow {
	tb.Helper()
	d := n.newDevice(tb, org)
	f := &flow{org: org, auditor: n.node(tb, org, "auditor"), monitor: &monitor{acked: map[string][][]byte{}}, shared: map[string]bool{}}
	ctx, stop := context.WithCancel(tb.Context())
	ended := make(chan error, 2)
	go func() { ended <- f.monitor.run(ctx, f.auditor, d) }()
	analyst := n.node(tb, org, "analyst")
	go func() { f.share(ctx, analyst); ended <- nil }()
	f.halt = sync.OnceValue(func() error { stop(); return errors.Join(<-ended, <-ended) })
	tb.Cleanup(func() { _ = f.halt() })
	return f
}

// share shares one report after the other, each once: what a node has taken it
// owes, and it may not answer with an error of its own as long as it answers.
func (f *flow) share(ctx context.Context, c node) {
	for ctx.Err() == nil {
		body := bundleOfSTIX()
		status, b, err := c.try(http.MethodPost, "/v1/threats?marking=green", ledger.MediaTypeSTIX, body)
		f.mu.Lock()
		switch {
		case err != nil: // the node is down, or the test over: nothing was answered
		case status/100 == 2:
			f.shared[ledger.BodyDigest(body)] = true
		default:
			f.failed = append(f.failed, fmt.Sprintf("%d %s", status, b))
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (f *flow) reports() (shared int, failed []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.shared), f.failed
}

// goesOn waits until more readings and reports have been taken.
func (f *flow) goesOn(tb testing.TB) {
	tb.Helper()
	readings := f.monitor.count()
	reports, _ := f.reports()
	await(tb, "work to go on at "+f.org, func() bool {
		now, _ := f.reports()
		return f.monitor.count() > readings+3 && now > reports+1
	})
}

// owes ends the work and wants all that was acknowledged: every request with its
// proof, every report at another organisation's node.
func (f *flow) owes(tb testing.TB, n *network, other string) {
	tb.Helper()
	if err := f.halt(); err != nil {
		tb.Fatal(err)
	}
	v := n.verifier(tb)
	for id, all := range f.monitor.acked {
		// One record stands for its request: its proof states how many there are,
		// and holds the root over all of them.
		i := rand.IntN(len(all))
		bundle, err := proof.ParseBundle(f.auditor.bundle(id, i))
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := v.Verify(bundle); err != nil {
			tb.Fatalf("receipt %s of %s, record %d: %v", id, f.org, i, err)
		}
		if !bytes.Equal(bundle.Record.Content(), all[i]) || int(bundle.Statement.Count) != len(all) {
			tb.Fatalf("receipt %s of %s, record %d of %d, is another: %s", id, f.org, i, len(all), bundle.Record.Content())
		}
	}
	c := n.node(tb, other, "auditor")
	for digest := range f.shared {
		await(tb, "a report of "+f.org+" at "+other, func() bool {
			status, _, err := c.try(http.MethodGet, "/v1/threats/"+digest, "", nil)
			return err == nil && status == http.StatusOK
		})
	}
	tb.Logf("%s: %d requests proven, %d reports found, %d refused", f.org, len(f.monitor.acked), len(f.shared), len(f.failed))
}

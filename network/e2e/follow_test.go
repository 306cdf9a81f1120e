package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/client/clienttest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// followed is what a follower was given.
type followed struct {
	mu   sync.Mutex
	next uint64
	last []byte
	seen map[string]int // transactions, by id
}

func (f *followed) take(_ context.Context, b *ledger.Block) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b.Number != f.next || f.last != nil && !bytes.Equal(b.Previous, f.last) {
		return fmt.Errorf("block %d came when %d was due, or does not follow it", b.Number, f.next)
	}
	f.next, f.last = b.Number+1, b.Hash
	for _, tx := range b.Txs {
		f.seen[tx.ID]++
	}
	return nil
}

func (f *followed) count(tx string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[tx]
}

// TestFollowingOutlivesEachPeer follows the ledger through hospital-north's two
// peers, kills one after the other while transactions go in, and wants every
// transaction once. With both down a read is a majority's word, and one that
// feeds a read model fails.
func TestFollowingOutlivesEachPeer(t *testing.T) {
	n := live(t)
	north, south := n.member(t, "hospital-north").Client, n.member(t, "hospital-south").Client
	f := &followed{seen: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() {
		if err := north.Follow(ctx, 0, f.take); err != nil {
			t.Errorf("following ended: %v", err)
		}
	})
	defer following.Wait()
	defer cancel()

	var sent []string
	submit := func(c *client.Client) string {
		t.Helper()
		_, commit, err := client.Submit[ledger.Threat](t.Context(), c, ledger.RoleSharer, ledger.ThreatShare, clienttest.Report(), client.Within(patience))
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, commit.Tx)
		return commit.Tx
	}
	arrives := func(tx string) {
		t.Helper()
		await(t, "transaction "+tx, func() bool { return f.count(tx) > 0 })
	}
	arrives(submit(south))

	var peers []process
	for _, p := range n.processes(t) {
		if p.Kind == "peer" && p.Organisation == "hospital-north" {
			peers = append(peers, p)
		}
	}
	if len(peers) != 2 {
		t.Fatalf("hospital-north has %d peers", len(peers))
	}
	for _, p := range peers {
		n.kill(t, p)
		start := time.Now()
		arrives(submit(south))
		t.Logf("followed on %v after %s was killed", time.Since(start).Round(time.Millisecond), p.Name)
		arrives(submit(north)) // through the other peer
		if out, err := n.run(t.Context(), "up"); err != nil {
			t.Fatalf("secant up: %v\n%s", err, out)
		}
		arrives(submit(north))
	}

	n.consultOthers(t, north, sent[0])
	arrives(submit(north))
	for _, tx := range sent {
		if got := f.count(tx); got != 1 {
			t.Errorf("transaction %s came %d times", tx, got)
		}
	}
}

// consultOthers takes both peers of hospital-north away for a while.
func (n *network) consultOthers(t *testing.T, north *client.Client, known string) {
	t.Helper()
	defer func() {
		if out, err := n.run(t.Context(), "up"); err != nil {
			t.Errorf("secant up: %v\n%s", err, out)
		}
	}()
	for _, p := range n.processes(t) {
		if p.Kind == "peer" && p.Organisation == "hospital-north" {
			n.kill(t, p)
		}
	}
	var page ledger.OrganisationPage
	if err := north.Evaluate(t.Context(), ledger.IdentityList, ledger.PageRequest{}, &page); ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Errorf("evaluated with no peer of its own: %v", err)
	}
	if _, err := north.Outcome(t.Context(), known); ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Errorf("an outcome with no peer of its own: %v", err)
	}
	await(t, "a majority's answer", func() bool {
		source, err := north.Consult(t.Context(), ledger.IdentityList, ledger.PageRequest{}, &page)
		if p, ok := errors.AsType[*ledger.Problem](err); ok && (p.Code == ledger.CodeBusy || p.Code == ledger.CodeUnavailable) {
			return false
		}
		if err != nil || source.Own || len(source.Organisations) < 3 || len(page.Items) < 5 {
			t.Fatalf("%+v of %d organisations, %v", source, len(page.Items), err)
		}
		return true
	})
}

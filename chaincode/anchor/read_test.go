package anchor_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

func TestAReadOfAnAnchorCoversTheMarkAndTheNext(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(8)
	for sequence, c := range []struct {
		commit statetest.Proposal
		next   bool // of anchor 0
	}{{s.commit(l, 0, 0, 4), false}, {s.commit(l, 1, 4, 8), true}} {
		l.Advance(time.Second)
		statetest.Want(t, "", l.Submitted(t, c.commit, nil))
		sim, err := l.Simulate(statetest.Proposal{Client: l.Client(south, ""), Name: ledger.AnchorGet, Request: ledger.GetAnchor{Stream: s.id}})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{} // object type and last part to presence
		for _, r := range sim.Reads {
			key, _ := ledger.ParseKey(r.Key)
			got[string(key.Type)+" "+key.Parts[len(key.Parts)-1]] = r.Version != nil
		}
		want := map[string]bool{"anc 000000000000": true, "anc 000000000001": c.next, "str " + s.id: true, "str.eq " + s.id: false}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after anchor %d: %s", sequence, diff)
		}
		var view ledger.AnchorView
		if err := json.Unmarshal(sim.Payload, &view); err != nil {
			t.Fatal(err)
		}
		if c.next && !view.Next.Equal(l.Now()) || view.Next.IsZero() == c.next || strings.Contains(string(sim.Payload), `"next"`) != c.next {
			t.Errorf("after anchor %d, the first reads as %s", sequence, sim.Payload)
		}
	}
}

// TestAHeldBackAnchorDatesFromTheNext: two contradictory anchors are endorsed and
// the one that suits is committed a day later. Only the anchor after it, or a
// read, tells by when it stood on the ledger.
func TestAHeldBackAnchorDatesFromTheNext(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(8)
	fork := stream{s.Fork(), s.id}
	var held []*statetest.Simulation
	for _, p := range []statetest.Proposal{s.commit(l, 0, 0, 4), fork.commit(l, 0, 0, 4)} {
		sim, err := l.Simulate(p)
		if err != nil || sim.Err() != nil {
			t.Fatal(err, sim.Err())
		}
		held = append(held, sim)
	}
	l.Advance(24 * time.Hour)
	l.Commit(held[1])
	statetest.Want(t, "", l.Submitted(t, fork.commit(l, 1, 4, 8), nil))
	var view ledger.AnchorView
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.AnchorGet, ledger.GetAnchor{Stream: s.id}, &view))
	if !view.Anchor.Time.Equal(statetest.Start) || !view.Next.Equal(statetest.Start.Add(24*time.Hour)) {
		t.Errorf("endorsed %s, on the ledger by %s", view.Anchor.Time, view.Next)
	}
}

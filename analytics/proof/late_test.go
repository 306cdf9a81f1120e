package proof_test

import (
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/proof/prooftest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// A node has two contradictory anchors endorsed, waits for a day, and commits the
// one that suits it: the time of that anchor alone proves nothing.
func TestHeldBackAnchor(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, next := range map[string]time.Time{"followed": prooftest.Now.Add(-time.Second), "the last": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, proof.VouchedByNode)
			w.request.Statement.Received = prooftest.Now.Add(-day).UnixMilli()
			w.relog(t)
			honest := *w.view
			w.log = w.log.Fork()
			w.request.Records[recordIndex] = []byte(`{"spo2":99}`)
			w.request.Seal()
			w.index = w.log.Add(w.request.Entry(t))
			w.log.Add(proof.Hash{2})
			w.view = w.log.Anchor(t)
			w.view.Anchor.Sequence, w.view.Anchor.Time, w.view.Next = honest.Anchor.Sequence, prooftest.Now.Add(-day), next
			if honest.Anchor.Size != w.view.Anchor.Size || honest.Anchor.Root == w.view.Anchor.Root {
				t.Fatal("the two anchors do not contradict each other")
			}
			w.anchor = w.AnchorCall(t, w.view)
			got, err := w.verify(t, w.bundle(t))
			if err != nil {
				t.Fatal(err)
			}
			since := next
			if since.IsZero() {
				since = w.anchor.Time
			}
			if !got.Since.Equal(since) || !got.Endorsed.Equal(w.view.Anchor.Time) || !got.HeldBack ||
				!strings.HasPrefix(got.Text(), "unchanged since "+since.Format("2006-01-02T15:04")) || !strings.Contains(got.Text(), "held back") {
				t.Errorf("it stood on the ledger by %s, and the verdict says: %s", since, got.Text())
			}
		})
	}
}

// Up to ledger.LateAfter is the usual way of an anchor onto the ledger.
func TestAnchorInTimeIsNotHeldBack(t *testing.T) {
	t.Parallel()
	for late, want := range map[time.Duration]bool{ledger.LateAfter: false, ledger.LateAfter + time.Millisecond: true} {
		w := newWorld(t, proof.VouchedByNode)
		w.view.Next = w.view.Anchor.Time.Add(late)
		w.anchor = w.AnchorCall(t, w.view)
		got, err := w.verify(t, w.bundle(t))
		if err != nil || got.HeldBack != want || strings.Contains(got.Text(), "held back") != want {
			t.Errorf("%s: %v, %v", late, got, err)
		}
	}
}

func TestReadingsFromTheFuture(t *testing.T) {
	t.Parallel()
	for ahead, refused := range map[time.Duration]bool{2 * time.Minute: false, 2*time.Minute + time.Millisecond: true} {
		w := newWorld(t, proof.VouchedByNode)
		w.request.Statement.Received = w.view.Next.Add(ahead).UnixMilli()
		w.relog(t)
		if b := w.bundle(t); refused {
			w.refused(t, b, proof.StepStatement, "the readings came after 2026-11-22T14:29:30")
		} else if _, err := w.verify(t, b); err != nil {
			t.Error(err)
		}
	}
}

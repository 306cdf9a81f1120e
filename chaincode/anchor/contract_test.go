package anchor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const (
	north = "hospital-north"
	south = "hospital-south"
)

// stream is a log with an open stream of north.
type stream struct {
	*statetest.Log
	id string
}

func opened(t *testing.T, l *statetest.Ledger) stream {
	t.Helper()
	s := newStream("secant/test/hospital-north")
	statetest.Want(t, "", l.Submitted(t, open(l, north, s.Log), nil))
	return s
}

func newStream(origin string) stream {
	log := statetest.NewLog(origin)
	return stream{log, ledger.StreamID(log.Verifier)}
}

func open(l *statetest.Ledger, org string, log *statetest.Log) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(org, ledger.RoleAnchorer), Name: ledger.AnchorOpen, Request: ledger.OpenStream{Verifier: log.Verifier}}
}

// commit anchors the tree of to leaves after the one of from leaves.
func (s stream) commit(l *statetest.Ledger, sequence, from, to uint64) statetest.Proposal {
	req := ledger.CommitAnchor{Stream: s.id, Sequence: sequence, Checkpoint: s.Checkpoint(to)}
	if from > 0 {
		req.Proof = s.Consistency(from, to)
	}
	return statetest.Proposal{Client: l.Client(north, ledger.RoleAnchorer), Name: ledger.AnchorCommit, Request: req}
}

// altered returns the proposal with its request changed.
func altered(t *testing.T, p statetest.Proposal, change func(*ledger.CommitAnchor)) statetest.Proposal {
	t.Helper()
	req, ok := p.Request.(ledger.CommitAnchor)
	if !ok {
		t.Fatal("the request is of another type")
	}
	change(&req)
	p.Request = req
	return p
}

func (s stream) report(l *statetest.Ledger, org string, first, second string) statetest.Proposal {
	return statetest.Proposal{
		Client: l.Client(org, ledger.RoleSharer), Name: ledger.AnchorReportEquivocation,
		Request: ledger.ReportEquivocation{Stream: s.id, First: first, Second: second},
	}
}

func TestALogThatGrowsIsAnchored(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(20)
	var first, second ledger.Anchor
	statetest.Want(t, "", l.Submitted(t, s.commit(l, 0, 0, 3), &first))
	l.Advance(time.Second)
	statetest.Want(t, "", l.Submitted(t, s.commit(l, 1, 3, 20), &second))
	if first.Size != 3 || second.Size != 20 || !second.Time.Equal(statetest.Start.Add(time.Second)) {
		t.Errorf("the anchors are %+v and %+v", first, second)
	}
	var view ledger.AnchorView
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.AnchorGet, ledger.GetAnchor{Stream: s.id, Sequence: 1}, &view))
	if diff := cmp.Diff(second, view.Anchor); diff != "" || view.Stream.Owner != north || view.Equivocated {
		t.Errorf("the anchor reads as %+v: %s", view, diff)
	}
	var got ledger.Stream
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.AnchorGetStream, ledger.GetStream{ID: s.id}, &got))
	if diff := cmp.Diff(view.Stream, got); diff != "" {
		t.Error(diff)
	}
}

func TestALogThatForksIsRefused(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(8)
	statetest.Want(t, "", l.Submitted(t, s.commit(l, 0, 0, 4), nil))
	other := stream{s.Fork(), s.id}
	other.Grow(2)
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, other.commit(l, 1, 4, 8), nil))
	// The true proof does not help a forked root, nor the forked proof a true one.
	mixed := altered(t, s.commit(l, 1, 4, 8), func(r *ledger.CommitAnchor) { r.Checkpoint = other.Checkpoint(8) })
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, mixed, nil))
	mixed = altered(t, s.commit(l, 1, 4, 8), func(r *ledger.CommitAnchor) { r.Proof = other.Consistency(4, 8) })
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, mixed, nil))
	statetest.Want(t, "", l.Submitted(t, s.commit(l, 1, 4, 8), nil))
}

func TestALogThatDoesNotGrowIsRefused(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(8)
	statetest.Want(t, "", l.Submitted(t, s.commit(l, 0, 0, 4), nil))
	same := s.commit(l, 1, 0, 4)
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, same, nil))
	smaller := s.commit(l, 1, 0, 3) // as after restoring an old backup
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, smaller, nil))
}

func TestTheFirstAnchorStandsAlone(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(4)
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, altered(t, s.commit(l, 0, 0, 4), func(r *ledger.CommitAnchor) {
		r.Proof = s.Consistency(2, 4)
	}), nil))
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, s.commit(l, 0, 0, 0), nil))
	statetest.Want(t, "", l.Submitted(t, s.commit(l, 0, 0, 4), nil))
}

func TestAPeerThatLagsSaysBusy(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(8)
	height := l.Height()
	statetest.Want(t, "", l.Submitted(t, s.commit(l, 0, 0, 4), nil))
	next := s.commit(l, 1, 4, 8)
	next.Height = height
	sim, err := l.Simulate(next)
	if err != nil {
		t.Fatal(err)
	}
	statetest.Want(t, ledger.CodeBusy, sim.Err())
	next.Height = 0
	statetest.Want(t, "", l.Submitted(t, next, nil))
}

func TestAnAnchorIsMadeOnce(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(8)
	for _, p := range []statetest.Proposal{s.commit(l, 0, 0, 4), s.commit(l, 1, 4, 8)} {
		statetest.Want(t, "", l.Submitted(t, p, nil))
		statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, p, nil))
	}
}

func TestOnlyTheStreamsKeyAnchors(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(4)
	sameName := newStream("secant/test/hospital-north")
	sameName.Grow(4)
	for name, checkpoint := range map[string]string{
		"another key of the same name": sameName.Checkpoint(4),
		"a changed size":               strings.Replace(s.Checkpoint(4), "\n4\n", "\n5\n", 1),
		"no note at all":               "x",
	} {
		p := altered(t, s.commit(l, 0, 0, 4), func(r *ledger.CommitAnchor) { r.Checkpoint = checkpoint })
		if err := l.Submitted(t, p, nil); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnOrganisationHasOneStream(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, open(l, north, s.Log), nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, open(l, north, statetest.NewLog("secant/second/hospital-north")), nil))
	statetest.Want(t, ledger.CodeDenied, l.Submitted(t, open(l, south, s.Log), nil))
	statetest.Want(t, "", l.Submitted(t, open(l, south, statetest.NewLog("secant/test/hospital-south")), nil))
}

func TestAStreamsTimeNeverGoesBack(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(8)
	early := s.commit(l, 0, 0, 4)
	early.Time = statetest.Start.Add(time.Minute)
	var first, second ledger.Anchor
	statetest.Want(t, "", l.Submitted(t, early, &first))
	late := s.commit(l, 1, 4, 8)
	late.Time = statetest.Start.Add(-time.Minute)
	statetest.Want(t, "", l.Submitted(t, late, &second))
	if !second.Time.Equal(first.Time) || !first.Time.Equal(statetest.Start.Add(time.Minute)) {
		t.Errorf("the times are %s and %s", first.Time, second.Time)
	}
}

func TestAnAnchorThatClaimsAnHourAgoIsRefused(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(4)
	for _, claimed := range []time.Duration{-time.Hour, time.Hour} {
		p := s.commit(l, 0, 0, 4)
		p.Time = statetest.Start.Add(claimed)
		statetest.Want(t, ledger.CodeDenied, l.Submitted(t, p, nil))
	}
}

func TestAnAnchorThatIsHeldBackShowsItsAge(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(4)
	held, err := l.Simulate(s.commit(l, 0, 0, 4))
	if err != nil {
		t.Fatal(err)
	}
	l.Advance(10 * time.Minute)
	statetest.Want(t, "", l.Submitted(t, open(l, south, statetest.NewLog("secant/test/hospital-south")), nil))
	l.Commit(held)
	blocks := l.Blocks(l.Height() - 2)
	before, after := blocks[0].Txs[0], blocks[1].Txs[0]
	if !after.Valid || before.Time.Sub(after.Time) <= ledger.LateAfter {
		t.Errorf("after a block of %s came %s, valid %v", before.Time, after.Time, after.Valid)
	}
}

func TestEquivocationMarksAStreamForEver(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(8)
	fork := s.Fork()
	statetest.Want(t, "", l.Submitted(t, s.commit(l, 0, 0, 4), nil))
	for name, evidence := range map[string][2]string{
		"one checkpoint twice": {s.Checkpoint(4), s.Checkpoint(4)},
		"two sizes":            {s.Checkpoint(4), fork.Checkpoint(5)},
		"another log's":        {s.Checkpoint(4), newGrown(4).Checkpoint(4)},
		"unsigned":             {s.Checkpoint(4), "x"},
	} {
		if err := l.Submitted(t, s.report(l, south, evidence[0], evidence[1]), nil); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s is evidence: %v", name, err)
		}
	}
	good := s.report(l, south, s.Checkpoint(4), fork.Checkpoint(4))
	statetest.Want(t, "", l.Submitted(t, good, nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, good, nil))
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, s.commit(l, 1, 4, 8), nil))
	var view ledger.AnchorView
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.AnchorGet, ledger.GetAnchor{Stream: s.id}, &view))
	if !view.Equivocated {
		t.Error("the anchor does not show its stream's mark")
	}
	// A marked stream stays its owner's one stream.
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, open(l, north, statetest.NewLog("secant/new/hospital-north")), nil))
}

func newGrown(n int) *statetest.Log {
	log := statetest.NewLog("secant/test/hospital-north")
	log.Grow(n)
	return log
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	s := opened(t, l)
	s.Grow(4)
	reader := l.Client(south, "")
	statetest.Want(t, ledger.CodeNotFound, l.Evaluate(reader, ledger.AnchorGet, ledger.GetAnchor{Stream: s.id}, nil))
	statetest.Want(t, ledger.CodeNotFound, l.Evaluate(reader, ledger.AnchorGetStream, ledger.GetStream{ID: "unknown"}, nil))
	unknown := newStream("north.example/unknown")
	unknown.Grow(4)
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, unknown.commit(l, 0, 0, 4), nil))
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, unknown.report(l, south, "a", "b"), nil))
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	type both func(*testing.T, *statetest.Ledger) (a, b statetest.Proposal)
	for _, c := range []struct {
		name  string
		both  both
		valid []bool
	}{
		{"two streams of one organisation: the second loses", func(_ *testing.T, l *statetest.Ledger) (a, b statetest.Proposal) {
			return open(l, south, statetest.NewLog("a/"+south)), open(l, south, statetest.NewLog("b/"+south))
		}, []bool{true, false}},
		{"streams of two organisations: neither loses", func(_ *testing.T, l *statetest.Ledger) (a, b statetest.Proposal) {
			return open(l, south, statetest.NewLog("a/"+south)), open(l, "authority", statetest.NewLog("a/authority"))
		}, []bool{true, true}},
		{"two anchors of one sequence: the second loses", func(t *testing.T, l *statetest.Ledger) (a, b statetest.Proposal) {
			t.Helper()
			s := opened(t, l)
			s.Grow(8)
			return s.commit(l, 0, 0, 4), s.commit(l, 0, 0, 8)
		}, []bool{true, false}},
		{"the mark, then an anchor: the anchor loses", func(t *testing.T, l *statetest.Ledger) (a, b statetest.Proposal) {
			t.Helper()
			s := opened(t, l)
			s.Grow(8)
			return s.report(l, south, s.Checkpoint(4), s.Fork().Checkpoint(4)), s.commit(l, 0, 0, 4)
		}, []bool{true, false}},
		{"an anchor, then the mark: neither loses", func(t *testing.T, l *statetest.Ledger) (a, b statetest.Proposal) {
			t.Helper()
			s := opened(t, l)
			s.Grow(8)
			return s.commit(l, 0, 0, 4), s.report(l, south, s.Checkpoint(4), s.Fork().Checkpoint(4))
		}, []bool{true, true}},
		{"two marks of one stream: the second loses", func(t *testing.T, l *statetest.Ledger) (a, b statetest.Proposal) {
			t.Helper()
			s := opened(t, l)
			s.Grow(8)
			fork := s.Fork()
			return s.report(l, south, s.Checkpoint(4), fork.Checkpoint(4)), s.report(l, "authority", s.Checkpoint(5), fork.Checkpoint(5))
		}, []bool{true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := statetest.New(t)
			a, b := c.both(t, l)
			if diff := cmp.Diff(c.valid, l.Race(t, a, b)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

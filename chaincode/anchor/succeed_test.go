package anchor_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// lost is a seeded ledger on which north has anchored a stream up to sequence 1,
// and a log that is to follow it.
func lost(t *testing.T) (l *statetest.Ledger, old, next stream) {
	t.Helper()
	l = statetest.NewSeeded(t)
	old = opened(t, l)
	old.Grow(12)
	statetest.Want(t, "", l.Submitted(t, old.commit(l, 0, 0, 4), nil))
	statetest.Want(t, "", l.Submitted(t, old.commit(l, 1, 4, 8), nil))
	next = newStream("secant/second/hospital-north")
	next.Grow(8)
	return l, old, next
}

func proposing(old, next stream, last uint64) ledger.Propose {
	return ledger.Propose{Kind: ledger.ProposeSucceedStream, Reason: "the disk of the log is lost", Subject: ledger.ProposalSubject{
		Stream: old.id, Successor: next.id, LastSequence: last,
	}}
}

// approved has a majority approve that next follows old.
func approved(t *testing.T, l *statetest.Ledger, old, next stream, last uint64) ledger.SucceedStream {
	t.Helper()
	proposal, voters, err := l.Approve(proposing(old, next, last))
	if err != nil {
		t.Fatal(err)
	}
	return ledger.SucceedStream{Proposal: proposal, Verifier: next.Verifier, Voters: voters}
}

func succeed(l *statetest.Ledger, org string, req ledger.SucceedStream) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(org, ledger.RoleAnchorer), Name: ledger.AnchorSucceed, Request: req}
}

func live(t *testing.T, l *statetest.Ledger) ledger.Stream {
	t.Helper()
	var got ledger.Stream
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.AnchorGetLive, ledger.GetLive{Owner: north}, &got))
	return got
}

func TestAStreamFollowsALostOne(t *testing.T) {
	t.Parallel()
	l, old, next := lost(t)
	if got := live(t, l); got.ID != old.id || got.Predecessor != nil {
		t.Errorf("the first stream is %+v", got)
	}
	req := approved(t, l, old, next, 1)
	l.Advance(time.Minute)
	var got ledger.Stream
	statetest.Want(t, "", l.Submitted(t, succeed(l, north, req), &got))
	want := ledger.Stream{
		V: 2, ID: next.id, Owner: north, Verifier: next.Verifier, Origin: "secant/second/hospital-north", Opened: statetest.Start.Add(time.Minute),
		Predecessor: &ledger.Predecessor{Stream: old.id, Sequence: 1, Reason: "the disk of the log is lost", Proposal: req.Proposal},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, live(t, l)); diff != "" {
		t.Error(diff)
	}
	// The old log ends, and the new one begins.
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, old.commit(l, 2, 8, 12), nil))
	statetest.Want(t, "", l.Submitted(t, next.commit(l, 0, 0, 8), nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, open(l, north, statetest.NewLog("secant/third/hospital-north")), nil))
	// What the old one anchored stays readable.
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.AnchorGet, ledger.GetAnchor{Stream: old.id, Sequence: 1}, nil))
	// Once is enough.
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, succeed(l, north, req), nil))
}

func TestAStreamThatNeverHadAnAnchorIsFollowed(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	old, next := opened(t, l), newStream("secant/second/hospital-north")
	var got ledger.Stream
	statetest.Want(t, "", l.Submitted(t, succeed(l, north, approved(t, l, old, next, 0)), &got))
	if p := got.Predecessor; p == nil || !p.Unused || p.Sequence != 0 {
		t.Errorf("the predecessor is %+v", p)
	}
}

func TestAStreamIsFollowedAgain(t *testing.T) {
	t.Parallel()
	l, old, next := lost(t)
	statetest.Want(t, "", l.Submitted(t, succeed(l, north, approved(t, l, old, next, 1)), nil))
	statetest.Want(t, "", l.Submitted(t, next.commit(l, 0, 0, 8), nil))
	third := newStream("secant/third/hospital-north")
	var got ledger.Stream
	statetest.Want(t, "", l.Submitted(t, succeed(l, north, approved(t, l, next, third, 0)), &got))
	if p := got.Predecessor; p == nil || p.Stream != next.id || p.Unused {
		t.Errorf("the predecessor is %+v", p)
	}
	// Nobody returns to a stream that was given up.
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, succeed(l, north, approved(t, l, third, next, 0)), nil))
}

// TestAMarkedStreamIsFollowed: it is the only way on for an organisation whose
// log signed two histories.
func TestAMarkedStreamIsFollowed(t *testing.T) {
	t.Parallel()
	l, old, next := lost(t)
	statetest.Want(t, "", l.Submitted(t, old.report(l, south, old.Checkpoint(4), old.Fork().Checkpoint(4)), nil))
	statetest.Want(t, "", l.Submitted(t, succeed(l, north, approved(t, l, old, next, 1)), nil))
	statetest.Want(t, "", l.Submitted(t, next.commit(l, 0, 0, 8), nil))
	// Evidence against the old log is taken still.
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, old.report(l, south, old.Checkpoint(4), old.Fork().Checkpoint(4)), nil))
}

func TestWhoDoesNotSucceed(t *testing.T) {
	t.Parallel()
	l, old, next := lost(t)
	req := approved(t, l, old, next, 1)
	with := func(change func(*ledger.SucceedStream)) ledger.SucceedStream {
		r := req
		change(&r)
		return r
	}
	foreign := statetest.NewLog("secant/second/" + south)
	another := statetest.NewLog("secant/second/hospital-north")
	other, voters, err := l.Approve(ledger.Propose{Kind: ledger.ProposeRemoveOrganisation, Reason: "another matter", Subject: ledger.ProposalSubject{Organisation: "authority"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		org  string
		req  ledger.SucceedStream
		code ledger.Code
	}{
		"another organisation":          {south, req, ledger.CodeDenied},
		"no proposal":                   {north, with(func(r *ledger.SucceedStream) { r.Proposal = ledger.BodyDigest(nil) }), ledger.CodeNotFound},
		"a proposal of another kind":    {north, ledger.SucceedStream{Proposal: other, Verifier: next.Verifier, Voters: voters}, ledger.CodeInvalid},
		"no majority":                   {north, with(func(r *ledger.SucceedStream) { r.Voters = r.Voters[1:] }), ledger.CodeDenied},
		"one who did not vote":          {north, with(func(r *ledger.SucceedStream) { r.Voters = []string{north, south, "authority"} }), ledger.CodeNotFound},
		"one voter three times":         {north, with(func(r *ledger.SucceedStream) { r.Voters = []string{north, north, north} }), ledger.CodeInvalid},
		"nobody":                        {north, with(func(r *ledger.SucceedStream) { r.Voters = nil }), ledger.CodeInvalid},
		"another log than was approved": {north, with(func(r *ledger.SucceedStream) { r.Verifier = another.Verifier }), ledger.CodeInvalid},
		"a log of another's name":       {north, with(func(r *ledger.SucceedStream) { r.Verifier = foreign.Verifier }), ledger.CodeDenied},
		"no log":                        {north, with(func(r *ledger.SucceedStream) { r.Verifier = "x" }), ledger.CodeInvalid},
	} {
		if err := l.Submitted(t, succeed(l, c.org, c.req), nil); ledger.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	if got := live(t, l); got.ID != old.id {
		t.Errorf("the live stream is %s", got.ID)
	}
	l.Advance(ledger.ProposalLife)
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, succeed(l, north, req), nil))
}

// TestAStreamEndsAtTheAnchorThatMembersKnew: one that grows on is not lost, and
// one that is said to be longer than it is ends nowhere.
func TestAStreamEndsAtTheAnchorThatMembersKnew(t *testing.T) {
	t.Parallel()
	l, old, next := lost(t)
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, succeed(l, north, approved(t, l, old, next, 0)), nil))
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, succeed(l, north, approved(t, l, old, next, 2)), nil))
	req := approved(t, l, old, next, 1)
	statetest.Want(t, "", l.Submitted(t, old.commit(l, 2, 8, 12), nil))
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, succeed(l, north, req), nil))
	statetest.Want(t, "", l.Submitted(t, succeed(l, north, approved(t, l, old, next, 2)), nil))
	// Two successions of one stream were approved: the second comes too late.
	third := newStream("secant/third/hospital-north")
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, succeed(l, north, approved(t, l, old, third, 2)), nil))
}

func TestWhoHasNoStreamHasNoLiveOne(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	statetest.Want(t, ledger.CodeNotFound, l.Evaluate(l.Client(south, ""), ledger.AnchorGetLive, ledger.GetLive{Owner: north}, nil))
}

func TestConflictsOfSuccessions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		both  func(*testing.T, *statetest.Ledger, stream, stream) (a, b statetest.Proposal)
		valid []bool
		again ledger.Code // of the second, tried again
	}{
		{"a succession, then an anchor of the old stream: the anchor loses", func(t *testing.T, l *statetest.Ledger, old, next stream) (a, b statetest.Proposal) {
			t.Helper()
			return succeed(l, north, approved(t, l, old, next, 1)), old.commit(l, 2, 8, 12)
		}, []bool{true, false}, ledger.CodeGone},
		{"an anchor, then the succession: the succession loses", func(t *testing.T, l *statetest.Ledger, old, next stream) (a, b statetest.Proposal) {
			t.Helper()
			return old.commit(l, 2, 8, 12), succeed(l, north, approved(t, l, old, next, 1))
		}, []bool{true, false}, ledger.CodeGone},
		{"two successions of one stream: the second loses", func(t *testing.T, l *statetest.Ledger, old, next stream) (a, b statetest.Proposal) {
			t.Helper()
			return succeed(l, north, approved(t, l, old, next, 1)), succeed(l, north, approved(t, l, old, newStream("secant/third/hospital-north"), 1))
		}, []bool{true, false}, ledger.CodeGone},
		{"the mark, then the succession: neither loses", func(t *testing.T, l *statetest.Ledger, old, next stream) (a, b statetest.Proposal) {
			t.Helper()
			return old.report(l, south, old.Checkpoint(4), old.Fork().Checkpoint(4)), succeed(l, north, approved(t, l, old, next, 1))
		}, []bool{true, true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, old, next := lost(t)
			a, b := c.both(t, l, old, next)
			if diff := cmp.Diff(c.valid, l.Race(t, a, b)); diff != "" {
				t.Error(diff)
			}
			if c.again != "" {
				statetest.Want(t, c.again, l.Submitted(t, b, nil))
			}
		})
	}
}

package threat_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const (
	north = "hospital-north"
	south = "hospital-south"
)

func share(l *statetest.Ledger, org, body string) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(org, ledger.RoleSharer), Name: ledger.ThreatShare, Request: ledger.ShareThreat{
		Digest: ledger.BodyDigest([]byte(body)), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: int64(len(body)),
	}}
}

func TestASharedReportIsItsSharers(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	statetest.Want(t, "", l.Submitted(t, share(l, north, "body"), nil))
	var got ledger.Threat
	digest := ledger.BodyDigest([]byte("body"))
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.ThreatGet, ledger.GetThreat{Digest: digest, Sharer: north}, &got))
	want := ledger.Threat{
		V: 1, Digest: digest, Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 4, Sharer: north, Shared: statetest.Start,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	statetest.Want(t, ledger.CodeNotFound, l.Evaluate(l.Client(south, ""), ledger.ThreatGet, ledger.GetThreat{Digest: digest, Sharer: south}, nil))
}

// TestNobodyOccupiesAReport: a member that is first with a digest keeps no other
// from sharing the body under its own name.
func TestNobodyOccupiesAReport(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	statetest.Want(t, "", l.Submitted(t, share(l, north, "body"), nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, share(l, north, "body"), nil))
	statetest.Want(t, "", l.Submitted(t, share(l, south, "body"), nil))
	for _, org := range []string{north, south} {
		var got ledger.Threat
		req := ledger.GetThreat{Digest: ledger.BodyDigest([]byte("body")), Sharer: org}
		statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.ThreatGet, req, &got))
		if got.Sharer != org {
			t.Errorf("asked for the report of %s, got %+v", org, got)
		}
	}
}

func TestMarkingsThatNeedSealingAreRefused(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	for _, marking := range []string{"amber", "amber+strict", "red", ""} {
		p := share(l, north, "body")
		p.Request = ledger.ShareThreat{Digest: ledger.BodyDigest(nil), Marking: marking, MediaType: ledger.MediaTypeSTIX, Size: 1}
		statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, p, nil))
	}
}

func TestReportsAreListedInPages(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	for _, body := range []string{"a", "b", "c"} {
		statetest.Want(t, "", l.Submitted(t, share(l, north, body), nil))
	}
	var first, second ledger.ThreatPage
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.ThreatList, ledger.PageRequest{Size: 2}, &first))
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.ThreatList, ledger.PageRequest{Bookmark: first.Next}, &second))
	if len(first.Items) != 2 || len(second.Items) != 1 || second.Next != "" {
		t.Errorf("three reports are listed as %v, then %v", first, second)
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		org   string
		other string
		valid []bool
	}{
		{"one body shared twice by one: the second loses", north, "body", []bool{true, false}},
		{"one body shared by two: neither loses", south, "body", []bool{true, true}},
		{"two bodies shared by one: neither loses", north, "other body", []bool{true, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := statetest.New(t)
			if diff := cmp.Diff(c.valid, l.Race(t, share(l, north, "body"), share(l, c.org, c.other))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

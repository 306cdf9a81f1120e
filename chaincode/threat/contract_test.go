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
		V: 2, Digest: digest, Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 4, Sharer: north, Shared: statetest.Start,
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

func sealed(t *testing.T, l *statetest.Ledger, org, marking string) statetest.Proposal {
	t.Helper()
	commitment, err := ledger.ThreatCommitment(make([]byte, 32), ledger.BodyDigest([]byte("body")), marking, org, []string{"authority"})
	if err != nil {
		t.Fatal(err)
	}
	return statetest.Proposal{Client: l.Client(org, ledger.RoleSharer), Name: ledger.ThreatShare, Request: ledger.ShareThreat{
		Digest: commitment, Marking: marking,
	}}
}

// TestASealedReportTellsNothingOfItsBody: the ledger has who shared something
// under which marking when, and a commitment.
func TestASealedReportTellsNothingOfItsBody(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	for _, marking := range []string{ledger.TLPAmber, ledger.TLPAmberStrict, ledger.TLPRed} {
		p := sealed(t, l, north, marking)
		var got ledger.Threat
		statetest.Want(t, "", l.Submitted(t, p, &got))
		want := ledger.Threat{V: 2, Digest: p.Request.(ledger.ShareThreat).Digest, Marking: marking, Sharer: north, Shared: statetest.Start} //nolint:forcetypeassert // sealed made it
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, p, nil))
	}
	size := sealed(t, l, north, ledger.TLPRed)
	size.Request = ledger.ShareThreat{Digest: ledger.BodyDigest(nil), Marking: ledger.TLPRed, MediaType: ledger.MediaTypeSTIX, Size: 1}
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, size, nil))
	for _, marking := range []string{"white", "AMBER", ""} {
		size.Request = ledger.ShareThreat{Digest: ledger.BodyDigest(nil), Marking: marking}
		statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, size, nil))
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

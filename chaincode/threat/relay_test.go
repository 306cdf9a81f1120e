package threat_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const authority = "authority"

// relayed is a seeded ledger with a report that the authority relayed.
func relayed(t *testing.T) (*statetest.Ledger, *statetest.Relay) {
	t.Helper()
	l := statetest.NewSeeded(t)
	r := statetest.NewRelay(roster(t, l))
	statetest.Want(t, "", l.Submitted(t, relay(l, authority, r.Relayed("body")), nil))
	return l, r
}

func roster(t *testing.T, l *statetest.Ledger) []string {
	t.Helper()
	var got ledger.Roster
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.IdentityGetRoster, ledger.GetRoster{}, &got))
	return got.Organisations
}

func relay(l *statetest.Ledger, org string, req ledger.ShareThreat) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(org, ledger.RoleSharer), Name: ledger.ThreatShare, Request: req}
}

func ask(l *statetest.Ledger, reason string) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(north, ledger.RoleSharer), Name: ledger.ThreatRequestOpening, Request: ledger.RequestOpening{
		Digest: digest("body"), Sharer: authority, Reason: reason,
	}}
}

func give(l *statetest.Ledger, org, share string) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(org, ledger.RoleSharer), Name: ledger.ThreatGiveShare, Request: ledger.GiveShare{
		Digest: digest("body"), Sharer: authority, For: north, Share: share,
	}}
}

func opening(t *testing.T, l *statetest.Ledger) (o ledger.ThreatOpening) {
	t.Helper()
	statetest.Want(t, "", l.Evaluate(l.Client(north, ""), ledger.ThreatGetOpening, ledger.GetThreat{Digest: digest("body"), Sharer: authority}, &o))
	return o
}

func TestAMajoritysSharesOpenARelayedReport(t *testing.T) {
	t.Parallel()
	l, r := relayed(t)
	var got ledger.Threat
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.ThreatGet, ledger.GetThreat{Digest: digest("body"), Sharer: authority}, &got))
	if !got.Relayed || got.V != 3 {
		t.Errorf("the report is %+v", got)
	}
	if o := opening(t, l); o.Opened || o.Needed != 3 || len(o.Shares)+len(o.Requests) != 0 || o.Escrow.Time != statetest.Start {
		t.Errorf("before anybody asked: %+v", o)
	} else if diff := cmp.Diff(r.ThreatRelay, o.Escrow.Relay); diff != "" {
		t.Error(diff)
	}
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, give(l, south, r.Clear[south]), nil)) // nobody asked
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, ask(l, "curiosity"), nil))
	statetest.Want(t, "", l.Submitted(t, ask(l, ledger.OpeningHarm), nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, ask(l, ledger.OpeningLaw), nil))
	for i, org := range []string{south, authority, "medtech"} {
		if o := opening(t, l); o.Opened || len(o.Shares) != i {
			t.Errorf("with %d shares: %+v", i, o)
		}
		statetest.Want(t, "", l.Submitted(t, give(l, org, r.Clear[org]), nil))
		statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, give(l, org, r.Clear[org]), nil))
	}
	o := opening(t, l)
	if !o.Opened || len(o.Shares) != 3 || len(o.Requests) != 1 || o.Requests[0].By != north || o.Requests[0].Reason != ledger.OpeningHarm {
		t.Errorf("with a majority's shares: %+v", o)
	}
	for _, s := range o.Shares {
		if s.Share != r.Clear[s.By] || s.For != north {
			t.Errorf("a share is %+v", s)
		}
	}
}

// TestOnlyTheOwnShareIsTaken: not another member's, of another name, altered, or of an
// organisation that came later.
func TestOnlyTheOwnShareIsTaken(t *testing.T) {
	t.Parallel()
	l, r := relayed(t)
	statetest.Want(t, "", l.Submitted(t, ask(l, ledger.OpeningFalse), nil))
	other := statetest.NewRelay(roster(t, l))
	statetest.Want(t, "", l.Submitted(t, relay(l, authority, other.Relayed("another")), nil))
	for what, bad := range map[string]struct {
		share string
		code  ledger.Code
	}{
		"another member's": {r.Clear[north], ledger.CodeDenied}, "of another report": {other.Clear[south], ledger.CodeDenied},
		"of no number": {strings.Repeat("f", 64), ledger.CodeInvalid}, "cut short": {r.Clear[south][2:], ledger.CodeInvalid},
	} {
		t.Run(what, func(t *testing.T) { statetest.Want(t, bad.code, l.Submitted(t, give(l, south, bad.share), nil)) })
	}
	statetest.Want(t, "", l.Submitted(t, give(l, south, r.Clear[south]), nil))
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, statetest.Proposal{
		Client: l.Client(south, ledger.RoleSharer), Name: ledger.ThreatGiveShare,
		Request: ledger.GiveShare{Digest: digest("body"), Sharer: north, For: north, Share: r.Clear[south]},
	}, nil))
}

// TestOnlyAnAuthorityRelays, for all who are members, and nothing that is sealed.
func TestOnlyAnAuthorityRelays(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	members := roster(t, l)
	for _, org := range slices.DeleteFunc(slices.Clone(members), func(m string) bool { return m == authority }) {
		statetest.Want(t, ledger.CodeDenied, l.Submitted(t, relay(l, org, statetest.NewRelay(members).Relayed("body")), nil))
	}
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, relay(l, authority, statetest.NewRelay(members[1:]).Relayed("body")), nil))
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, relay(l, authority, statetest.NewRelay(append(slices.Clone(members), "zz-other")).Relayed("body")), nil))
	bad := statetest.NewRelay(members)
	bad.Commitment[0] = strings.Repeat("0", 64) // the identity
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, relay(l, authority, bad.Relayed("body")), nil))
	sealed := statetest.NewRelay(members).Relayed("body")
	sealed.Marking, sealed.MediaType, sealed.Size = ledger.TLPAmber, "", 0
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, relay(l, authority, sealed), nil))
	statetest.Want(t, "", l.Submitted(t, relay(l, authority, statetest.NewRelay(members).Relayed("body")), nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, relay(l, authority, statetest.NewRelay(members).Relayed("body")), nil))
	// What is not relayed has no name to open.
	statetest.Want(t, "", l.Submitted(t, share(l, north, "own"), nil))
	statetest.Want(t, ledger.CodeNotFound, l.Evaluate(l.Client(north, ""), ledger.ThreatGetOpening, ledger.GetThreat{Digest: digest("own"), Sharer: north}, nil))
}

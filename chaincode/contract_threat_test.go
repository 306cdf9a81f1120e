package chaincode_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// newRelayed has the authority relay a report, and a member ask whose it is.
func newRelayed(t *testing.T, l *statetest.Ledger) *statetest.Relay {
	t.Helper()
	var roster ledger.Roster
	statetest.Want(t, "", l.Evaluate(l.Client(north, ""), ledger.IdentityGetRoster, ledger.GetRoster{}, &roster))
	r := statetest.NewRelay(roster.Organisations)
	for _, p := range []statetest.Proposal{
		{Client: l.Client("authority", ledger.RoleSharer), Name: ledger.ThreatShare, Request: r.Relayed("relayed")},
		{Client: l.Client(otherMaker, ledger.RoleSharer), Name: ledger.ThreatRequestOpening, Request: ledger.RequestOpening{
			Digest: share("relayed").Digest, Sharer: "authority", Reason: ledger.OpeningLaw,
		}},
	} {
		statetest.Want(t, "", l.Submitted(t, p, nil))
	}
	return r
}

// threatRights is who may call the contract "threat".
var threatRights = map[string]right{
	ledger.ThreatShare: {ledger.RoleSharer, nil, func(*scene) any { return share("another") }},
	ledger.ThreatSight: {ledger.RoleSharer, nil, func(*scene) any {
		return ledger.SightThreat{Digest: share("shared").Digest, Sharer: north, Count: 1, First: statetest.Start, Last: statetest.Start}
	}},
	// Nobody judges a report of its own.
	ledger.ThreatOpine: {ledger.RoleSharer, []string{south, "hospital-east", maker, "authority"}, func(*scene) any {
		return ledger.OpineThreat{Digest: share("shared").Digest, Sharer: north, Opinion: ledger.Agree, Weight: 50, Revision: 1}
	}},
	ledger.ThreatWithdraw: {ledger.RoleSharer, []string{north}, func(*scene) any {
		return ledger.WithdrawThreat{Digest: share("shared").Digest, Reason: ledger.WithdrawnError}
	}},
	ledger.ThreatRequestOpening: {ledger.RoleSharer, nil, func(*scene) any {
		return ledger.RequestOpening{Digest: share("relayed").Digest, Sharer: "authority", Reason: ledger.OpeningHarm}
	}},
	// A share is its holder's.
	ledger.ThreatGiveShare: {ledger.RoleSharer, []string{north}, func(s *scene) any {
		return ledger.GiveShare{Digest: share("relayed").Digest, Sharer: "authority", For: otherMaker, Share: s.relay.Clear[north]}
	}},
	ledger.ThreatGetOpening: {"", nil, func(*scene) any {
		return ledger.GetThreat{Digest: share("relayed").Digest, Sharer: "authority"}
	}},
	ledger.ThreatGet: {"", nil, func(*scene) any { return ledger.GetThreat{Digest: share("shared").Digest, Sharer: north} }},
	ledger.ThreatGetWithdrawal: {"", nil, func(*scene) any {
		return ledger.GetThreat{Digest: share("withdrawn").Digest, Sharer: north}
	}},
	ledger.ThreatList: {"", nil, func(*scene) any { return ledger.PageRequest{} }},
	ledger.ThreatListSightings: {"", nil, func(*scene) any {
		return ledger.ListFeedback{Digest: share("shared").Digest, Sharer: north}
	}},
	ledger.ThreatListOpinions: {"", nil, func(*scene) any {
		return ledger.ListFeedback{Digest: share("shared").Digest, Sharer: north}
	}},
}

// threatPlays draws its requests.
var threatPlays = map[string]func(p *play, org string) any{
	ledger.ThreatList: func(p *play, _ string) any {
		return ledger.PageRequest{Size: rapid.IntRange(0, 3).Draw(p.t, "size")}
	},
	ledger.ThreatShare: func(p *play, org string) any {
		r := ledger.ShareThreat{Digest: p.id("body"), Marking: p.pick("marking", ledger.Markings...)}
		if rapid.IntRange(0, 9).Draw(p.t, "careless") > 0 && !ledger.Sealed(r.Marking) {
			r.MediaType, r.Size = ledger.MediaTypeSTIX, 1
			if org == "authority" && rapid.Bool().Draw(p.t, "relayed") {
				r.Relay = &statetest.NewRelay(slices.Sorted(slices.Values(statetest.Organisations()))).ThreatRelay
			}
		}
		return r
	},
	ledger.ThreatSight: func(p *play, _ string) any {
		last := p.l.Now().Add(time.Duration(rapid.IntRange(-120, 10).Draw(p.t, "last")) * time.Second)
		return ledger.SightThreat{Digest: p.id("body"), Sharer: p.org(), Count: 1, First: last.Add(-time.Hour), Last: last}
	},
	ledger.ThreatOpine: func(p *play, _ string) any {
		return ledger.OpineThreat{
			Digest: p.id("body"), Sharer: p.org(), Opinion: p.pick("opinion", ledger.Opinions...), Weight: 1,
			Revision: rapid.IntRange(1, 2).Draw(p.t, "revision"),
		}
	},
	ledger.ThreatWithdraw: func(p *play, _ string) any {
		r := ledger.WithdrawThreat{Digest: p.id("body"), Reason: p.pick("reason", ledger.WithdrawnError, ledger.WithdrawnSuperseded)}
		if r.Reason == ledger.WithdrawnSuperseded {
			r.SupersededBy = p.id("newer body")
		}
		return r
	},
	ledger.ThreatRequestOpening: func(p *play, _ string) any {
		return ledger.RequestOpening{Digest: p.id("body"), Sharer: "authority", Reason: p.pick("reason", ledger.OpeningReasons...)}
	},
	ledger.ThreatGiveShare: func(p *play, _ string) any {
		return ledger.GiveShare{Digest: p.id("body"), Sharer: "authority", For: p.org(), Share: p.id("share")}
	},
	ledger.ThreatGetOpening:    func(p *play, _ string) any { return ledger.GetThreat{Digest: p.id("body"), Sharer: "authority"} },
	ledger.ThreatGet:           func(p *play, _ string) any { return ledger.GetThreat{Digest: p.id("body"), Sharer: p.org()} },
	ledger.ThreatGetWithdrawal: func(p *play, _ string) any { return ledger.GetThreat{Digest: p.id("body"), Sharer: p.org()} },
	ledger.ThreatListSightings: func(p *play, _ string) any { return ledger.ListFeedback{Digest: p.id("body"), Sharer: p.org()} },
	ledger.ThreatListOpinions:  func(p *play, _ string) any { return ledger.ListFeedback{Digest: p.id("body"), Sharer: p.org()} },
}

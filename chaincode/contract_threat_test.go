package chaincode_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

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
	ledger.ThreatShare: func(p *play, _ string) any {
		r := ledger.ShareThreat{Digest: p.id("body"), Marking: p.pick("marking", ledger.Markings...)}
		if rapid.IntRange(0, 9).Draw(p.t, "careless") > 0 && !ledger.Sealed(r.Marking) {
			r.MediaType, r.Size = ledger.MediaTypeSTIX, 1
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
	ledger.ThreatGet:           func(p *play, _ string) any { return ledger.GetThreat{Digest: p.id("body"), Sharer: p.org()} },
	ledger.ThreatGetWithdrawal: func(p *play, _ string) any { return ledger.GetThreat{Digest: p.id("body"), Sharer: p.org()} },
	ledger.ThreatListSightings: func(p *play, _ string) any { return ledger.ListFeedback{Digest: p.id("body"), Sharer: p.org()} },
	ledger.ThreatListOpinions:  func(p *play, _ string) any { return ledger.ListFeedback{Digest: p.id("body"), Sharer: p.org()} },
}

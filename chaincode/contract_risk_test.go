package chaincode_test

import (
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// riskRights is who may call the contract "risk".
var riskRights = map[string]right{
	ledger.RiskPublish: {ledger.RoleScorer, []string{north}, func(*scene) any { return score("another") }},
	// Nobody recomputes a score of its own.
	ledger.RiskRecompute: {ledger.RoleScorer, []string{south, "hospital-east", maker, "authority"}, func(*scene) any {
		return ledger.RecomputeScore{Subject: statetest.SeededUnit(north), Model: "m/1", InputDigest: score("published").InputDigest}
	}},
	ledger.RiskGet: {"", nil, func(*scene) any {
		return ledger.GetScore{Subject: statetest.SeededUnit(north), Model: "m/1", InputDigest: score("published").InputDigest}
	}},
	ledger.RiskList: {"", nil, func(*scene) any { return ledger.ListScores{Subject: statetest.SeededUnit(north)} }},
	ledger.RiskListRecomputations: {"", nil, func(*scene) any {
		return ledger.ListRecomputations{Subject: statetest.SeededUnit(north), Model: "m/1", InputDigest: score("published").InputDigest}
	}},
}

// riskPlays draws its requests.
var riskPlays = map[string]func(p *play, org string) any{
	ledger.RiskPublish: func(p *play, org string) any {
		r := ledger.PublishScore{Subject: p.unit(), Model: "m/1", InputDigest: p.id("inputs"), Value: 1}
		switch p.pick("kind", ledger.SubjectDevice, ledger.SubjectService, ledger.SubjectOrganisation) {
		case ledger.SubjectService:
			r.SubjectKind, r.Subject = ledger.SubjectService, p.id("service")
		case ledger.SubjectOrganisation:
			r.SubjectKind, r.Subject = ledger.SubjectOrganisation, p.pick("scored", org, org, south)
		}
		if rapid.Bool().Draw(p.t, "bounded") {
			r.Horizon = 24
			r.Bounds = &ledger.ScoreBounds{Lower: rapid.IntRange(0, 2).Draw(p.t, "lower"), Upper: rapid.IntRange(0, 2).Draw(p.t, "upper")}
		}
		return r
	},
	ledger.RiskRecompute: func(p *play, _ string) any {
		return ledger.RecomputeScore{Subject: p.scored(), Model: "m/1", InputDigest: p.id("inputs"), Value: rapid.IntRange(0, 2).Draw(p.t, "value")}
	},
	ledger.RiskGet: func(p *play, _ string) any {
		return ledger.GetScore{Subject: p.scored(), Model: "m/1", InputDigest: p.id("inputs")}
	},
	ledger.RiskList: func(p *play, _ string) any { return ledger.ListScores{Subject: p.scored()} },
	ledger.RiskListRecomputations: func(p *play, _ string) any {
		return ledger.ListRecomputations{Subject: p.scored(), Model: "m/1", InputDigest: p.id("inputs")}
	},
}

// scored is what a score may be of.
func (p *play) scored() string {
	return p.pick("scored", p.unit(), north, ledger.ServiceID(south, p.id("service")))
}

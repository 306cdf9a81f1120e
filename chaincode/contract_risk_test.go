package chaincode_test

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// riskRights is who may call the contract "risk".
var riskRights = map[string]right{
	ledger.RiskPublish: {ledger.RoleScorer, []string{north}, func(*scene) any { return score("another") }},
	ledger.RiskGet: {"", nil, func(*scene) any {
		return ledger.GetScore{Subject: statetest.SeededUnit(north), Model: "m/1", InputDigest: score("published").InputDigest}
	}},
	ledger.RiskList: {"", nil, func(*scene) any { return ledger.ListScores{Subject: statetest.SeededUnit(north)} }},
}

// riskPlays draws its requests.
var riskPlays = map[string]func(p *play, org string) any{
	ledger.RiskPublish: func(p *play, org string) any {
		return ledger.PublishScore{Subject: p.unit(), Model: "m/1", InputDigest: p.id("inputs"), Value: 1}
	},
	ledger.RiskGet: func(p *play, org string) any {
		return ledger.GetScore{Subject: p.unit(), Model: "m/1", InputDigest: p.id("inputs")}
	},
	ledger.RiskList: func(p *play, org string) any {
		return ledger.ListScores{Subject: p.unit()}
	},
}

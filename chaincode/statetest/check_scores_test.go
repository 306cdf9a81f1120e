package statetest_test

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// riskHistory is the part of a ledger in which everything happened once.
func riskHistory(l *statetest.Ledger) []statetest.Proposal {
	const north, south = "hospital-north", "hospital-south"
	unit, inputs := statetest.SeededUnit(north), ledger.BodyDigest(nil)
	scorer := l.Client(north, ledger.RoleScorer)
	return []statetest.Proposal{
		{Client: scorer, Name: ledger.RiskPublish, Request: ledger.PublishScore{
			Subject: unit, Model: "m/1", InputDigest: inputs, Value: 1, Bounds: &ledger.ScoreBounds{Lower: 1, Upper: 2}, Horizon: 24,
		}},
		{Client: scorer, Name: ledger.RiskPublish, Request: ledger.PublishScore{SubjectKind: ledger.SubjectService, Subject: inputs, Model: "m/1", InputDigest: inputs}},
		{Client: scorer, Name: ledger.RiskPublish, Request: ledger.PublishScore{SubjectKind: ledger.SubjectOrganisation, Subject: north, Model: "m/1", InputDigest: inputs}},
		{Client: l.Client(south, ledger.RoleScorer), Name: ledger.RiskRecompute, Request: ledger.RecomputeScore{Subject: unit, Model: "m/1", InputDigest: inputs, Value: 1}},
	}
}

// riskDamages are damages of it.
var riskDamages = map[string]damage{
	"a score of nothing":           {lose(ledger.TypeUnit), "is no unit of its scorer"},
	"a score by another":           {by(ledger.RiskPublish, "medtech"), "score {rsk"},
	"a score out of bounds":        {edit(ledger.TypeScore, `"value":1`, `"value":10001`), "is 10001"},
	"a score outside its own":      {edit(ledger.TypeScore, `"upper":2`, `"upper":0`), "lies not between 1 and 0"},
	"a score of the far future":    {edit(ledger.TypeScore, `"horizon":24`, `"horizon":-1`), "looks -1 hours ahead"},
	"a score of a ward":            {edit(ledger.TypeScore, `"subjectKind":"service"`, `"subjectKind":"ward"`), "its subject is a ward"},
	"a score of another hospital":  {edit(ledger.TypeScore, `"subject":"hospital-north"`, `"subject":"hospital-south"`), "its subject is another organisation"},
	"a recomputation of nothing":   {lose(ledger.TypeScore), "recomputation {rsk.re"},
	"a recomputation by another":   {by(ledger.RiskRecompute, "medtech"), "is its scorer's, or another's"},
	"a recomputation by its owner": {edit(ledger.TypeRecomputation, `"by":"hospital-south"`, `"by":"hospital-north"`), "is its scorer's, or another's"},
	"a recomputation that lies":    {edit(ledger.TypeRecomputation, `"agrees":true`, `"agrees":false`), "says wrongly whether it agrees"},
}

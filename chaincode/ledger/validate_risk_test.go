package ledger

import (
	"errors"
	"strings"
	"testing"
)

// riskRequests holds a valid one of each request of the contract that can be wrong.
var riskRequests = map[string]func() validator{
	"score": func() validator {
		return &PublishScore{Subject: hex32(1), Model: "secant-exposure/1", InputDigest: hex32(2)}
	},
	"bounded score": func() validator {
		return &PublishScore{
			SubjectKind: SubjectService, Subject: hex32(1), Model: "secant-exposure/1", InputDigest: hex32(2), Value: 10,
			Bounds: &ScoreBounds{Lower: 10, Upper: 10}, Horizon: MaxHorizon,
		}
	},
	"organisation's score": func() validator {
		return &PublishScore{SubjectKind: SubjectOrganisation, Subject: "hospital-north", Model: "m/1", InputDigest: hex32(2)}
	},
	"recomputation": func() validator {
		return &RecomputeScore{Subject: "hospital-north", Model: "secant-exposure/1", InputDigest: hex32(2), Value: MaxScore}
	},
}

// riskFaults holds, for each of their fields, values that it does not take.
var riskFaults = map[string]map[string][]any{
	"score": {
		"subjectKind": {"unit", "Device"}, "subject": {"", "hospital-north", upperHex}, "model": {"", "a b", strings.Repeat("m", 65)},
		"inputDigest": {""}, "value": {-1, MaxScore + 1}, "horizon": {-1, MaxHorizon + 1},
	},
	"bounded score":        {"subject": {"hospital-north"}},
	"organisation's score": {"subject": {"", "hospital north", strings.Repeat("x", 65)}},
	"recomputation": {
		"subject": {"", "a b", strings.Repeat("x", 65)}, "model": {""}, "inputDigest": {"", upperHex}, "value": {-1, MaxScore + 1},
	},
}

func TestAScoreLiesBetweenItsBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lower, value, upper, faults int }{
		{0, 0, 0, 0},
		{0, 5, MaxScore, 0},
		{5, 5, 5, 0},
		{MaxScore, MaxScore, MaxScore, 0},
		{-1, 5, 5, 1},
		{6, 5, 6, 1},
		{5, 5, 4, 1},
		{5, 5, MaxScore + 1, 1},
		{6, 5, 4, 2},
	} {
		r := &PublishScore{Subject: hex32(1), Model: "m/1", InputDigest: hex32(2), Value: c.value, Bounds: &ScoreBounds{c.lower, c.upper}}
		faults := 0
		if p, ok := errors.AsType[*Problem](r.Validate()); ok {
			faults = len(p.Faults)
		}
		if faults != c.faults {
			t.Errorf("%+v: %d faults", c, faults)
		}
	}
}

func TestAServicesIDIsItsOrganisations(t *testing.T) {
	t.Parallel()
	if ServiceID("hospital-north", hex32(1)) == ServiceID("hospital-south", hex32(1)) || ServiceID("a", hex32(1)) == UnitID("a", hex32(1)) {
		t.Error("two things have one id")
	}
}

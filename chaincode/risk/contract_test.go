package risk_test

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

func publish(l *statetest.Ledger, org, subject, inputs string) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(org, ledger.RoleScorer), Name: ledger.RiskPublish, Request: ledger.PublishScore{
		Subject: subject, Model: "secant-exposure/1", InputDigest: ledger.Digest("risk-inputs", []byte(inputs)), Value: 4200,
	}}
}

func TestAnOwnerScoresItsUnit(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	unit := statetest.SeededUnit(north)
	statetest.Want(t, "", l.Submitted(t, publish(l, north, unit, "{}"), nil))
	var got ledger.Score
	key := ledger.GetScore{Subject: unit, Model: "secant-exposure/1", InputDigest: ledger.Digest("risk-inputs", []byte("{}"))}
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.RiskGet, key, &got))
	want := ledger.Score{
		V: 2, Subject: unit, Model: key.Model, InputDigest: key.InputDigest, Value: 4200, Scorer: north, Published: statetest.Start,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func publishAs(l *statetest.Ledger, org string, req ledger.PublishScore) statetest.Proposal {
	req.Model, req.InputDigest = "m/1", ledger.Digest("risk-inputs", nil)
	return statetest.Proposal{Client: l.Client(org, ledger.RoleScorer), Name: ledger.RiskPublish, Request: req}
}

func recompute(l *statetest.Ledger, org, subject, inputs string, value int) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(org, ledger.RoleScorer), Name: ledger.RiskRecompute, Request: ledger.RecomputeScore{
		Subject: subject, Model: "secant-exposure/1", InputDigest: ledger.Digest("risk-inputs", []byte(inputs)), Value: value,
	}}
}

// TestTheFirstFormOfTheRequestIsTaken: nodes of the version before send it.
func TestTheFirstFormOfTheRequestIsTaken(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	unit := statetest.SeededUnit(north)
	inputs := ledger.Digest("risk-inputs", nil)
	sim, err := l.Simulate(statetest.Proposal{Client: l.Client(north, ledger.RoleScorer), Name: ledger.RiskPublish, Args: []string{
		`{"subject":"` + unit + `","model":"m/1","inputDigest":"` + inputs + `","value":7}`,
	}})
	if err != nil || sim.Err() != nil {
		t.Fatal(err, sim.Err())
	}
	want := `{"v":2,"subject":"` + unit + `","model":"m/1","inputDigest":"` + inputs + `","value":7,"scorer":"hospital-north","published":"2026-01-05T08:00:00Z"}`
	if string(sim.Payload) != want {
		t.Errorf("the score is %s, want %s", sim.Payload, want)
	}
}

func TestAScoreSaysHowFarAheadAndBetweenWhat(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	var got ledger.Score
	statetest.Want(t, "", l.Submitted(t, publishAs(l, north, ledger.PublishScore{
		SubjectKind: ledger.SubjectDevice, Subject: statetest.SeededUnit(north), Bounds: &ledger.ScoreBounds{Upper: 10}, Horizon: 720,
	}), &got))
	want := ledger.Score{
		V: 2, Subject: statetest.SeededUnit(north), Model: "m/1", InputDigest: ledger.Digest("risk-inputs", nil),
		Bounds: &ledger.ScoreBounds{Upper: 10}, Horizon: 720, Scorer: north, Published: statetest.Start,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, publishAs(l, north, ledger.PublishScore{
		Subject: statetest.SeededUnit(north), Value: 11, Bounds: &ledger.ScoreBounds{Upper: 10},
	}), nil))
}

// TestAServiceIsItsOrganisations: two organisations that call a service the same
// score two services.
func TestAServiceIsItsOrganisations(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	local := ledger.BodyDigest([]byte("emergency department"))
	for _, org := range []string{north, south} {
		var got ledger.Score
		statetest.Want(t, "", l.Submitted(t, publishAs(l, org, ledger.PublishScore{SubjectKind: ledger.SubjectService, Subject: local, Value: 5}), &got))
		if got.Subject != ledger.ServiceID(org, local) || got.SubjectKind != ledger.SubjectService || got.Scorer != org {
			t.Errorf("the score of %s is %+v", org, got)
		}
		var page ledger.ScorePage
		statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.RiskList, ledger.ListScores{Subject: ledger.ServiceID(org, local)}, &page))
		if diff := cmp.Diff([]ledger.Score{got}, page.Items); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAnOrganisationScoresItself(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	of := func(org string) ledger.PublishScore {
		return ledger.PublishScore{SubjectKind: ledger.SubjectOrganisation, Subject: org}
	}
	statetest.Want(t, "", l.Submitted(t, publishAs(l, north, of(north)), nil))
	statetest.Want(t, ledger.CodeDenied, l.Submitted(t, publishAs(l, south, of(north)), nil))
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, publishAs(l, south, ledger.PublishScore{SubjectKind: "ward", Subject: south}), nil))
}

func TestAnotherOrganisationSaysWhatItGot(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	unit := statetest.SeededUnit(north)
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, recompute(l, south, unit, "{}", 4200), nil))
	statetest.Want(t, "", l.Submitted(t, publish(l, north, unit, "{}"), nil))
	statetest.Want(t, ledger.CodeDenied, l.Submitted(t, recompute(l, north, unit, "{}", 4200), nil))
	statetest.Want(t, "", l.Submitted(t, recompute(l, south, unit, "{}", 4200), nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, recompute(l, south, unit, "{}", 4201), nil))
	statetest.Want(t, "", l.Submitted(t, recompute(l, "authority", unit, "{}", 4201), nil))
	var page ledger.RecomputationPage
	list := ledger.ListRecomputations{Subject: unit, Model: "secant-exposure/1", InputDigest: ledger.Digest("risk-inputs", []byte("{}"))}
	statetest.Want(t, "", l.Evaluate(l.Client(north, ""), ledger.RiskListRecomputations, list, &page))
	again := ledger.Recomputation{
		V: 1, Subject: unit, Model: list.Model, InputDigest: list.InputDigest, By: "authority", Value: 4201, Time: statetest.Start,
	}
	same := again
	same.By, same.Value, same.Agrees = south, 4200, true
	if diff := cmp.Diff([]ledger.Recomputation{again, same}, page.Items); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyScoresWhatIsNotTheirs(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	statetest.Want(t, ledger.CodeDenied, l.Submitted(t, publish(l, south, statetest.SeededUnit(north), "{}"), nil))
	statetest.Want(t, ledger.CodeDenied, l.Submitted(t, publish(l, "medtech", statetest.SeededUnit(north), "{}"), nil))
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, publish(l, north, ledger.BodyDigest(nil), "{}"), nil))
}

func TestTheSameInputsAreScoredOnce(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	p := publish(l, north, statetest.SeededUnit(north), "{}")
	statetest.Want(t, "", l.Submitted(t, p, nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, p, nil))
}

func TestScoresOfOneUnitAreListed(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	unit := statetest.SeededUnit(north)
	for _, in := range []string{"1", "2", "3"} {
		statetest.Want(t, "", l.Submitted(t, publish(l, north, unit, in), nil))
	}
	statetest.Want(t, "", l.Submitted(t, publish(l, south, statetest.SeededUnit(south), "1"), nil))
	var first, second, none ledger.ScorePage
	reader := l.Client(south, "")
	statetest.Want(t, "", l.Evaluate(reader, ledger.RiskList, ledger.ListScores{Subject: unit, Page: ledger.PageRequest{Size: 2}}, &first))
	statetest.Want(t, "", l.Evaluate(reader, ledger.RiskList, ledger.ListScores{Subject: unit, Page: ledger.PageRequest{Bookmark: first.Next}}, &second))
	statetest.Want(t, "", l.Evaluate(reader, ledger.RiskList, ledger.ListScores{Subject: "unknown"}, &none))
	if len(first.Items) != 2 || len(second.Items) != 1 || second.Next != "" || none.Items == nil || len(none.Items) != 0 {
		t.Errorf("three scores are listed as %v, then %v; of an unknown unit: %v", first, second, none)
	}
	for _, s := range append(first.Items, second.Items...) {
		if s.Subject != unit {
			t.Errorf("a score of %s is listed", s.Subject)
		}
	}
	// A bookmark of one unit does not open the list of another.
	other := ledger.ListScores{Subject: statetest.SeededUnit(south), Page: ledger.PageRequest{Bookmark: first.Next}}
	statetest.Want(t, ledger.CodeInvalid, l.Evaluate(reader, ledger.RiskList, other, nil))
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	unit := statetest.SeededUnit(north)
	service := func(l *statetest.Ledger) statetest.Proposal {
		return statetest.Proposal{Client: l.Client(north, ledger.RoleCustodian), Name: ledger.DevicePutIntoService, Request: ledger.PutIntoService{ID: unit}}
	}
	for _, c := range []struct {
		name  string
		a, b  func(*statetest.Ledger) statetest.Proposal
		valid []bool
	}{
		{
			"one score twice: the second loses",
			func(l *statetest.Ledger) statetest.Proposal { return publish(l, north, unit, "1") },
			func(l *statetest.Ledger) statetest.Proposal { return publish(l, north, unit, "1") },
			[]bool{true, false},
		},
		{
			"two scores of one unit: neither loses",
			func(l *statetest.Ledger) statetest.Proposal { return publish(l, north, unit, "1") },
			func(l *statetest.Ledger) statetest.Proposal { return publish(l, north, unit, "2") },
			[]bool{true, true},
		},
		{
			"the unit goes into service, then a score of it: the score loses",
			service,
			func(l *statetest.Ledger) statetest.Proposal { return publish(l, north, unit, "1") },
			[]bool{true, false},
		},
		{
			"one recomputation twice: the second loses",
			func(l *statetest.Ledger) statetest.Proposal { return recompute(l, south, unit, "0", 1) },
			func(l *statetest.Ledger) statetest.Proposal { return recompute(l, south, unit, "0", 1) },
			[]bool{true, false},
		},
		{
			"recomputations of two: neither loses",
			func(l *statetest.Ledger) statetest.Proposal { return recompute(l, south, unit, "0", 1) },
			func(l *statetest.Ledger) statetest.Proposal { return recompute(l, "authority", unit, "0", 1) },
			[]bool{true, true},
		},
		{
			"a score, then its unit goes into service: neither loses",
			func(l *statetest.Ledger) statetest.Proposal { return publish(l, north, unit, "1") },
			service,
			[]bool{true, true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := statetest.NewSeeded(t)
			statetest.Want(t, "", l.Submitted(t, publish(l, north, unit, "0"), nil))
			if diff := cmp.Diff(c.valid, l.Race(t, c.a(l), c.b(l))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

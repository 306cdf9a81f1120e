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
		V: 1, Subject: unit, Model: key.Model, InputDigest: key.InputDigest, Value: 4200, Scorer: north, Published: statetest.Start,
	}
	if diff := cmp.Diff(want, got); diff != "" {
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
			"a score, then its unit goes into service: neither loses",
			func(l *statetest.Ledger) statetest.Proposal { return publish(l, north, unit, "1") },
			service,
			[]bool{true, true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := statetest.NewSeeded(t)
			if diff := cmp.Diff(c.valid, l.Race(t, c.a(l), c.b(l))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

package identity_test

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

func proposal(l *statetest.Ledger, org string, revision int) statetest.Proposal {
	req := statetest.Registration(org)
	req.Revision = revision
	return statetest.Proposal{Client: l.Client(org, ledger.RoleRegistrar), Name: ledger.IdentityRegister, Request: req}
}

func TestRegisterWritesTheCallersRowAndSaysSo(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	var registered, read ledger.Organisation
	statetest.Want(t, "", l.Submitted(t, proposal(l, north, 1), &registered))
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.IdentityGet, ledger.GetOrganisation{ID: north}, &read))
	if diff := cmp.Diff(registered, read); diff != "" || read.ID != north {
		t.Errorf("the row reads otherwise than it was written: %s", diff)
	}
	tx := l.Blocks(1)[0].Txs[0]
	want := &ledger.Event{V: 1, Kind: ledger.EventOrganisationRegistered, Key: []string{"org", north}, Tx: tx.ID, Subjects: []string{north}}
	if diff := cmp.Diff(want, tx.Event); diff != "" {
		t.Error(diff)
	}
}

func TestALostRaceIsTold(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	statetest.Want(t, "", l.Submitted(t, proposal(l, north, 1), nil))
	statetest.Want(t, ledger.CodeConflict, l.Submitted(t, proposal(l, north, 1), nil))
	statetest.Want(t, ledger.CodeConflict, l.Submitted(t, proposal(l, north, 3), nil))
	statetest.Want(t, "", l.Submitted(t, proposal(l, north, 2), nil))
}

func TestAKindStaysOnTheLedger(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	statetest.Want(t, "", l.Submitted(t, proposal(l, north, 1), nil))
	p := proposal(l, north, 2)
	req := statetest.Registration(north)
	req.Revision, req.Kind = 2, ledger.KindManufacturer
	p.Request = req
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, p, nil))
}

func TestAWrongRequestIsRefusedWithItsFaults(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	p := proposal(l, north, 1)
	p.Request = ledger.RegisterOrganisation{Name: "x", Kind: "clinic", Endpoint: "marked-secret", TokenKey: "", Revision: 1}
	s, err := l.Simulate(p)
	if err != nil {
		t.Fatal(err)
	}
	statetest.Want(t, ledger.CodeInvalid, s.Err())
	want := "[invalid] the organisation is not valid; kind: must be one of hospital, manufacturer, authority; " +
		"endpoint: must be an http or https address without user, query and fragment; tokenKey: must be 64 lower-case hexadecimal digits"
	if s.Message != want {
		t.Errorf("the message is %q", s.Message)
	}
}

func TestOrganisationsAreListedByIdInPages(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	for _, org := range statetest.Organisations() {
		statetest.Want(t, "", l.Submitted(t, proposal(l, org, 1), nil))
	}
	var got []string
	page := ledger.PageRequest{Size: 2}
	for {
		var p ledger.OrganisationPage
		statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.IdentityList, page, &p))
		for _, o := range p.Items {
			got = append(got, o.ID)
		}
		if page.Bookmark = p.Next; p.Next == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"authority", "hospital-east", north, south, "medtech"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnUnknownOrganisationIsNotFound(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	statetest.Want(t, ledger.CodeNotFound, l.Evaluate(l.Client(south, ""), ledger.IdentityGet, ledger.GetOrganisation{ID: "nobody"}, nil))
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before bool // the row of north exists
		a, b   func(*statetest.Ledger) statetest.Proposal
		valid  []bool
	}{
		{
			"two first registrations of one organisation: the second loses", false,
			func(l *statetest.Ledger) statetest.Proposal { return proposal(l, north, 1) },
			func(l *statetest.Ledger) statetest.Proposal { return proposal(l, north, 1) },
			[]bool{true, false},
		},
		{
			"two changes made from one revision: the second loses", true,
			func(l *statetest.Ledger) statetest.Proposal { return proposal(l, north, 2) },
			func(l *statetest.Ledger) statetest.Proposal { return proposal(l, north, 2) },
			[]bool{true, false},
		},
		{
			"two organisations: neither loses", true,
			func(l *statetest.Ledger) statetest.Proposal { return proposal(l, north, 2) },
			func(l *statetest.Ledger) statetest.Proposal { return proposal(l, south, 1) },
			[]bool{true, true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := statetest.New(t)
			if c.before {
				statetest.Want(t, "", l.Submitted(t, proposal(l, north, 1), nil))
			}
			if diff := cmp.Diff(c.valid, l.Race(t, c.a(l), c.b(l))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

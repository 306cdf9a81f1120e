package identity

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var now = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

func request(revision int) ledger.RegisterOrganisation {
	return ledger.RegisterOrganisation{Name: "North", Kind: ledger.KindHospital, Endpoint: "https://north.example", TokenKey: "k", Revision: revision}
}

func TestTheFirstRegistrationMakesRevisionOne(t *testing.T) {
	t.Parallel()
	got, err := register(nil, request(1), "hospital-north", now)
	want := &ledger.Organisation{
		V: 1, ID: "hospital-north", Name: "North", Kind: ledger.KindHospital,
		Endpoint: "https://north.example", TokenKey: "k", Since: now, Revision: 1,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestAChangeKeepsTheBeginningAndCountsOn(t *testing.T) {
	t.Parallel()
	first, err := register(nil, request(1), "hospital-north", now)
	if err != nil {
		t.Fatal(err)
	}
	change := request(2)
	change.Endpoint = "https://elsewhere.example"
	got, err := register(first, change, "hospital-north", now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got.Revision != 2 || !got.Since.Equal(now) || got.Endpoint != change.Endpoint {
		t.Errorf("the row became %+v", got)
	}
	if first.Revision != 1 {
		t.Error("the earlier row was changed in place")
	}
}

func TestTheStatedRevisionMustBeTheNext(t *testing.T) {
	t.Parallel()
	row := &ledger.Organisation{Kind: ledger.KindHospital, Revision: 3}
	for _, c := range []struct {
		previous *ledger.Organisation
		revision int
		code     ledger.Code
	}{
		{nil, 1, ""},
		{nil, 2, ledger.CodeConflict},
		{nil, 0, ledger.CodeConflict},
		{row, 4, ""},
		{row, 3, ledger.CodeConflict},
		{row, 5, ledger.CodeConflict},
		{row, 1, ledger.CodeConflict},
	} {
		if _, err := register(c.previous, request(c.revision), "o", now); ledger.CodeOf(err) != c.code {
			t.Errorf("after %v, revision %d: %v, want %q", c.previous, c.revision, err, c.code)
		}
	}
}

func TestTheKindCannotChange(t *testing.T) {
	t.Parallel()
	req := request(2)
	req.Kind = ledger.KindAuthority
	_, err := register(&ledger.Organisation{Kind: ledger.KindHospital, Revision: 1}, req, "o", now)
	if ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("a hospital became an authority: %v", err)
	}
}

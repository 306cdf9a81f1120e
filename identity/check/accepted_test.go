package check_test

import (
	"errors"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/status"
)

func wantStep(t *testing.T, what string, err error, step check.Step, code ledger.Code) {
	t.Helper()
	if r, is := errors.AsType[*check.Refusal](err); !is || r.Step != step || r.Problem.Code != code {
		t.Errorf("%s: %v, want %s %s", what, err, step, code)
	}
}

// TestWhatWasAcceptedIsLookedAtAgain: without the credential, for as long as it
// holds and no longer.
func TestWhatWasAcceptedIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, "StaffRole")
	c, err := s.judge(catalogue.SDJWT)
	if err != nil {
		t.Fatal(err)
	}
	a := c.Accepted()
	v := s.world.verifier(t)
	if err := v.Still(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]check.Accepted{
		"another type":         {Type: "Nothing", Issuer: a.Issuer, Organisation: a.Organisation, Expires: a.Expires},
		"another organisation": {Type: a.Type, Issuer: a.Issuer, Organisation: "hospital-south", Expires: a.Expires},
	} {
		if err := v.Still(t.Context(), b); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		change func()
		step   check.Step
		code   ledger.Code
	}{
		"revoked":            {func() { s.world.revoked[place(*s.status)] = true }, check.StepStatus, ledger.CodeDenied},
		"struck off":         {func() { s.world.rows[a.Issuer+" StaffRole"].State = ledger.TrustStruck }, check.StepIssuer, ledger.CodeDenied},
		"no longer a member": {func() { s.world.roster.Organisations = nil }, check.StepIssuer, ledger.CodeDenied},
		"nobody can tell":    {func() { s.world.down = ledger.Problemf(ledger.CodeUnavailable, "away") }, check.StepIssuer, ledger.CodeUnavailable},
	} {
		revoked, state, members := s.world.revoked[place(*s.status)], s.world.rows[a.Issuer+" StaffRole"].State, s.world.roster.Organisations
		c.change()
		wantStep(t, name, v.Still(t.Context(), a), c.step, c.code)
		s.world.revoked[place(*s.status)], s.world.rows[a.Issuer+" StaffRole"].State, s.world.roster.Organisations = revoked, state, members
		s.world.down = nil
	}
	s.world.now = a.Expires
	wantStep(t, "its end", v.Still(t.Context(), a), check.StepTime, ledger.CodeDenied)
}

// TestAListIsVouchedForByTheLedger: whoever no longer has the credential's key asks
// without it, and only of issuers that the ledger commits.
func TestAListIsVouchedForByTheLedger(t *testing.T) {
	t.Parallel()
	p := newPress(newScene(t, "StaffRole"), status.MinCapacity)
	p.publishToken()
	ask := func(issuer string) error {
		return p.lists().Valid(t.Context(), check.StatusQuestion{Issuer: issuer, Ref: *p.scene.status, At: p.world.now})
	}
	if err := ask(p.scene.issuer); err != nil {
		t.Fatal(err)
	}
	if err := ask("https://issuer.example"); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("an issuer outside, without its key: %v", err)
	}
}

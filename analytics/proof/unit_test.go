package proof_test

import (
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/proof/prooftest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestTheVerdictTellsADevicesState: a device that is not in service has signed
// all the same, and the verdict says what the ledger has it as.
func TestTheVerdictTellsADevicesState(t *testing.T) {
	t.Parallel()
	certified := func(u *ledger.Unit, validTo time.Time) {
		u.V, u.Revision, u.Certification = 2, 3, ledger.CertificationFull
		u.Assessment = &ledger.Assessment{Release: u.Release, Verdict: ledger.VerdictCertified, ValidTo: validTo}
	}
	for name, c := range map[string]struct {
		edit func(*ledger.Unit)
		want string
	}{
		"the first form": {func(*ledger.Unit) {}, "in service, uncertified"},
		"certified":      {func(u *ledger.Unit) { certified(u, prooftest.Now.Add(time.Hour)) }, "in service, certified"},
		"run out":        {func(u *ledger.Unit) { certified(u, prooftest.Now.Add(-time.Hour)) }, "in service, uncertified"},
		"recalled": {func(u *ledger.Unit) {
			u.Derive(&ledger.Recall{Kind: ledger.RecallLot, Value: u.Lot, Revision: 1}, nil)
		}, "as recalled, uncertified"},
		"quarantined":     {func(u *ledger.Unit) { u.State = ledger.StateQuarantined }, "quarantined, uncertified"},
		"a state to come": {func(u *ledger.Unit) { u.State = "lent" }, `"lent", uncertified`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, proof.VouchedByDevice)
			c.edit(&w.request.Unit)
			w.unit = w.UnitCall(t, &w.request.Unit)
			got, err := w.verify(t, w.bundle(t))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got.Text(), c.want) {
				t.Errorf("the verdict says\n%s\nwant %q", got.Text(), c.want)
			}
		})
	}
}

// TestHandingADeviceOverTakesNoProofsAway: what it had signed before stays
// proven, what stood in the log of a former owner only afterwards is not.
func TestHandingADeviceOverTakesNoProofsAway(t *testing.T) {
	t.Parallel()
	const south, east = "hospital-south", "hospital-east"
	since := prooftest.Now.Add(-30 * time.Second) // when the world's anchor stood
	former := func(owner string, until time.Time) ledger.FormerOwner {
		return ledger.FormerOwner{Owner: owner, Until: until}
	}
	for name, c := range map[string]struct {
		owner  string
		former []ledger.FormerOwner
		good   bool
	}{
		"handed over since":          {south, []ledger.FormerOwner{former(north, since.Add(time.Millisecond))}, true},
		"handed on since":            {east, []ledger.FormerOwner{former(north, since.Add(time.Second)), former(south, since.Add(2*time.Second))}, true},
		"came back":                  {north, []ledger.FormerOwner{former(north, since.Add(-time.Hour)), former(south, since.Add(-time.Minute))}, true},
		"handed over before":         {south, []ledger.FormerOwner{former(north, since.Add(-time.Millisecond))}, false},
		"handed over at that moment": {south, []ledger.FormerOwner{former(north, since)}, false},
		"another handed it over":     {south, []ledger.FormerOwner{former(east, since.Add(time.Second))}, false},
		"never its":                  {south, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, proof.VouchedByDevice)
			u := &w.request.Unit
			u.V, u.Revision, u.State, u.Owner, u.Former = 2, 4, ledger.StateRegistered, c.owner, c.former
			w.unit = w.UnitCall(t, u)
			if !c.good {
				w.refused(t, w.bundle(t), proof.StepDevice, "belonged to another organisation")
				return
			}
			v, err := w.verify(t, w.bundle(t))
			if err != nil {
				t.Fatal(err)
			}
			told := strings.Contains(v.Text(), "another owner by then, "+c.owner)
			if want := c.owner != north; told != want || (v.UnitOwner == c.owner) != want {
				t.Errorf("the owner now is %q:\n%s", v.UnitOwner, v.Text())
			}
		})
	}
}

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

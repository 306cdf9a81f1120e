package device_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// TestARefusalIsOfTheReleaseForGood: no way round over another release, or over an
// assessment of another, puts a unit into service as what was refused. It is
// held when it gets there in service; an assessment of that release ends it.
func TestARefusalIsOfTheReleaseForGood(t *testing.T) {
	t.Parallel()
	const refused = statetest.SeededRelease
	for name, detour := range map[string]func(w *ward, id string){
		"another release": func(w *ward, id string) { w.must(w.update(id, newer)) },
		"another release, certified": func(w *ward, id string) {
			w.must(w.update(id, newer))
			w.must(w.certify(id, true))
		},
		"another release, refused and certified": func(w *ward, id string) {
			w.must(w.update(id, newer))
			w.must(w.certify(id, false))
			w.must(w.certify(id, true))
		},
	} {
		for from, start := range map[string]func(w *ward, id string){
			"registered": func(*ward, string) {},
			"in service": func(w *ward, id string) { w.must(service(w.Ledger, north, id)) },
		} {
			t.Run(from+", "+name, func(t *testing.T) {
				t.Parallel()
				w := newWard(t)
				id := w.register("refused", "L9")
				start(w, id)
				w.must(w.certify(id, false))
				detour(w, id)
				if w.unit(id).State == ledger.StateHeld {
					w.must(w.releaseBy(id, w.nurse, w.expert))
				} else {
					w.must(w.update(id, refused)) // not in service it may, and stays out
					w.want(ledger.CodeDenied, service(w.Ledger, north, id))
					w.must(w.update(id, newer))
					w.must(service(w.Ledger, north, id))
				}
				w.must(w.update(id, refused))
				u := w.unit(id)
				if u.State != ledger.StateHeld || u.Previous != ledger.StateInService || !slices.Equal(u.Holds, []string{ledger.HoldAssessment}) {
					t.Fatalf("with the refused release it is %+v", u)
				}
				w.want(ledger.CodeDenied, w.releaseBy(id, w.nurse, w.expert))
				w.must(w.certify(id, true))
				w.must(w.releaseBy(id, w.nurse, w.expert))
				if u = w.unit(id); u.State != ledger.StateInService || u.Refused != nil {
					t.Errorf("once the release passed it is %+v", u)
				}
			})
		}
	}
}

// TestAUnitRemembersSoManyRefusals: each release once, and of too many the first
// is forgotten.
func TestAUnitRemembersSoManyRefusals(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id := statetest.SeededUnit(north)
	w.must(w.certify(id, false))
	w.must(w.certify(id, false))
	if u := w.unit(id); !slices.Equal(u.Refused, []string{statetest.SeededRelease}) {
		t.Errorf("refused twice it says %v", u.Refused)
	}
	var versions []string
	for i := range ledger.MaxRefused {
		v := fmt.Sprintf("4.%d", i)
		versions = append(versions, v)
		w.must(release(w.Ledger, statetest.SeededDI, v))
		w.must(w.update(id, v))
		w.must(w.certify(id, false))
	}
	if u := w.unit(id); !slices.Equal(u.Refused, versions) {
		t.Errorf("of many it says %v", u.Refused)
	}
}

// TestAnAuthorityThatIsVotedOffIsNone: its row stays, its say does not.
func TestAnAuthorityThatIsVotedOffIsNone(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id := statetest.SeededUnit(north)
	w.must(w.recall(authority, ledger.RoleCertifier, ledger.RecallLot, seededLot, 0))
	if err := w.Carry(ledger.Propose{
		Kind: ledger.ProposeRemoveOrganisation, Subject: ledger.ProposalSubject{Organisation: authority}, Reason: "a sample",
	}); err != nil {
		t.Fatal(err)
	}
	other := w.employ(south)
	hold := ledger.HoldUnit{ID: id, Revision: 1, Reason: ledger.HoldStolen}
	certify := w.certify(id, true)
	req, ok := certify.Request.(ledger.CertifyUnit)
	if !ok {
		t.Fatal("the request is of another type")
	}
	unit := ledger.UnitKey(id)
	for what, p := range map[string]statetest.Proposal{
		"recalls":     w.recall(authority, ledger.RoleCertifier, ledger.RecallLot, "L2", 0),
		"lifts":       w.lift(authority, ledger.RoleCertifier, 1, w.nurse, other),
		"holds":       w.by(authority, ledger.RoleCertifier, ledger.DeviceHold, hold),
		"quarantines": w.by(authority, ledger.RoleCertifier, ledger.DeviceQuarantine, ledger.QuarantineUnit(hold)),
		"certifies":   w.agreed(w.by(authority, ledger.RoleCertifier, ledger.DeviceCertify, req), unit, 1, ledger.CredentialAssessor, w.nurse),
	} {
		if err := w.Submitted(t, p, nil); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("it %s: %v", what, err)
		}
	}
}

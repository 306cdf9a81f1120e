package device_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

func decode(t *testing.T, b []byte, out any) {
	t.Helper()
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
}

// TestARecallIsOneRecord: it writes nothing but itself, and every unit of the lot
// is recalled by it, in answers and in lists, and no other.
func TestARecallIsOneRecord(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	bad := []string{w.register("a", "L-bad"), w.register("b", "L-bad")}
	good := statetest.SeededUnit(north)
	w.must(service(w.Ledger, north, bad[0]))
	w.Advance(time.Minute)
	before := w.Height()
	p := w.recall(maker, ledger.RoleRegistrar, ledger.RecallLot, "L-bad", 0)
	w.must(p)
	tx := w.Blocks(before)[0].Txs[0]
	if len(tx.Writes) != 1 || tx.Writes[0].Key.Type != ledger.TypeRecall || tx.Event.Kind != ledger.EventRecallIssued {
		t.Errorf("the recall wrote %v with the event %+v", tx.Writes, tx.Event)
	}
	want := &ledger.UnitRecall{
		Kind: ledger.RecallLot, Value: "L-bad", Revision: 1, Class: ledger.RecallClassI, By: maker, Since: w.Now(), State: ledger.StateInService,
	}
	u := w.unit(bad[0])
	if diff := cmp.Diff(want, u.Recall); u.State != ledger.StateRecalled || diff != "" {
		t.Errorf("the unit is %s: %s", u.State, diff)
	}
	states := map[string]string{}
	var page ledger.UnitPage
	statetest.Want(t, "", w.Evaluate(w.Client(east, ""), ledger.DeviceListUnits, ledger.PageRequest{}, &page))
	for _, u := range page.Items {
		states[u.ID] = u.State
	}
	if states[bad[0]] != ledger.StateRecalled || states[bad[1]] != ledger.StateRecalled || states[good] != ledger.StateRegistered {
		t.Errorf("they are listed as %v", states)
	}
	// What is stored is not changed, by a step neither.
	w.must(w.hold(bad[0], ledger.HoldMalfunction))
	if u := w.unit(bad[0]); u.State != ledger.StateRecalled || u.Recall.State != ledger.StateHeld || u.Revision != 3 {
		t.Errorf("held it is %+v", u)
	}
	var recalls ledger.RecallPage
	statetest.Want(t, "", w.Evaluate(w.Client(east, ""), ledger.DeviceListRecalls, ledger.ListRecalls{DI: statetest.SeededDI}, &recalls))
	if len(recalls.Items) != 1 || recalls.Items[0].Value != "L-bad" {
		t.Errorf("the recalls are %+v", recalls)
	}
}

// TestARecalledUnitIsClearedOrRunsAnotherRelease.
func TestARecalledUnitIsClearedOrRunsAnotherRelease(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id, second := statetest.SeededUnit(north), w.register("b", "L1")
	w.must(w.recall(maker, ledger.RoleRegistrar, ledger.RecallRelease, statetest.SeededRelease, 0))
	w.want(ledger.CodeDenied, service(w.Ledger, north, id))
	w.must(w.update(id, newer))
	if u := w.unit(id); u.State != ledger.StateRegistered || u.Recall != nil {
		t.Errorf("with another release it is %+v", u)
	}
	w.want(ledger.CodeDenied, w.update(id, statetest.SeededRelease)) // back to what is recalled
	w.want(ledger.CodeNotFound, w.clear(id, ledger.RecallRelease, 1, w.nurse, w.expert))

	w.want(ledger.CodeConflict, w.clear(second, ledger.RecallRelease, 2, w.nurse, w.expert))
	w.want(ledger.CodeDenied, w.clear(second, ledger.RecallRelease, 1, w.nurse, w.nurse.Colleague("b")))
	w.must(w.clear(second, ledger.RecallRelease, 1, w.nurse, w.expert))
	w.want(ledger.CodeAlreadyExists, w.clear(second, ledger.RecallRelease, 1, w.nurse, w.expert))
	if u := w.unit(second); u.State != ledger.StateRegistered || u.Cleared.Release != 1 {
		t.Errorf("cleared it is %+v", u)
	}
	w.must(service(w.Ledger, north, second))

	// Both of its recalls, and the clearance of one is not the other's.
	w.must(w.recall(authority, ledger.RoleCertifier, ledger.RecallLot, "L1", 0))
	if u := w.unit(second); u.State != ledger.StateRecalled || u.Recall.Kind != ledger.RecallLot || u.Recall.By != authority {
		t.Errorf("recalled again it is %+v", u)
	}
	w.must(w.clear(second, ledger.RecallLot, 1, w.nurse, w.expert))
	if u := w.unit(second); u.State != ledger.StateInService || *u.Cleared != (ledger.Cleared{Lot: 1, Release: 1}) {
		t.Errorf("cleared of both it is %+v", u)
	}
	// Another revision of the recall is another matter.
	w.must(w.recall(authority, ledger.RoleCertifier, ledger.RecallRelease, statetest.SeededRelease, 1))
	if u := w.unit(second); u.State != ledger.StateRecalled || u.Recall.Revision != 2 {
		t.Errorf("after another notice it is %+v", u)
	}
	// A clearance of one release does not follow the unit to another.
	w.must(w.update(second, newer))
	if u := w.unit(second); u.Cleared == nil || u.Cleared.Release != 0 || u.Cleared.Lot != 1 {
		t.Errorf("with another release it is cleared of %+v", u.Cleared)
	}
}

// TestWhoRecallsAndLifts: the maker and authorities, an authority's is its own,
// and two persons lift.
func TestWhoRecallsAndLifts(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	const lot = "L1"
	makers := func(revision int) statetest.Proposal {
		return w.recall(maker, ledger.RoleRegistrar, ledger.RecallLot, lot, revision)
	}
	authoritys := func(revision int) statetest.Proposal {
		return w.recall(authority, ledger.RoleCertifier, ledger.RecallLot, lot, revision)
	}
	w.want(ledger.CodeDenied, w.recall(north, ledger.RoleRegistrar, ledger.RecallLot, lot, 0))
	w.want(ledger.CodeDenied, w.recall(north, ledger.RoleCertifier, ledger.RecallLot, lot, 0))
	w.want(ledger.CodeDenied, w.recall(authority, ledger.RoleRegistrar, ledger.RecallLot, lot, 0))
	w.want(ledger.CodeNotFound, w.recall(maker, ledger.RoleRegistrar, ledger.RecallRelease, "9.9", 0))
	w.want(ledger.CodeNotFound, w.lift(maker, ledger.RoleRegistrar, 1, w.nurse, w.expert))
	w.want(ledger.CodeConflict, makers(1))
	w.must(makers(0))
	w.want(ledger.CodeAlreadyExists, makers(0))
	w.want(ledger.CodeAlreadyExists, makers(1)) // as it stands
	w.want(ledger.CodeConflict, authoritys(2))
	w.want(ledger.CodeDenied, w.lift(authority, ledger.RoleCertifier, 1, w.nurse, w.expert))
	w.must(authoritys(1)) // takes it over
	w.want(ledger.CodeDenied, makers(2))
	w.want(ledger.CodeDenied, w.lift(maker, ledger.RoleRegistrar, 2, w.nurse, w.expert))
	w.want(ledger.CodeConflict, w.lift(authority, ledger.RoleCertifier, 1, w.nurse, w.expert))
	w.want(ledger.CodeDenied, w.lift(authority, ledger.RoleCertifier, 2, w.nurse, w.nurse.Colleague("b")))
	w.must(w.lift(authority, ledger.RoleCertifier, 2, w.nurse, w.expert))
	w.want(ledger.CodeAlreadyExists, w.lift(authority, ledger.RoleCertifier, 3, w.nurse, w.expert))
	if u := w.unit(statetest.SeededUnit(north)); u.State != ledger.StateRegistered {
		t.Errorf("after the recall it is %s", u.State)
	}
	w.want(ledger.CodeConflict, makers(0))
	w.must(makers(3)) // a recall after the last
	var r ledger.Recall
	statetest.Want(t, "", w.Evaluate(w.Client(east, ""), ledger.DeviceGetRecall, ledger.GetRecall{DI: statetest.SeededDI, Kind: ledger.RecallLot, Value: lot}, &r))
	if r.Revision != 4 || r.By != maker || r.Authority || r.Ended || r.Persons != nil {
		t.Errorf("the recall is %+v", r)
	}
}

// TestASignedReadShowsARecall: the two recalls that could concern the unit are in
// its read set, there or not, so that what peers sign depends on them.
func TestASignedReadShowsARecall(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id := statetest.SeededUnit(north)
	w.must(w.recall(maker, ledger.RoleRegistrar, ledger.RecallLot, "L1", 0))
	s, err := w.Simulate(statetest.Proposal{Client: w.Client(east, ""), Name: ledger.DeviceGetUnit, Request: ledger.GetUnit{ID: id}})
	if err != nil {
		t.Fatal(err)
	}
	reads := map[string]bool{}
	for _, r := range s.Reads {
		key, _ := ledger.ParseKey(r.Key)
		reads[string(key.Type)+" "+key.Parts[len(key.Parts)-1]] = r.Version != nil
	}
	want := map[string]bool{"dev " + id: true, "rec L1": true, "rec " + statetest.SeededRelease: false}
	if diff := cmp.Diff(want, reads); diff != "" {
		t.Error(diff)
	}
}

package device_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// outcomes says what becomes of a unit in each state by each step, made by who
// may make it: the state that follows, or the code of the refusal. "x+y" is a
// unit in state y that is recalled; refused is a registered one that was assessed
// so. All but those that are manufactured, or retired, are offered to south.
const outcomes = `
step            manufactured registered  certified   in_service     held        quarantined retired x+registered x+in_service   x+held      refused
CompleteUnit    registered   invalid     invalid     invalid        invalid     invalid     gone    invalid      invalid        invalid     invalid
Certify         invalid      certified   certified   in_service     held        quarantined gone    certified    in_service     held        certified
Refuse          invalid      registered  registered  held           held        quarantined gone    registered   held           held        registered
PutIntoService  invalid      in_service  in_service  already_exists invalid     invalid     gone    denied       already_exists invalid     denied
Hold            invalid      held        held        held           held        quarantined gone    held         held           held        held
Quarantine      invalid      quarantined quarantined quarantined    quarantined quarantined gone    quarantined  quarantined    quarantined quarantined
Release         invalid      invalid     invalid     invalid        in_service  registered  gone    invalid      invalid        denied      invalid
UpdateRelease   invalid      registered  registered  in_service     held        quarantined gone    registered   in_service     held        registered
Offer           invalid      registered  certified   in_service     invalid     invalid     gone    denied       denied         invalid     registered
EndOffer        invalid      registered  certified   in_service     held        quarantined gone    registered   in_service     held        registered
Accept          denied       registered  certified   registered     invalid     invalid     denied  denied       denied         invalid     registered
Clear           invalid      not_found   not_found   not_found      not_found   not_found   gone    registered   in_service     held        not_found
Retire          invalid      retired     retired     retired        retired     retired     gone    retired      retired        retired     retired
`

// actors are those who try each step: the owner, to whom it is offered, another
// hospital, the maker, an authority.
var actors = []struct {
	name, org string
	role      ledger.Role
}{
	{"owner", north, ledger.RoleCustodian},
	{"offered", south, ledger.RoleCustodian},
	{"stranger", east, ledger.RoleCustodian},
	{"maker", maker, ledger.RoleRegistrar},
	{"authority", authority, ledger.RoleCertifier},
}

// allowed says which of them may make a step.
var allowed = map[string]string{
	"CompleteUnit": "maker", "Certify": "authority", "Refuse": "authority", "PutIntoService": "owner",
	"Hold": "owner maker authority", "Quarantine": "owner maker authority", "Release": "owner", "UpdateRelease": "owner",
	"Offer": "owner", "EndOffer": "owner offered", "Accept": "offered", "Clear": "owner", "Retire": "owner",
}

// inState makes a unit of that state.
func (w *ward) inState(state string) string {
	w.t.Helper()
	stored, recalled := strings.CutPrefix(state, "x+")
	lot := "L-" + stored
	if recalled {
		lot = "X-" + stored
	}
	if stored == ledger.StateManufactured {
		w.must(w.by(maker, ledger.RoleRegistrar, ledger.DeviceRegisterUnit, ledger.RegisterUnit{
			SerialMAC: ledger.BodyDigest([]byte(state)), DI: statetest.SeededDI, Lot: lot, Owner: north,
		}))
		return ledger.UnitID(maker, ledger.BodyDigest([]byte(state)))
	}
	id := w.register(state, lot)
	w.must(w.offer(id, south))
	for _, p := range map[string][]func() statetest.Proposal{
		"registered":  nil,
		"certified":   {func() statetest.Proposal { return w.certify(id, true) }},
		"in_service":  {func() statetest.Proposal { return service(w.Ledger, north, id) }},
		"held":        {func() statetest.Proposal { return service(w.Ledger, north, id) }, func() statetest.Proposal { return w.hold(id, ledger.HoldMalfunction) }},
		"quarantined": {func() statetest.Proposal { return w.quarantine(id, ledger.HoldMalfunction) }},
		"retired":     {func() statetest.Proposal { return w.retire(id) }},
		"refused":     {func() statetest.Proposal { return w.certify(id, false) }},
	}[stored] {
		w.must(p())
	}
	if recalled {
		w.must(w.recall(maker, ledger.RoleRegistrar, ledger.RecallLot, lot, 0))
	}
	return id
}

// attempt is a step of a unit by anybody, as it would succeed if it may.
func (w *ward) attempt(step, id string) statetest.Proposal {
	u := w.unit(id)
	switch step {
	case "CompleteUnit":
		return statetest.Proposal{Name: ledger.DeviceCompleteUnit, Request: ledger.CompleteUnit{ID: id, Revision: u.Revision, Release: statetest.SeededRelease}}
	case "Certify", "Refuse":
		return w.certify(id, step == "Certify")
	case "PutIntoService":
		return statetest.Proposal{Name: ledger.DevicePutIntoService, Request: ledger.PutIntoService{ID: id, Revision: u.Revision}}
	case "Hold":
		return w.hold(id, ledger.HoldSignatures)
	case "Quarantine":
		return w.quarantine(id, ledger.HoldSignatures)
	case "Release":
		return w.releaseBy(id, w.nurse, w.expert)
	case "UpdateRelease":
		return w.update(id, newer)
	case "Offer":
		return w.offer(id, east)
	case "EndOffer":
		return statetest.Proposal{Name: ledger.DeviceEndOffer, Request: ledger.EndOffer{ID: id, Revision: u.Revision}}
	case "Accept":
		return w.accept(south, id)
	case "Clear":
		return w.clear(id, ledger.RecallLot, 1, w.nurse, w.expert)
	case "Retire":
		return w.retire(id)
	}
	w.t.Fatalf("no step %s", step)
	return statetest.Proposal{}
}

// TestLife tries every step in every state by everyone, and prints what became
// of the unit.
func TestLife(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	lines := strings.Split(strings.TrimSpace(outcomes), "\n")
	states := strings.Fields(lines[0])[1:]
	ids := map[string]string{}
	for _, s := range states {
		ids[s] = w.inState(s)
	}
	var table strings.Builder
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		step := fields[0]
		for _, actor := range actors {
			may := strings.Contains(" "+allowed[step]+" ", " "+actor.name+" ")
			fmt.Fprintf(&table, "%-15s%-10s", step, actor.name)
			for i, state := range states {
				want := fields[i+1]
				none := actor.name == "offered" && (state == "manufactured" || state == "retired") // nothing is offered
				if !may || none {
					want = string(ledger.CodeDenied)
				}
				p := w.attempt(step, ids[state])
				p.Client = w.Client(actor.org, actor.role)
				got := w.outcome(p)
				fmt.Fprintf(&table, " %s: %s;", state, got)
				if got != want {
					t.Errorf("%s of a unit that is %s, by %s: %s, want %s", step, state, actor.name, got, want)
				}
			}
			fmt.Fprintln(&table)
		}
	}
	t.Logf("\n%s", table.String())
}

// outcome simulates a step and returns the state that it would write, or the code
// of its refusal.
func (w *ward) outcome(p statetest.Proposal) string {
	w.t.Helper()
	s, err := w.Simulate(p)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.Err(); err != nil {
		return string(ledger.CodeOf(err))
	}
	for _, write := range s.Writes {
		if key, _ := ledger.ParseKey(write.Key); key.Type == ledger.TypeUnit {
			var u ledger.Unit
			if err := json.Unmarshal(write.Value, &u); err != nil {
				w.t.Fatal(err)
			}
			return u.State
		}
	}
	return "nothing"
}

// TestAStaleRevisionIsAConflict: whoever decided on what the unit was before has
// to decide again.
func TestAStaleRevisionIsAConflict(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	for _, step := range []string{"PutIntoService", "Hold", "Quarantine", "UpdateRelease", "Offer", "EndOffer", "Accept", "Retire", "Certify"} {
		id := w.register(step, "L1")
		w.must(w.offer(id, south))
		p := w.attempt(step, id)
		w.must(w.hold(id, ledger.HoldLost))
		if p.Client == nil {
			p.Client = w.Client(north, ledger.RoleCustodian)
		}
		w.want(ledger.CodeConflict, p)
	}
	id := statetest.SeededUnit(north)
	w.must(w.hold(id, ledger.HoldLost))
	p := w.releaseBy(id, w.nurse, w.expert)
	w.must(w.hold(id, ledger.HoldMalfunction))
	w.want(ledger.CodeConflict, p)
}

// TestHoldsAreCountedAndEndTogether: each reason once, at most so many, a held
// unit can be quarantined for the same reason, and all end at once.
func TestHoldsAreCountedAndEndTogether(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id := statetest.SeededUnit(north)
	w.must(service(w.Ledger, north, id))
	w.must(w.certify(id, false)) // holds it
	if u := w.unit(id); u.State != ledger.StateHeld || u.Previous != ledger.StateInService || len(u.Holds) != 1 || u.Holds[0] != ledger.HoldAssessment {
		t.Fatalf("after a bad assessment it is %+v", u)
	}
	for _, reason := range ledger.HoldReasons {
		switch {
		case reason == ledger.HoldAssessment:
		case len(w.unit(id).Holds) == ledger.MaxHolds:
			w.want(ledger.CodeTooLarge, w.hold(id, reason))
		default:
			w.must(w.hold(id, reason))
			w.want(ledger.CodeAlreadyExists, w.hold(id, reason))
		}
	}
	w.must(w.quarantine(id, ledger.HoldLost))
	w.want(ledger.CodeAlreadyExists, w.quarantine(id, ledger.HoldLost))
	w.want(ledger.CodeAlreadyExists, w.hold(id, ledger.HoldLost))
	w.want(ledger.CodeDenied, w.releaseBy(id, w.nurse, w.expert)) // what was refused has to pass first
	w.must(w.certify(id, true))
	w.must(w.releaseBy(id, w.nurse, w.expert))
	if u := w.unit(id); u.State != ledger.StateInService || u.Holds != nil || u.Previous != "" || u.Certification != ledger.CertificationFull {
		t.Errorf("released it is %+v", u)
	}
}

// TestWhatWasRefusedMayRunAnotherRelease: the assessment was of the one before.
func TestWhatWasRefusedMayRunAnotherRelease(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id := statetest.SeededUnit(north)
	w.must(w.certify(id, false))
	w.want(ledger.CodeDenied, service(w.Ledger, north, id))
	w.must(w.update(id, newer))
	w.want(ledger.CodeAlreadyExists, w.update(id, newer))
	w.want(ledger.CodeNotFound, w.update(id, "9.9"))
	w.must(service(w.Ledger, north, id))
	w.must(w.certify(id, true))
	if u := w.unit(id); u.Certification != ledger.CertificationFull || u.Assessment.Release != newer || u.Assessment.Assessor != authority {
		t.Errorf("certified it is %+v", u)
	}
	w.must(release(w.Ledger, statetest.SeededDI, "4.0.0"))
	w.must(w.update(id, "4.0.0"))
	if u := w.unit(id); u.State != ledger.StateInService || u.Certification != ledger.CertificationNone {
		t.Errorf("with another release it is %s and %s", u.State, u.Certification)
	}
}

// TestACertificationRunsOut: it is worth nothing then, whatever the unit does
// next.
func TestACertificationRunsOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step  func(w *ward, id string)
		state string
	}{
		"into service": {func(w *ward, id string) { w.must(service(w.Ledger, north, id)) }, ledger.StateInService},
		"transferred": {func(w *ward, id string) {
			w.must(w.offer(id, south))
			w.must(w.accept(south, id))
		}, ledger.StateRegistered},
		"released": {func(w *ward, id string) {
			w.must(w.hold(id, ledger.HoldLost))
			w.must(w.releaseBy(id, w.nurse, w.expert))
		}, ledger.StateRegistered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			id := statetest.SeededUnit(north)
			w.must(w.certify(id, true))
			w.Advance(w.unit(id).Assessment.ValidTo.Sub(w.Now()))
			c.step(w, id)
			if u := w.unit(id); u.State != c.state || u.Certification != ledger.CertificationNone {
				t.Errorf("it is %s and %s", u.State, u.Certification)
			}
		})
	}
}

// TestAVerdictLastsNoLongerThanItMay tries the ends of both verdicts.
func TestAVerdictLastsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	u := w.unit(statetest.SeededUnit(north))
	for _, c := range []struct {
		verdict string
		days    int
		code    ledger.Code
	}{
		{ledger.VerdictCertified, 366, ""},
		{ledger.VerdictCertified, 367, ledger.CodeInvalid},
		{ledger.VerdictCertified, 0, ledger.CodeInvalid},
		{ledger.VerdictConditional, 92, ""},
		{ledger.VerdictConditional, 93, ledger.CodeInvalid},
		{ledger.VerdictConditional, -1, ledger.CodeInvalid},
	} {
		p := w.by(authority, ledger.RoleCertifier, ledger.DeviceCertify, ledger.CertifyUnit{
			ID: u.ID, Revision: u.Revision, Catalogue: "c/1", Score: 9000, Verdict: c.verdict,
			ResultDigest: ledger.BodyDigest(nil), ValidTo: w.Now().AddDate(0, 0, c.days),
		})
		s, err := w.Simulate(w.agreed(p, u.Key(), u.Revision, ledger.CredentialAssessor, w.expert))
		if err != nil {
			t.Fatal(err)
		}
		if ledger.CodeOf(s.Err()) != c.code {
			t.Errorf("%s for %d days: %v", c.verdict, c.days, s.Err())
		}
	}
}

// TestAManufacturedUnitIsCompleted: with its release, and an owner if it has none.
func TestAManufacturedUnitIsCompleted(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	mac := ledger.BodyDigest([]byte("bare"))
	id := ledger.UnitID(maker, mac)
	w.must(w.by(maker, ledger.RoleRegistrar, ledger.DeviceRegisterUnit, ledger.RegisterUnit{SerialMAC: mac, DI: statetest.SeededDI, Lot: "L1"}))
	if u := w.unit(id); u.State != ledger.StateManufactured || u.Owner != "" || u.Release != "" || u.Revision != 1 {
		t.Fatalf("it is %+v", u)
	}
	complete := func(req ledger.CompleteUnit) statetest.Proposal {
		req.ID, req.Revision = id, 1
		return w.by(maker, ledger.RoleRegistrar, ledger.DeviceCompleteUnit, req)
	}
	w.want(ledger.CodeInvalid, complete(ledger.CompleteUnit{Release: newer}))                     // no owner
	w.want(ledger.CodeInvalid, complete(ledger.CompleteUnit{Release: newer, Owner: "authority"})) // no hospital
	w.want(ledger.CodeNotFound, complete(ledger.CompleteUnit{Release: "9.9", Owner: south}))      // no release
	w.must(complete(ledger.CompleteUnit{Release: newer, Owner: south, PublicKey: ledger.BodyDigest([]byte("k")), IDevID: ledger.BodyDigest([]byte("i"))}))
	u := w.unit(id)
	if u.State != ledger.StateRegistered || u.Owner != south || u.Release != newer || u.Revision != 2 ||
		u.PublicKey != ledger.BodyDigest([]byte("k")) || u.IDevID != ledger.BodyDigest([]byte("i")) {
		t.Errorf("completed it is %+v", u)
	}
	w.want(ledger.CodeConflict, complete(ledger.CompleteUnit{Release: newer, Owner: south}))
}

// TestAUnitChangesHands: from one hospital to another, out of service, without
// the identity that its former owner gave it.
func TestAUnitChangesHands(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id := statetest.SeededUnit(north)
	w.must(w.by(north, ledger.RoleCustodian, ledger.DevicePutIntoService, ledger.PutIntoService{ID: id, Revision: 1, LDevID: ledger.BodyDigest([]byte("north"))}))
	for to, code := range map[string]ledger.Code{north: ledger.CodeInvalid, authority: ledger.CodeInvalid, "hospital-west": ledger.CodeInvalid} {
		w.want(code, w.offer(id, to))
	}
	w.must(w.offer(id, east))
	w.must(w.offer(id, south)) // in its place
	w.want(ledger.CodeAlreadyExists, w.offer(id, south))
	w.want(ledger.CodeDenied, w.accept(east, id))
	w.must(w.accept(south, id))
	if u := w.unit(id); u.Owner != south || u.State != ledger.StateRegistered || u.LDevID != "" || u.Offer != nil {
		t.Errorf("south has it as %+v", u)
	} else if !u.Served || len(u.Former) != 1 || u.Former[0].Owner != north || !u.Former[0].Until.Equal(u.Since) {
		t.Errorf("of its time at north it says served %t, former owners %+v", u.Served, u.Former)
	}
	w.want(ledger.CodeDenied, w.hold(id, ledger.HoldLost)) // by its former owner
	w.must(service(w.Ledger, south, id))
	end := func(org string) statetest.Proposal {
		return w.by(org, ledger.RoleCustodian, ledger.DeviceEndOffer, ledger.EndOffer{ID: id, Revision: w.unit(id).Revision})
	}
	w.want(ledger.CodeNotFound, end(south))
	w.must(w.by(south, ledger.RoleCustodian, ledger.DeviceOffer, ledger.OfferUnit{ID: id, Revision: w.unit(id).Revision, To: north}))
	w.want(ledger.CodeDenied, end(east))
	w.must(end(north)) // declines
	w.want(ledger.CodeDenied, w.accept(north, id))
}

// TestAUnitRemembersItsLastOwners, and of too many forgets the first.
func TestAUnitRemembersItsLastOwners(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id := statetest.SeededUnit(north)
	from, to := north, south
	for range ledger.MaxFormer + 1 {
		w.must(w.by(from, ledger.RoleCustodian, ledger.DeviceOffer, ledger.OfferUnit{ID: id, Revision: w.unit(id).Revision, To: to}))
		w.must(w.accept(to, id))
		from, to = to, from
	}
	u := w.unit(id)
	if n := len(u.Former); n != ledger.MaxFormer || u.Former[0].Owner != south || u.Former[n-1].Owner != north || u.Served {
		t.Errorf("served %t, %d former owners: %+v", u.Served, n, u.Former)
	}
}

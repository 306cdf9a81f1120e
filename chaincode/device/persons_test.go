package device_test

import (
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// TestAReleaseNeedsTwoPersonsOfTwoOrganisations tries what one organisation could
// do alone, and what statements could be used for that were made for another.
func TestAReleaseNeedsTwoPersonsOfTwoOrganisations(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id, other := statetest.SeededUnit(north), w.register("other", "L1")
	w.must(w.hold(id, ledger.HoldMalfunction))
	w.must(w.hold(other, ledger.HoldMalfunction))
	w.must(w.quarantine(id, ledger.HoldLost)) // revision 3
	unaccepted := *w.expert
	unaccepted.Issuer, unaccepted.IssuerKey = ledger.IssuerDID(statetest.Network, south, "care"), statetest.NewDIDKey("key-1", "south")
	forged := *w.expert
	forged.IssuerKey = statetest.NewDIDKey("key-1", "nobody's")
	request := ledger.ReleaseUnit{ID: id, Revision: 3}
	key := ledger.UnitKey(id)
	order := func(change func(*statetest.Order)) statetest.Order {
		o := statetest.Order{Name: ledger.DeviceRelease, Request: request, Record: key, Revision: 3, Credential: ledger.CredentialReleaser}
		change(&o)
		return o
	}
	same := func(*statetest.Order) {}
	two := []*statetest.Person{w.nurse, w.expert}
	for name, c := range map[string]struct {
		order   statetest.Order
		persons []*statetest.Person
		code    ledger.Code
	}{
		"one person":                {order(same), two[:1], ledger.CodeInvalid},
		"one person twice":          {order(same), []*statetest.Person{w.nurse, w.nurse}, ledger.CodeDenied},
		"two of one organisation":   {order(same), []*statetest.Person{w.nurse, w.nurse.Colleague("b")}, ledger.CodeDenied},
		"three persons":             {order(same), append(two, w.nurse.Colleague("b")), ledger.CodeInvalid},
		"an issuer nobody accepted": {order(same), []*statetest.Person{w.nurse, &unaccepted}, ledger.CodeDenied},
		"a forged credential":       {order(same), []*statetest.Person{w.nurse, &forged}, ledger.CodeInvalid},
		"assessors":                 {order(func(o *statetest.Order) { o.Credential = ledger.CredentialAssessor }), two, ledger.CodeDenied},
		"for another revision":      {order(func(o *statetest.Order) { o.Revision = 2 }), two, ledger.CodeInvalid},
		"for another unit":          {order(func(o *statetest.Order) { o.Record = ledger.UnitKey(other) }), two, ledger.CodeInvalid},
		"for another function":      {order(func(o *statetest.Order) { o.Name = ledger.DeviceClear }), two, ledger.CodeInvalid},
		"for another request":       {order(func(o *statetest.Order) { o.Request = ledger.ReleaseUnit{ID: other, Revision: 3} }), two, ledger.CodeInvalid},
		"with evidence they saw not": {order(func(o *statetest.Order) {
			o.Request = ledger.ReleaseUnit{ID: id, Revision: 3, Evidence: ledger.BodyDigest(nil)}
		}), two, ledger.CodeInvalid},
	} {
		p := w.by(north, ledger.RoleCustodian, ledger.DeviceRelease, request)
		p.Transient = w.Agreed(c.order, c.persons...)
		s, err := w.Simulate(p)
		if err != nil {
			t.Fatal(err)
		}
		if ledger.CodeOf(s.Err()) != c.code || len(s.Writes) > 0 {
			t.Errorf("%s: %v, want %q", name, s.Err(), c.code)
		}
	}
	w.want(ledger.CodeDenied, w.by(north, ledger.RoleCustodian, ledger.DeviceRelease, request)) // nobody
	late := w.releaseBy(id, two...)
	w.Advance(11 * time.Minute)
	w.want(ledger.CodeInvalid, late)
	w.must(w.releaseBy(id, two...))
}

// TestAStatementServesOnce: neither the same transaction again, nor the unit's
// next hold, can be agreed to by what was signed before.
func TestAStatementServesOnce(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id := statetest.SeededUnit(north)
	w.must(w.hold(id, ledger.HoldMalfunction))
	p := w.releaseBy(id, w.nurse, w.expert)
	w.must(p)
	w.want(ledger.CodeConflict, p) // the unit's revision is another
	w.must(w.hold(id, ledger.HoldMalfunction))
	again := w.by(north, ledger.RoleCustodian, ledger.DeviceRelease, ledger.ReleaseUnit{ID: id, Revision: w.unit(id).Revision})
	again.Transient = p.Transient
	w.want(ledger.CodeInvalid, again)

	// Two in one block, one the other's copy: one of them counts.
	id = w.register("raced", "L1")
	w.must(w.hold(id, ledger.HoldMalfunction))
	p = w.releaseBy(id, w.nurse, w.expert)
	if valid := w.Race(t, p, p); !valid[0] || valid[1] {
		t.Errorf("of a release and its copy these are valid: %v", valid)
	}
	// And across records: a lifted recall's statement does not lift it again.
	w.must(w.recall(maker, ledger.RoleRegistrar, ledger.RecallLot, "L1", 0))
	lift := w.lift(maker, ledger.RoleRegistrar, 1, w.nurse, w.expert)
	w.must(lift)
	w.want(ledger.CodeAlreadyExists, lift)
}

// TestTheLedgerKeepsCommitmentsToWhoSigned, and nothing else of them.
func TestTheLedgerKeepsCommitmentsToWhoSigned(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	id := statetest.SeededUnit(north)
	before := w.Height()
	w.must(w.certify(id, true))
	tx := w.Blocks(before)[0].Txs[0]
	var history ledger.UnitChange
	var mark ledger.StatementMark
	for _, write := range tx.Writes {
		switch write.Key.Type {
		case ledger.TypeUnitHistory:
			decode(t, write.Value, &history)
		case ledger.TypeStatementMark:
			decode(t, write.Value, &mark)
		}
	}
	if len(history.Persons) != 1 || history.Persons[0] != (ledger.PersonActed{Organisation: authority, Statement: mark.Commitment}) {
		t.Errorf("the history says %+v, the mark %+v", history.Persons, mark)
	}
}

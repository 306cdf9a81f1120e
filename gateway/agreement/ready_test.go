package agreement_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/agreement"
	"github.com/secant-platform/secant/identity/holder"
)

// beside is what travels beside the release.
func (f *office) beside(d *agreement.Desk) []byte {
	f.t.Helper()
	request, err := holder.Encode(release)
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := d.Beside(f.t.Context(), ledger.DeviceRelease, request)
	if err != nil {
		f.t.Fatal(err)
	}
	return b[ledger.TransientStatements]
}

func (p *person) jwt() string { return p.token[:strings.IndexByte(p.token, '~')] }

// TestOfTwoAgreementsOnOneRequestOneIsSubmitted: the other takes nothing from it, and
// may follow when the ledger has refused the first.
func TestOfTwoAgreementsOnOneRequestOneIsSubmitted(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	d := f.open()
	first, second := f.prepare(d), f.prepare(d)
	north, south := f.person("hospital-north"), f.person("hospital-south")
	mine, theirs := f.person("hospital-north"), f.person("hospital-south")
	for _, one := range []struct {
		a     *agreement.Agreement
		place int
		p     *person
	}{{second, 0, mine}, {first, 0, north}, {first, 1, south}} {
		if _, err := f.sign(d, one.a, one.place, one.p); err != nil {
			t.Fatal(err)
		}
	}
	signed := f.beside(d)
	if _, err := f.sign(d, second, 1, theirs); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Errorf("the same is signed twice: %v", err)
	}
	if _, err := d.Prepare(t.Context(), agreement.Order{Role: ledger.RoleCustodian, Function: ledger.DeviceRelease, Request: release}); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Errorf("the same is prepared again: %v", err)
	}
	if got := f.beside(d); !bytes.Equal(got, signed) || len(f.started) != 1 {
		t.Errorf("beside the first goes something else, and %v has begun", f.started)
	}
	f.set(func() { f.states = map[string]fact.State{"op of agreement " + first.ID: fact.StateFailed} })
	got, err := f.sign(d, second, 1, theirs)
	if err != nil || got.State != agreement.Submitted || got.Operation == nil {
		t.Fatalf("after the first has failed it is %+v (%v)", got, err)
	}
	if b := f.beside(d); !bytes.Contains(b, []byte(mine.jwt())) || bytes.Contains(b, []byte(north.jwt())) {
		t.Error("beside the second goes what was signed for the first")
	}
	// And then the first, whatever it does, takes nothing from the second.
	if _, err := d.Agreement(t.Context(), first.ID); err != nil || len(f.started) != 2 {
		t.Errorf("%v, %v", err, f.started)
	}
}

// TestWhatAPersonShowedIsKeptUntilItIsTooLate, when nobody else signs.
func TestWhatAPersonShowedIsKeptUntilItIsTooLate(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	d := f.open()
	a := f.prepare(d)
	p := f.person("hospital-north")
	if _, err := f.sign(d, a, 0, p); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.at = f.at.Add(agreement.Life) })
	got, err := d.Agreement(t.Context(), a.ID)
	if err != nil || got.State != agreement.Expired || got.Persons[0].Organisation != p.org {
		t.Errorf("it is %+v (%v)", got, err)
	}
	for _, kind := range []string{"agreement", "agreement.challenge", "agreement.shown", "agreement.ready"} {
		kept, _ := f.flows.Contents(kind)
		for _, key := range kept {
			doc, err := f.flows.Flow(t.Context(), kind, key)
			if err != nil {
				continue // its time is over
			}
			for _, secret := range []string{p.jwt(), p.key.JWK().Thumbprint(), p.key.JWK().X} {
				if bytes.Contains(doc, []byte(secret)) {
					t.Errorf("%s keeps who signed", kind)
				}
			}
		}
	}
}

// TestWhatCannotBeSubmittedInTimeExpires, and what began before goes on.
func TestWhatCannotBeSubmittedInTimeExpires(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	d := f.open()
	first, second := f.prepare(d), f.prepare(d)
	f.set(func() { f.full = true })
	for _, org := range []string{"hospital-north", "hospital-south"} {
		place := map[string]int{"hospital-north": 0, "hospital-south": 1}[org]
		if _, err := f.sign(d, first, place, f.person(org)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.sign(d, second, 0, f.person("hospital-north")); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Errorf("while the first waits for room: %v", err)
	}
	f.set(func() { f.full, f.at = false, f.at.Add(agreement.Life+time.Minute) })
	if got, err := d.Agreement(t.Context(), second.ID); err != nil || got.State != agreement.Expired {
		t.Errorf("the second is %+v (%v)", got, err)
	}
	if got, err := d.Agreement(t.Context(), first.ID); err != nil || got.State != agreement.Submitted || len(f.started) != 1 {
		t.Errorf("the first is %+v (%v): %v", got, err, f.started)
	}
}

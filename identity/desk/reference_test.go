package desk_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/keys/local"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

// TestAReferenceIsTakenBackAsAWhole: one person's copies, in every format and for every
// key, and nobody else's; by one edition of the list.
func TestAReferenceIsTakenBackAsAWhole(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := o.verifier(t)
	type copied struct {
		desk.Issued
		keys.Signer
	}
	issue := func(reference string) (all []copied) {
		t.Helper()
		for _, f := range []catalogue.Format{catalogue.SDJWT, catalogue.JWT, catalogue.LD} {
			one, two := newHolder(t), newHolder(t)
			issued, err := o.Issue(t.Context(), desk.Order{Type: "StaffRole", Format: f, Claims: nurse, Reference: reference, Holders: []ledger.JWK{one.JWK(), two.JWK()}})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, copied{issued[0], one}, copied{issued[1], two})
		}
		return all
	}
	mine, theirs := issue("n-1"), issue("n-2")
	check := func(when string, all []copied, want status.Status) {
		t.Helper()
		for _, c := range all {
			if _, err := o.judge(t, v, c.Issued, c.Signer); (err == nil) != (want == status.Valid) {
				t.Errorf("%s, %s: %v", when, c.Record.Format, err)
			}
		}
	}
	check("before", mine, status.Valid)
	if _, err := o.SetStatus(t.Context(), mine[0].Record.ID, status.Revoked); err != nil {
		t.Fatal(err)
	}
	version := o.committed["1"].Version
	for i, to := range []status.Status{status.Suspended, status.Valid, status.Revoked} {
		changed, _, err := o.SetReference(t.Context(), "n-1", to)
		if err != nil || len(changed) != 5 || changed[0].Status != to {
			t.Fatalf("%d credentials are changed, %v", len(changed), err)
		}
		if got := o.committed["1"].Version; got != version+i+1 {
			t.Errorf("the change is told in %d editions", got-version-i)
		}
		check("the others", mine[1:], to)
		check("the one that was revoked", mine[:1], status.Revoked)
		check("another person's", theirs, status.Valid)
	}
	changed, _, err := o.SetReference(t.Context(), "n-1", status.Valid)
	if err != nil || len(changed) != 0 {
		t.Errorf("what is revoked becomes valid: %+v, %v", changed, err)
	}
	for _, reference := range []string{"", strings.Repeat("x", desk.MaxReference+1)} {
		if _, _, err := o.SetReference(t.Context(), reference, status.Revoked); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("a reference of %d bytes: %v", len(reference), err)
		}
	}
	o.open(t) // as after a start
	check("after a start", mine, status.Revoked)
	check("after a start", theirs, status.Valid)
}

// TestWhatHasNoStatusIsNamedWhenItStays: one that is bound to nobody cannot be taken
// back, which whoever does is told; and its offer gives no more.
func TestWhatHasNoStatusIsNamedWhenItStays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	key, err := o.keeper.(*local.Store).BBS(desk.PurposeBBS)
	if err != nil {
		t.Fatal(err)
	}
	o.bbs = func() (string, *vc.BBSSigner, error) { return key.ID(), key.BBSSigner, nil }
	o.open(t)
	order := desk.Order{
		Type: "Practitioner", Format: catalogue.LD, Suite: catalogue.BBS, Reference: "n-1", Offer: "o-1",
		Claims: map[string]any{
			"profession": "nurse", "organisation": north, "given_name": "Ada", "family_name": "Byron",
			"licence_number": "L-1", "licence_authority": "Council",
		},
	}
	issued, err := o.Issue(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	bound := desk.Order{Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Reference: "n-1", Holders: []ledger.JWK{newHolder(t).JWK()}}
	if _, err := o.Issue(t.Context(), bound); err != nil {
		t.Fatal(err)
	}
	changed, rest, err := o.SetReference(t.Context(), "n-1", status.Suspended)
	if err != nil || len(changed) != 1 || len(rest) != 1 || rest[0].ID != issued[0].Record.ID || rest[0].Status != status.Valid {
		t.Errorf("changed is %+v, and the rest %+v (%v)", changed, rest, err)
	}
	if changed, rest, err := o.SetReference(t.Context(), "n-1", status.Valid); err != nil || len(changed) != 1 || len(rest) != 0 {
		t.Errorf("reinstated is %+v, and the rest %+v (%v)", changed, rest, err)
	}
	order.Reference, order.Offer = "", "o-2"
	if issued, err = o.Issue(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	for _, to := range []status.Status{status.Valid, status.Revoked} {
		if _, err := o.Issue(t.Context(), order); err != nil {
			t.Errorf("before anything is taken back: %v", err)
		}
		if _, err := o.SetStatus(t.Context(), issued[0].Record.ID, to); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%v: %v", to, err)
		}
	}
	if _, err := o.Issue(t.Context(), order); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("its offer gives more: %v", err)
	}
	o.now = o.now.Add(25 * time.Hour)
	if _, rest, err := o.SetReference(t.Context(), "n-1", status.Revoked); err != nil || len(rest) != 0 {
		t.Errorf("after its time the rest is %+v (%v)", rest, err)
	}
}

// meanwhile does something just before credentials are kept: when whoever fetches them
// has passed every check.
type meanwhile struct {
	desk.Store
	do func()
}

func (m *meanwhile) AddCredentials(ctx context.Context, records []desk.Record, lasting map[string]string, turn int64) error {
	if m.do != nil {
		m.do()
	}
	return m.Store.AddCredentials(ctx, records, lasting, turn)
}

// TestNothingIsIssuedAfterItWasTakenBack, also to who has passed every check by then.
func TestNothingIsIssuedAfterItWasTakenBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	racing := &meanwhile{Store: o.store}
	o.desks = racing
	o.open(t)
	if err := o.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	issue := func(offer, reference string, turn int64) ([]desk.Issued, error) {
		return o.Issue(t.Context(), desk.Order{
			Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Reference: reference, Offer: offer, Turn: turn,
			Holders: []ledger.JWK{newHolder(t).JWK(), newHolder(t).JWK()},
		})
	}
	first, err := issue("offer-1", "n-1", 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		offer, reference string
		take             func() error
	}{
		"the reference":        {"offer-2", "n-1", func() error { _, _, err := o.SetReference(t.Context(), "n-1", status.Revoked); return err }},
		"one of the offer":     {"offer-1", "n-1", func() error { _, err := o.SetStatus(t.Context(), first[0].Record.ID, status.Revoked); return err }},
		"without a credential": {"offer-3", "n-3", func() error { _, _, err := o.SetReference(t.Context(), "n-3", status.Suspended); return err }},
	} {
		turn, err := o.Turn(t.Context(), c.reference)
		if err != nil {
			t.Fatal(err)
		}
		before, _, err := o.store.Credentials(t.Context(), "", "", ledger.PageRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var taken error
		racing.do = func() { racing.do, taken = nil, c.take() }
		if _, err := issue(c.offer, c.reference, turn); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s was taken back meanwhile: %v", name, err)
		}
		if taken != nil {
			t.Errorf("taking back %s: %v", name, taken)
		}
		if _, err := issue(c.offer, c.reference, turn); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s was taken back before: %v", name, err)
		}
		after, _, err := o.store.Credentials(t.Context(), "", "", ledger.PageRequest{})
		if err != nil || len(after) != len(before) {
			t.Errorf("%s: %d credentials are kept, %d were before, %v", name, len(after), len(before), err)
		}
	}
	// What is ordered afterwards is another matter: somebody lost a phone and has a new one.
	turn, err := o.Turn(t.Context(), "n-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issue("offer-4", "n-1", turn); err != nil {
		t.Errorf("a new offer under the reference: %v", err)
	}
	if _, err := issue("offer-1", "n-1", turn); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("the old offer under the reference: %v", err)
	}
	// Taking back one of several references says nothing about another, nor about none.
	for _, reference := range []string{"n-2", ""} {
		if _, err := issue("", reference, 0); err != nil {
			t.Errorf("under the reference %q: %v", reference, err)
		}
	}
	racing.do = func() { racing.Store = broken{racing.Store} }
	if _, err := issue("offer-5", "n-5", 0); !errors.Is(err, errBroken) {
		t.Errorf("a store that breaks: %v", err)
	}
}

var errBroken = errors.New("the disk is full")

type broken struct{ desk.Store }

func (broken) AddCredentials(context.Context, []desk.Record, map[string]string, int64) error {
	return errBroken
}

func TestClaimsAreBounded(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	badge := func(n int) map[string]any {
		return map[string]any{"type": []any{"AchievementSubject"}, "achievement": map[string]any{
			"id": "https://north.example/badges/1", "type": []any{"Achievement"}, "name": "Infusion pumps",
			"criteria": map[string]any{"narrative": strings.Repeat("ж", n)}, "description": strings.Repeat("界", n),
		}}
	}
	for n, want := range map[int]ledger.Code{1000: "", 2000: ledger.CodeInvalid} {
		claims := badge(n)
		err := o.Check(desk.Order{Type: "TrainingBadge", Format: catalogue.LD, Claims: claims})
		if ledger.CodeOf(err) != want {
			t.Errorf("claims of some %d bytes: %v", 5*n, err)
		}
		if p, is := errors.AsType[*ledger.Problem](err); want != "" && (!is || len(p.Faults) != 2 || p.Faults[0].Field != "claims" ||
			!strings.Contains(p.Faults[0].Detail, "8192 bytes") || p.Faults[1].Field != "claims.achievement") {
			t.Errorf("the fault is %+v", p)
		}
	}
}

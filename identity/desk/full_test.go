package desk_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/status"
)

// crowded has a first list in which all places but some are taken by credentials of
// long ago.
type crowded struct {
	desk.Store
	free int
}

func (c crowded) EachCredential(ctx context.Context, use func(desk.Record) error) error {
	taken := map[int]bool{}
	err := c.Store.EachCredential(ctx, func(r desk.Record) error {
		if r.List == 1 {
			taken[r.Index] = true
		}
		return use(r)
	})
	for i := c.free; err == nil && i < status.MinCapacity; i++ {
		if !taken[i] {
			err = use(desk.Record{List: 1, Index: i})
		}
	}
	return err
}

// TestAFullListIsFollowedByAnother, without a start, and goes on being published.
func TestAFullListIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.desks = crowded{o.store, 1}
	o.open(t)
	if err := o.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := o.verifier(t)
	issue := func(f catalogue.Format) (desk.Issued, keys.Signer, error) {
		t.Helper()
		holder, order := newHolder(t), desk.Order{Type: "StaffRole", Format: f, Claims: nurse}
		if f == catalogue.MDoc {
			order.Type, order.Claims = "Practitioner", practitioner
		}
		order.Holders = []ledger.JWK{holder.JWK()}
		issued, err := o.Issue(t.Context(), order)
		if err != nil {
			return desk.Issued{}, nil, err
		}
		return issued[0], holder, nil
	}
	last, lastHolder, err := issue(catalogue.JWT)
	if err != nil || last.Record.List != 1 {
		t.Fatalf("the last place is %+v, %v", last.Record, err)
	}
	o.dark = true
	if _, _, err := issue(catalogue.SDJWT); ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Errorf("a credential whose list nobody can fetch yet is handed out: %v", err)
	}
	if diff := cmp.Diff([]string{"1", "1-revocation", "1-suspension"}, o.Lists()); diff != "" {
		t.Error(diff)
	}
	o.dark = false
	both := []string{"1", "1-revocation", "1-suspension", "2", "2-revocation", "2-suspension"}
	for i, f := range []catalogue.Format{catalogue.SDJWT, catalogue.JWT, catalogue.LD, catalogue.MDoc} {
		one, holder, err := issue(f)
		if err != nil || one.Record.List != 2 {
			t.Fatalf("%s: the next place is %+v, %v", f, one.Record, err)
		}
		if diff := cmp.Diff(both, o.Lists()); diff != "" {
			t.Error(diff)
		}
		for _, name := range both {
			if _, err := o.List(t.Context(), name); err != nil {
				t.Errorf("list %s: %v", name, err)
			}
		}
		if _, err := o.judge(t, v, one, holder); err != nil {
			t.Errorf("%s in the second list: %v", f, err)
		}
		first := o.committed["1"].Version
		if _, err := o.SetStatus(t.Context(), one.Record.ID, status.Revoked); err != nil {
			t.Fatal(err)
		}
		if o.committed["1"].Version != first || o.committed["2"].Version != i+2 {
			t.Errorf("a change in the second list makes editions %d of the first and %d of the second", o.committed["1"].Version, o.committed["2"].Version)
		}
		if _, err := o.judge(t, v, one, holder); step(err) != check.StepStatus {
			t.Errorf("%s revoked in the second list: %v", f, err)
		}
	}
	if _, err := o.judge(t, v, last, lastHolder); err != nil {
		t.Errorf("in the first list: %v", err)
	}
	o.open(t)
	if diff := cmp.Diff(both, o.Lists()); diff != "" {
		t.Errorf("after a start: %s", diff)
	}
	if _, err := o.SetStatus(t.Context(), last.Record.ID, status.Revoked); err != nil {
		t.Fatal(err)
	}
	if _, err := o.judge(t, v, last, lastHolder); step(err) != check.StepStatus {
		t.Errorf("revoked in the first list: %v", err)
	}
	again, _, err := issue(catalogue.SDJWT)
	if err != nil || again.Record.List != 2 {
		t.Errorf("after a start: %+v, %v", again.Record, err)
	}
	if list := o.committed["2"]; list.Version != 5 {
		t.Errorf("the second list's edition is %d", list.Version)
	}
}

// TestManyComeToAFullList: one of them begins the next, and each gets a place of its own.
func TestManyComeToAFullList(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.desks = crowded{o.store, 3}
	o.open(t)
	var all sync.WaitGroup
	for range 8 {
		holder := newHolder(t)
		all.Go(func() {
			if _, err := o.Issue(t.Context(), desk.Order{Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Holders: []ledger.JWK{holder.JWK()}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	places := map[[2]int]int{}
	if err := o.store.EachCredential(t.Context(), func(r desk.Record) error { places[[2]int{r.List, r.Index}]++; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(places) != 8 || len(o.Lists()) != 6 {
		t.Errorf("eight credentials have %d places in %v", len(places), o.Lists())
	}
}

// TestWhoIsRefusedTakesNoPlace: or else somebody could fill the lists by fetching for an
// offer that has ended.
func TestWhoIsRefusedTakesNoPlace(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.desks = crowded{o.store, 4}
	o.open(t)
	if _, _, err := o.SetReference(t.Context(), "n-1", status.Revoked); err != nil {
		t.Fatal(err)
	}
	order := desk.Order{Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Reference: "n-1", Holders: []ledger.JWK{newHolder(t).JWK(), newHolder(t).JWK()}}
	for range 20 {
		if _, err := o.Issue(t.Context(), order); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Fatal(err)
		}
	}
	if order.Turn, order.Reference = 0, "n-2"; len(o.Lists()) != 3 {
		t.Error("those who were refused filled the list")
	}
	issued, err := o.Issue(t.Context(), order)
	if err != nil || issued[0].Record.List != 1 || issued[1].Record.List != 1 {
		t.Errorf("%+v, %v", issued, err)
	}
}

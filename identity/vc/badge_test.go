package vc_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/vc"
)

var training = vc.Achievement{
	ID: "https://hospital.example/achievement/infusion-pumps", Name: "Infusion pumps",
	Description: "Safe use of infusion pumps", Criteria: "A course of one day and a test",
}

func TestABadgeIsAnOpenBadge(t *testing.T) {
	t.Parallel()
	w := newWard(t, ledger.CurveEd25519)
	given := sample()
	given.Contexts, given.Types = nil, nil
	b, err := vc.Issue(w.Contexts, w.issuer, training.Badge(given))
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.Verify(t.Context(), b, now)
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	got, err := v.Achievement()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&training, got); diff != "" {
		t.Error(diff)
	}
	if v.Holder != nurse || v.Types[1] != "OpenBadgeCredential" {
		t.Errorf("it reads as %+v", v)
	}
	plain, err := vc.Issue(w.Contexts, w.issuer, sample())
	if err != nil {
		t.Fatal(err)
	}
	if v, err = w.Verify(t.Context(), plain, now); err != nil {
		t.Fatal(err)
	}
	got, err = v.Achievement()
	refused(t, "no badge", got, err)
	for name, change := range map[string]func(a *vc.Achievement){
		"no id":          func(a *vc.Achievement) { a.ID = "" },
		"no name":        func(a *vc.Achievement) { a.Name = "" },
		"no description": func(a *vc.Achievement) { a.Description = "" },
	} {
		a := training
		change(&a)
		b, err := vc.Issue(w.Contexts, w.issuer, a.Badge(given))
		if err != nil {
			continue // not even issued
		}
		if v, err = w.Verify(t.Context(), b, now); err != nil {
			t.Fatal(err)
		}
		got, err := v.Achievement()
		refused(t, name, got, err)
	}
}

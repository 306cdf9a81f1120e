package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
	fhirapi "github.com/secant-platform/secant/gateway/fhir"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/vault"
)

// TestNothingIsEnteredAboutWhatWasErased: a request is erased, with its subject or by
// itself, after it is durable and before the list, a resource or an image is entered for
// it. Nothing of these stays.
func TestNothingIsEnteredAboutWhatWasErased(t *testing.T) {
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	ctx, r := t.Context(), north.node.readings
	north.await("readings are taken", func() bool { return r.pipeline.Load() != nil })
	p, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	submit := func(subject pseudonym.ID) proof.RequestID {
		t.Helper()
		id, err := resources{r}.Submit(ctx, &fhirapi.Submission{Subject: subject, Body: []byte(`{"resourceType":"Observation"}`)})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	key := north.node.vault.ID([]byte("a name"))
	enter := func(n string, id proof.RequestID) {
		t.Helper()
		i := indexes{north.node.store, r}
		if _, err := i.PutResources(ctx, []fhir.Write{{
			Version: fhir.Version{Type: "Observation", ID: n, Request: id.String()}, Keys: []fhir.Key{{Param: "code", Value: key[:]}},
		}}); err != nil {
			t.Fatal(err)
		}
		if _, err := i.PutImages(ctx, []fact.Image{{Instance: "1." + n, Study: "1", Series: "1", Class: "1", Digest: "d" + n, Measured: "node", Receipt: id.String()}}); err != nil {
			t.Fatal(err)
		}
	}
	found := func() int {
		t.Helper()
		all, _, err := north.node.store.Resources(ctx, fhir.Query{Type: "Observation", Keys: []fhir.Any{{Param: "code", Values: [][]byte{key[:]}}}}, ledger.PageRequest{Size: 10})
		if err != nil {
			t.Fatal(err)
		}
		images, _, err := north.node.store.Images(ctx, fact.ImageInstances, fact.ImageFilter{}, 10, 0)
		if err != nil {
			t.Fatal(err)
		}
		return 10*len(all) + len(images)
	}
	enter("1", submit("p-1"))
	if n := found(); n != 11 {
		t.Fatalf("found %d", n)
	}

	id := submit("p-2")
	if _, err := r.EraseSubject(ctx, "p-2"); err != nil {
		t.Fatal(err)
	}
	enter("2", id)
	id = submit("p-3")
	if err := r.Erase(ctx, id); err != nil {
		t.Fatal(err)
	}
	enter("3", id)
	if n := found(); n != 11 {
		t.Errorf("found %d", n)
	}

	// The list is being made when a request is erased that was read for it.
	id = submit("p-4")
	listed := func() int {
		page, err := north.node.store.ReadingsOf(ctx, fact.ReadingFilter{}, ledger.PageRequest{Size: 10})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Items)
	}
	north.await("all is listed", func() bool { return listed() == 2 })
	r.sweeping.Lock()
	done := make(chan error, 1)
	go func() { done <- r.Erase(ctx, id) }()
	north.await("it is erased", func() bool { gone, err := p.Erased(id); return gone && err == nil })
	row := fact.Reading{ID: id.String(), LogIndex: 3, VouchedBy: string(proof.VouchedByNode), MediaType: ingest.MediaFHIR}
	if err := north.node.store.AddReadings(ctx, []fact.Reading{row}, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	r.sweeping.Unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := listed(); n != 1 {
		t.Errorf("%d are listed", n)
	}
}

// TestDamageIsWaitedFor: what needs readings that are damaged, or somewhere that does not
// answer, is done again, and ends nothing; anything else does.
func TestDamageIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		other := errors.New("another")
		all := []error{
			fmt.Errorf("listing: %w", &vault.DamageError{Detail: "a byte"}), ledger.Problemf(ledger.CodeUnavailable, "down"), other, nil,
		}
		run := func() (err error) { err, all = all[0], all[1:]; return err }
		logger := slog.New(slog.DiscardHandler)
		if err := patiently(context.Background(), logger, run); !errors.Is(err, other) {
			t.Error(err)
		}
		if err := patiently(context.Background(), logger, run); err != nil || len(all) != 0 {
			t.Error(err)
		}
	})
}

package app

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/analytics/compliance/compliancetest"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestACertificateOfConformityOutlivesItsCatalogue: what the members use afterwards
// changes nothing of what was found, and what cannot be read any more is told.
func TestACertificateOfConformityOutlivesItsCatalogue(t *testing.T) {
	t.Parallel()
	own := compliance.BuiltIn()
	a, err := compliance.Evaluate(own, compliancetest.Mixed())
	if err != nil {
		t.Fatal(err)
	}
	published := own.Counts()
	published.Author, published.Published = "authority", time.Now()
	next := &ledger.CatalogueInUse{V: 1, Name: own.Name, Version: "2", Digest: ledger.BodyDigest([]byte("another")), Since: time.Now(), Revision: 2}
	unit := func(assessor string) *ledger.Unit {
		return &ledger.Unit{
			V: 2, ID: a.Facts.Unit.ID, DI: a.Facts.Model.DI, Release: a.Facts.Release.Version, Lot: "L", Manufacturer: "medtech", Owner: "hospital-north",
			State: ledger.StateInService, Certification: ledger.CertificationConditional, Revision: 3,
			Assessment: &ledger.Assessment{
				Catalogue: own.ID(), Release: a.Facts.Release.Version, Score: 7500, Verdict: ledger.VerdictConditional, ResultDigest: a.Digest(),
				Assessor: assessor, Time: time.Now(), ValidTo: time.Now().Add(24 * time.Hour),
			},
		}
	}
	keep := func(c *controls, document []byte) {
		if err := c.PutDocument(t.Context(), fact.Document{Kind: fact.DocumentAssessment, Digest: a.Digest(), MediaType: "application/json", Body: document}); err != nil {
			t.Fatal(err)
		}
	}
	claims := map[string]any{"unit": a.Facts.Unit.ID, "conditions": []any{"none that matters"}}

	c := newControls(recordedStore(t, published, next, unit("authority")))
	keep(c, a.Document())
	got, life, err := c.conform(t.Context(), "authority", claims, 0)
	if err != nil {
		t.Fatal(err)
	}
	if open, _ := got["conditions"].([]any); len(open) < 2 || slices.Contains(open, claims["conditions"].([]any)[0]) || got["catalogue"] != own.ID() || life > 24*time.Hour {
		t.Errorf("the certificate says %v for %s", got, life)
	}

	in := func(state string) *controls {
		u := unit("authority")
		u.State = state
		return newControls(recordedStore(t, published, u))
	}
	for name, of := range map[string]*controls{
		"a device that is held":         in(ledger.StateHeld),
		"one in quarantine":             in(ledger.StateQuarantined),
		"one that is retired":           in(ledger.StateRetired),
		"another's assessment":          newControls(recordedStore(t, published, unit("another-authority"))),
		"a catalogue that is not here":  newControls(recordedStore(t, next, unit("authority"))),
		"a certification that is over":  newControls(recordedStore(t, published, func() *ledger.Unit { u := unit("authority"); u.Assessment.ValidTo = time.Now(); return u }())),
		"a device that nobody assessed": newControls(recordedStore(t, published, func() *ledger.Unit { u := unit("authority"); u.Assessment = nil; return u }())),
	} {
		keep(of, a.Document())
		if _, _, err := of.conform(t.Context(), "authority", claims, 0); ledger.CodeOf(err) != ledger.CodeConflict {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// wordOfAModel: an authority says of a whole model that a critical control is not met.
// Its devices' owners are told, and decide; nothing is held by itself.
func (w *ward) wordOfAModel(t *testing.T, unit string) {
	t.Helper()
	last, err := w.north.node.store.LastEvent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.authority.want(http.StatusCreated, "certifier", http.MethodPost, "/v1/compliance/evidence", map[string]any{
		"di": soundDI, "control": "CE-1", "claim": "not_met", "digest": ledger.BodyDigest([]byte("withdrawn")),
	}, nil)
	w.north.await("the news of it", func() bool {
		events, err := w.north.node.store.Events(t.Context(), last, 100)
		return err == nil && slices.ContainsFunc(events, func(e fact.Event) bool {
			return e.Kind == fact.EventControlsFailed && slices.Equal(e.Subjects, []string{unit, "CE-1"})
		})
	})
	if u := w.unit(t, w.north, unit); u.OwnState() != ledger.StateInService {
		t.Errorf("by an authority's word of its model the device is %s %v", u.OwnState(), u.Holds)
	}
	w.authority.want(http.StatusCreated, "certifier", http.MethodPost, "/v1/compliance/evidence", map[string]any{
		"di": soundDI, "control": "CE-1", "claim": "met", "digest": ledger.BodyDigest([]byte("given back")),
	}, nil)
	w.north.await("that it was taken back", func() bool {
		j, err := w.north.node.controls.Judge(t.Context(), unit, false)
		return err == nil && len(j.Assessment.ToDecide(j.Catalogue)) == 0
	})
}

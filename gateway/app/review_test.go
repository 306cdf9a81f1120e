package app

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// recordedStore opens the store of a hospital's node with records of the ledger.
func recordedStore(t *testing.T, records ...interface{ Key() ledger.Key }) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.Place(t), store.Options{Organisation: "hospital-north"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	tx := ledger.Tx{ID: "0", Name: "test:Write", Creator: "authority", Time: time.Now(), Valid: true}
	for _, r := range records {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		tx.Writes = append(tx.Writes, ledger.Write{Key: r.Key(), Value: b})
	}
	if _, err := s.Apply(t.Context(), &ledger.Block{Txs: []ledger.Tx{tx}}); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOneDeviceDoesNotKeepOthersFromReview: what the outbox refuses is tried later, and
// the devices behind it are judged meanwhile.
func TestOneDeviceDoesNotKeepOthersFromReview(t *testing.T) {
	t.Parallel()
	unit := &ledger.Unit{
		V: 2, ID: ledger.BodyDigest(nil), DI: soundDI, Release: "1.0", Lot: "L", Manufacturer: "medtech", Owner: "hospital-north",
		State: ledger.StateInService, Certification: ledger.CertificationNone, Revision: 1,
	}
	s := recordedStore(t, unit)
	now := time.Now()
	due, _, err := s.ToReview(t.Context(), now, reviewBatch)
	if err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	r := &reviewer{organisation: "hospital-north", controls: newControls(s)}
	for i, c := range []struct {
		code ledger.Code
		told bool
	}{{ledger.CodeBusy, false}, {ledger.CodeInvalid, true}} {
		err := r.later(t.Context(), due[0], now, ledger.Problemf(c.code, "no"))
		if told := err != nil; told != c.told {
			t.Errorf("%s: %v", c.code, err)
		}
		if again, next, err := s.ToReview(t.Context(), now, reviewBatch); len(again) != 0 || !next.After(now) || err != nil {
			t.Errorf("%d: %+v %v %v", i, again, next, err)
		}
		if due, _, err = s.ToReview(t.Context(), now.Add(2*time.Hour), reviewBatch); err != nil || len(due) != 1 || due[0].Attempts != i+1 {
			t.Fatal(due, err)
		}
	}
}

// TestAHoldThatFailedIsSentAgain: a ledger that does not answer for a while must not
// leave a device in service that is to be held.
func TestAHoldThatFailedIsSentAgain(t *testing.T) {
	t.Parallel()
	s := recordedStore(t)
	r := &reviewer{organisation: "hospital-north", controls: newControls(s)}
	unit := &ledger.Unit{ID: ledger.BodyDigest(nil), Revision: 3}
	at := func(now time.Time) string {
		t.Helper()
		key, err := r.holdKey(t.Context(), unit, ledger.HoldAttestation, now)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	keys := map[string]bool{}
	for range 3 {
		key := at(time.Now().Add(settled))
		if keys[key] {
			t.Fatal("a hold that failed is not sent again")
		}
		keys[key] = true
		op, joined, err := s.Enqueue(t.Context(), key, ledger.RoleCustodian, ledger.DeviceHold, []byte(strconv.Itoa(len(keys))))
		if err != nil || joined {
			t.Fatal(joined, err)
		}
		if at(time.Now().Add(settled)) != key {
			t.Error("a hold under way is sent twice")
		}
		if changed, err := s.SetFailed(t.Context(), op.Seq, ledger.Problemf(ledger.CodeUnavailable, "the ledger did not answer")); err != nil || !changed {
			t.Fatal(changed, err)
		}
		if !keys[at(time.Now())] {
			t.Error("a hold is sent again at once")
		}
	}
}

// TestAnAssessmentThatNeverReachedTheLedgerIsPublishedAgain: not only when something
// changes, or after a week.
func TestAnAssessmentThatNeverReachedTheLedgerIsPublishedAgain(t *testing.T) {
	t.Parallel()
	const unit = "u"
	published := time.Now()
	record := func(by, results string, at time.Time) *ledger.ControlAssessment {
		return &ledger.ControlAssessment{V: 1, Unit: unit, Results: results, Assessor: by, ResultDigest: ledger.BodyDigest([]byte(by + results)), Time: at}
	}
	was := &fact.Review{Unit: unit, Results: "PF", Published: published}
	for name, c := range map[string]struct {
		after   time.Duration
		records []interface{ Key() ledger.Key }
		want    bool
	}{
		"under way":           {time.Minute, nil, true},
		"lost":                {24 * time.Hour, nil, false},
		"there":               {24 * time.Hour, []interface{ Key() ledger.Key }{record("hospital-north", "PF", published.Add(time.Second))}, true},
		"an older one":        {24 * time.Hour, []interface{ Key() ledger.Key }{record("hospital-north", "PF", published.Add(-24*time.Hour))}, false},
		"one of others":       {24 * time.Hour, []interface{ Key() ledger.Key }{record("authority", "PF", published)}, false},
		"one before a change": {24 * time.Hour, []interface{ Key() ledger.Key }{record("hospital-north", "FF", published)}, false},
	} {
		r := &reviewer{organisation: "hospital-north", controls: newControls(recordedStore(t, c.records...))}
		if got, err := r.recorded(t.Context(), was, published.Add(c.after)); err != nil || got != c.want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

// TestNothingIsJudgedByADocumentThatTheLedgerDoesNotCountBy: whoever publishes a
// catalogue has the ledger count as its document says, or the members' nodes refuse it.
func TestNothingIsJudgedByADocumentThatTheLedgerDoesNotCountBy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*ledger.Catalogue)
		want   ledger.Code
	}{
		"as it is":            {func(*ledger.Catalogue) {}, ""},
		"nothing is critical": {func(c *ledger.Catalogue) { c.Controls[0].Critical = false }, ledger.CodeUnavailable},
		"another order":       {func(c *ledger.Catalogue) { c.Controls[0], c.Controls[1] = c.Controls[1], c.Controls[0] }, ledger.CodeUnavailable},
		"another version":     {func(c *ledger.Catalogue) { c.Version = "99" }, ledger.CodeUnavailable},
	} {
		published := compliance.BuiltIn().Counts()
		published.Author, published.Published = "authority", time.Now()
		c.change(published)
		used := &ledger.CatalogueInUse{V: 1, Name: published.Name, Version: published.Version, Digest: published.Digest, Since: time.Now(), Revision: 1}
		if _, _, err := newControls(recordedStore(t, published, used)).InUse(t.Context()); ledger.CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package misp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	anAttribute = "a1b2c3d4-0000-4000-8000-000000000071"
	aSighting   = "a1b2c3d4-0000-4000-8000-00000000007f"
)

func (w *world) addOne() {
	w.t.Helper()
	w.must(w.add, `{"Event":{"uuid":"`+anEvent+`","info":"x","timestamp":"1000","Attribute":[{"uuid":"`+anAttribute+`","type":"ip-dst","value":"198.51.100.7","to_ids":true,"timestamp":"1000"}]}}`)
}

// list calls a handler that answers with a list.
func (w *world) list(h func(*gin.Context) error, body string, params ...string) (out []any) {
	w.t.Helper()
	answer := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(answer)
	c.Request = httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "/", strings.NewReader(body))
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		c.AddParam(name, value)
	}
	if err := h(c); err != nil {
		w.t.Fatal(err)
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// indicators are the last versions of those in the collection, by their id, and whether
// they are revoked.
func (w *world) indicators() map[string]bool {
	w.t.Helper()
	list, _, err := w.store.STIX(w.t.Context(), fact.STIXFilter{Collection: "own", Types: []string{"indicator"}}, 100, true)
	if err != nil {
		w.t.Fatal(err)
	}
	got := map[string]bool{}
	for _, o := range list {
		var body struct {
			Revoked  bool
			Modified time.Time
		}
		if err := json.Unmarshal(o.Body, &body); err != nil || !body.Modified.Equal(o.Version) {
			w.t.Errorf("%s, %v", o.Body, err)
		}
		all, err := cti.ReadEnvelope(fmt.Appendf(nil, `{"objects":[%s]}`, o.Body))
		if err != nil || len(all) != 1 || all[0].Fault != nil {
			w.t.Errorf("%s is no STIX: %v", o.Body, err)
		}
		got[o.ID] = body.Revoked
	}
	return got
}

// TestWhatIsDeletedIsRevoked: whoever has the STIX objects of what was deleted learns of it.
func TestWhatIsDeletedIsRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.addOne()
	id := "indicator--" + anAttribute
	if d := cmp.Diff(map[string]bool{id: false}, w.indicators()); d != "" {
		t.Error(d)
	}
	w.must(w.removeAttribute, "", "attribute="+anAttribute)
	if d := cmp.Diff(map[string]bool{id: true}, w.indicators()); d != "" {
		t.Error(d)
	}
	if _, err := w.do(w.removeAttribute, "", "attribute="+anAttribute); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("deleted twice: %v", err)
	}
	// Entered again it is another edition, and stands.
	w.must(w.edit, `{"Attribute":[{"uuid":"`+anAttribute+`","type":"ip-dst","value":"198.51.100.7","to_ids":true}]}`, "event="+anEvent)
	if d := cmp.Diff(map[string]bool{id: false}, w.indicators()); d != "" {
		t.Error(d)
	}
	w.must(w.remove, "", "event="+anEvent)
	if d := cmp.Diff(map[string]bool{id: true}, w.indicators()); d != "" {
		t.Error(d)
	}
	if _, err := w.do(w.add, `{"uuid":"`+anEvent+`","info":"x","timestamp":"99999999999"}`); ledger.CodeOf(err) != ledger.CodeGone {
		t.Errorf("a deleted event comes back: %v", err)
	}
}

// TestAnotherServerPushesWhatIsNew.
func TestAnotherServerPushesWhatIsNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.addOne()
	other := "a1b2c3d4-0000-4000-8000-000000000099"
	offer := func(at int) []any {
		return w.list(w.wantedEvents, fmt.Sprintf(`[{"Event":{"uuid":%q,"timestamp":"%d"}},{"Event":{"uuid":%q,"timestamp":"1"}},{"Event":{"uuid":"no"}}]`, anEvent, at, other))
	}
	for at, want := range map[int][]any{999: {other}, 1_000: {other}, 1_001: {anEvent, other}} {
		if d := cmp.Diff(want, offer(at)); d != "" {
			t.Errorf("%d: %s", at, d)
		}
	}
	w.must(w.remove, "", "event="+anEvent)
	if d := cmp.Diff([]any{other}, offer(5_000_000_000)); d != "" {
		t.Errorf("once it was deleted: %s", d)
	}
	out := w.must(w.postTest, `{"testString":"ä"}`)
	if body, ok := out["body"].(map[string]any); !ok || body["testString"] != "ä" {
		t.Errorf("%v", out)
	}
}

// TestSightingsAreHandedOverOnce, and only what this organisation saw of what another
// member shared is told.
func TestSightingsAreHandedOverOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told []string
	w.Sight = func(_ context.Context, name, report string, count int, first, last time.Time) error {
		told = append(told, fmt.Sprintf("%s %d %d %d", report, count, first.Unix(), last.Unix()))
		if len(name) != 64 {
			t.Errorf("named %q", name)
		}
		return nil
	}
	w.addOne()
	report := strings.Repeat("1", 64)
	at := now.Unix() - 100
	bulk := func(event string) map[string]any {
		return w.must(w.bulkSightings, fmt.Sprintf(`[{"uuid":%[1]q,"attribute_uuid":%[2]q,"date_sighting":"%[3]d","type":"0"},{"uuid":"%[4]s1","attribute_uuid":%[2]q,"date_sighting":"%[5]d","type":"0"},
			{"uuid":"%[4]s2","attribute_uuid":%[2]q,"date_sighting":"%[3]d","type":"1"},{"uuid":"%[4]s3","attribute_uuid":%[2]q,"date_sighting":"%[3]d","type":"0","Organisation":{"name":"another"}},
			{"uuid":"%[4]s1","attribute_uuid":%[2]q,"date_sighting":"%[5]d","type":"0"},{"uuid":"%[4]s4","attribute_uuid":"00000000-0000-4000-8000-000000000000","type":"0"}]`,
			aSighting, anAttribute, at, aSighting[:35], at+50), "event="+event)
	}
	if out := bulk(anEvent); out["saved"] != true || out["success"] != "4 sightings added." {
		t.Errorf("%v", out)
	}
	if out := bulk(anEvent); out["saved"] != false {
		t.Errorf("again: %v", out)
	}
	if len(told) > 0 {
		t.Errorf("told of what nobody shared: %v", told)
	}
	had := w.list(w.hadSightings, `["`+aSighting+`","00000000-0000-4000-8000-000000000000"]`, "event="+anEvent)
	if d := cmp.Diff([]any{aSighting}, had); d != "" {
		t.Error(d)
	}
	found := w.must(w.searchSightings, `{"returnFormat":"json","last":0,"includeUuid":true,"uuid":["`+anEvent+`"]}`, "context=event")
	if list, _ := found["response"].([]any); len(list) != 4 {
		t.Errorf("%v", found)
	}
	index := w.list(w.index, `{"minimal":1}`)
	if one, _ := index[0].(map[string]any); one["sighting_timestamp"] != strconv.FormatInt(at+50, 10) {
		t.Errorf("%v", index)
	}
	// Of a report only what this organisation saw goes to who shared it.
	list := []said{}
	for i, s := range []fact.MISPSighting{{Date: 5}, {Date: 9}, {Date: 7, Type: fact.MISPFalsePositive}, {Date: 1, Org: "another"}} {
		s.UUID, s.Event, s.Attribute = fmt.Sprintf("%s%x", aSighting[:35], 8+i), anEvent, anAttribute
		if s.Org == "" {
			s.Org = w.Organisation
		}
		list = append(list, said{s, report})
	}
	if err := w.keepSightings(t.Context(), list); err != nil || !slices.Equal(told, []string{report + " 2 5 9"}) {
		t.Errorf("%v, %v", told, err)
	}
	for _, body := range []string{`{"value":"198.51.100.7","type":"3"}`, `{"value":"198.51.100.7","timestamp":"99999999999"}`, `{"value":""}`, `{"values":[[]]}`, `[]`} {
		if _, err := w.do(w.addSighting, body); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, body := range []string{`{"anything":1}`, `{"type":"x"}`, `{"limit":0}`, `{"from":"soon"}`} {
		if _, err := w.do(w.searchSightings, body); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// FuzzRequests reads anything as the lists that servers send.
func FuzzRequests(f *testing.F) {
	f.Add([]byte(`[{"Event":{"uuid":"x","timestamp":1}}]`), "Event")
	f.Add([]byte(`{"Sighting":[{"uuid":"x","type":"0"}]}`), "Sighting")
	f.Add([]byte(`{"Attribute":{"type":"url","value":"x"}}`), "Attribute")
	f.Fuzz(func(t *testing.T, body []byte, below string) {
		list, err := decodeList(body, below)
		if err == nil && slices.ContainsFunc(list, func(m members) bool { return m == nil }) {
			t.Errorf("%s: %v", body, list)
		}
		m, err := decode(body)
		if err != nil {
			return
		}
		if f, err := (&API{Deps{Now: clock()}}).sightingFilter(m, "event"); err == nil && (f.Limit < 1 || f.Page < 1) {
			t.Errorf("%s: %+v", body, f)
		}
	})
}

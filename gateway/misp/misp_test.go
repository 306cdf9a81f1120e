package misp

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func clock() func() time.Time { return func() time.Time { return now } }

func read(t *testing.T, body string) (*fact.MISPFilter, error) {
	t.Helper()
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	a := &API{Deps{Now: func() time.Time { return now }}}
	f, _, err := a.filter(c, 100)
	return f, err
}

// TestWhatIsNotUnderstoodIsRefused: a search never finds more than was asked for.
func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	t.Parallel()
	yes := true
	for body, want := range map[string]*fact.MISPFilter{
		``: {Limit: 100, Page: 1},
		`{"request":{"value":["a","b%"],"to_ids":1,"limit":5,"page":"2"}}`:     {Values: []string{"a", "b%"}, ToIDs: &yes, Limit: 5, Page: 2},
		`{"tags":{"OR":["x"],"NOT":["y"]},"object_name":null,"other":0}`:       {Tags: []string{"x"}, NotTags: []string{"y"}, Limit: 100, Page: 1},
		`{"value":"a&&b","timestamp":"1d","from":"2026-11-01"}`:                {Values: []string{"a", "b"}, Since: now.Add(-24 * time.Hour).Unix(), From: "2026-11-01", Limit: 100, Page: 1},
		`{"org":"a&&!b","tag":"c|d"}`:                                          {Orgs: []string{"a"}, NotOrgs: []string{"b"}, Tags: []string{"c|d"}, Limit: 100, Page: 1},
		`{"timestamp":["20","10"],"eventinfo":"%x%","uuid":"A","to":"100000"}`: {Since: 10, Until: 20, Info: "x", UUIDs: []string{"a"}, To: "1970-01-02", Limit: 100, Page: 1},
	} {
		got, err := read(t, body)
		if err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v\n%s", body, err, cmp.Diff(want, got))
		}
	}
	for _, body := range []string{
		`[]`, `{"object_name":["x"]}`, `{"object_name":"x"}`, `{"anything":{}}`, `{"value":{"AND":["a"]}}`, `{"value":[]}`, `{"value":[[]]}`, `{"limit":0}`,
		`{"page":-1}`, `{"timestamp":"soon"}`, `{"timestamp":["1","2","3"]}`, `{"from":"yesterday"}`, `{"returnFormat":"xml"}`, `{"value":"a"`,
		`{"value":"%a` + strings.Repeat("&&%a", maxPatterns) + `"}`, `{"tags":"a` + strings.Repeat("&&a", maxTags) + `"}`, `{"type":{"NOT":["url"]}}`,
	} {
		if _, err := read(t, body); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestAnEventIsCompletedAndBounded.
func TestAnEventIsCompletedAndBounded(t *testing.T) {
	t.Parallel()
	m, err := decode([]byte(`{"Event":{"info":"x","id":"7","Attribute":[{"type":"filename|md5","value":"a|b"},{"type":"url","value":"c","deleted":true}],"Tag":[{"name":"tlp:red"},{"name":"tlp:red"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	e, err := event(m, "north", now)
	if err != nil {
		t.Fatal(err)
	}
	if !uuid.MatchString(e.UUID) || e.Orgc != "north" || e.Date != "2026-11-30" || e.Timestamp != now.Unix() || len(e.Tags) != 1 || len(e.Attributes) != 1 ||
		strings.Join(e.Attributes[0].Values, " ") != "a|b a b" {
		t.Errorf("%+v", e)
	}
	var kept map[string]any
	if err := json.Unmarshal(e.Body, &kept); err != nil || kept["id"] != nil || kept["attribute_count"] != "1" {
		t.Errorf("%s, %v", e.Body, err)
	}
	for _, body := range []string{
		`{}`, `{"info":"x","uuid":"y"}`, `{"info":"x","date":"today"}`, `{"info":"x","Attribute":[{"type":"url"}]}`, `{"info":"x","Attribute":[{"type":"url","value":"a","uuid":"b"}]}`,
		`{"info":"x","Attribute":[{"type":"url","value":"a","uuid":"00000000-0000-4000-8000-000000000000"},{"type":"url","value":"b","uuid":"00000000-0000-4000-8000-000000000000"}]}`,
		`{"info":"` + strings.Repeat("x", maxTitle+1) + `"}`,
	} {
		m, err := decode([]byte(body))
		if err == nil {
			_, err = event(m, "north", now)
		}
		if ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestWhatIsKeptCanBeReadAgain: an event that grows beyond a bound when it is completed,
// escaped or put together with an older edition is refused, and does not lie there for
// nobody.
func TestWhatIsKeptCanBeReadAgain(t *testing.T) {
	t.Parallel()
	m, err := decode([]byte(`{"info":"x","Attribute":[{"type":"comment","value":"` + strings.Repeat("<", MaxBody/4) + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := event(m, "north", now); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("%v", err)
	}
}

// FuzzEvent reads anything as an event and as a newer edition of one: what is kept is an
// event again.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"Event":{"info":"x","Attribute":[{"type":"url","value":"c"}],"Object":[{"Attribute":[{"type":"a|b","value":"c|d"}]}],"Tag":[{"name":"y"}]}}`))
	f.Add([]byte(`{"info":"x","timestamp":1,"threat_level_id":"9","published":"1","Attribute":[1,null,{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := decode(body)
		if err != nil {
			return
		}
		older, err := decode([]byte(`{"Attribute":[{"uuid":"00000000-0000-4000-8000-000000000000","type":"url","value":"z"}],"Tag":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		merge(older, m)
		e, err := event(m, "north", now)
		if err != nil {
			return
		}
		again, err := decode(e.Body)
		if err != nil {
			t.Fatal(err)
		}
		if next, err := event(again, "south", now); err != nil || next.UUID != e.UUID || len(next.Attributes) != len(e.Attributes) {
			t.Errorf("%s: %v", e.Body, err)
		}
	})
}

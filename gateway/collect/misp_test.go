package collect

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// feed is a feed of MISP: events by their UUIDs, and what the manifest says of them.
type feed struct {
	stamps  map[string]int
	events  map[string]string
	fetched map[string]int
	broken  bool
}

func (f *feed) serve(rw http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/feed/"), ".json")
	if name == "manifest" {
		manifest := map[string]any{}
		for id, stamp := range f.stamps {
			manifest[id] = map[string]any{"timestamp": strconv.Itoa(stamp), "info": "x", "Orgc": map[string]any{"name": "CIRT"}}
		}
		text, _ := json.Marshal(manifest)
		if len(manifest) == 0 {
			text = []byte("[]") // as PHP writes it
		}
		_, _ = rw.Write(text)
		return
	}
	f.fetched[name]++
	text, ok := f.events[name]
	switch {
	case f.broken:
		rw.WriteHeader(http.StatusInternalServerError)
	case !ok:
		rw.WriteHeader(http.StatusNotFound)
	default:
		_, _ = rw.Write([]byte(text))
	}
}

func feedEvent(id string, stamp int, info string) string {
	return fmt.Sprintf(`{"Event":{"uuid":%q,"info":%q,"date":"2026-01-02","timestamp":"%d","threat_level_id":"2","analysis":"2","published":true,
		"Orgc":{"uuid":"55f6ea5e-2c60-40e5-964f-47a8950d210f","name":"CIRT"},"Tag":[{"name":"tlp:green"}],
		"Attribute":[{"uuid":"%s1","type":"ip-dst","category":"Network activity","value":"203.0.113.9","to_ids":true,"timestamp":"%d"}]}}`, id, info, stamp, id[:35], stamp)
}

// reports lists the titles of reports that are kept, sorted.
func (w *world) reports() []string {
	w.tb.Helper()
	var titles []string
	for page := (ledger.PageRequest{Size: 100}); ; {
		got, err := w.store.Alerts(w.tb.Context(), fact.AlertFilter{Kind: adapt.KindReport}, page)
		if err != nil {
			w.tb.Fatal(err)
		}
		for i := range got.Items {
			titles = append(titles, got.Items[i].Title)
		}
		if page.Bookmark = got.Next; got.Next == "" {
			slices.Sort(titles)
			return titles
		}
	}
}

func TestAFeedOfMISPIsReadOnce(t *testing.T) {
	t.Parallel()
	const one, two = "00000000-0000-4000-8000-000000000010", "00000000-0000-4000-8000-000000000020"
	w := newWorld(t)
	f := &feed{
		stamps: map[string]int{one: 1_767_312_000, two: 1_767_312_000}, fetched: map[string]int{},
		events: map[string]string{one: feedEvent(one, 1_767_312_000, "first"), two: feedEvent(two, 1_767_312_000, "second")},
	}
	way := MISP(site(t, "/feed/", f.serve))
	w.must(way, named(t, "misp"))
	w.restart()
	w.must(way, named(t, "misp"))
	if !maps.Equal(f.fetched, map[string]int{one: 1, two: 1}) {
		t.Errorf("fetched: %v", f.fetched)
	}
	if got := w.reports(); !slices.Equal(got, []string{"first", "second"}) {
		t.Fatalf("got %q", got)
	}
	objects, _, err := w.store.STIX(t.Context(), fact.STIXFilter{Collection: "own", Types: []string{"indicator"}}, 100, true)
	if err != nil || len(objects) != 2 || !strings.Contains(string(objects[0].Body), "203.0.113.9") {
		t.Errorf("got %d indicators, %v; want 2", len(objects), err)
	}

	f.stamps[two]++ // changed
	f.events[two] = feedEvent(two, f.stamps[two], "third")
	f.broken = true
	if err := w.look(way, named(t, "misp")); err == nil || !strings.Contains(err.Error(), "tried again") {
		t.Errorf("an event that cannot be fetched is not said: %v", err)
	}
	f.broken = false
	w.must(way, named(t, "misp"))
	if got := w.reports(); !slices.Equal(got, []string{"first", "second", "third"}) {
		t.Errorf("got %q", got)
	}

	f.stamps["../../etc/passwd"] = 1
	wantCode(t, ledger.CodeInvalid, w.look(way, named(t, "misp")))
	clear(f.stamps)
	err = w.look(way, named(t, "misp"))
	if wantCode(t, ledger.CodeInvalid, err); !strings.Contains(err.Error(), "nothing was taken back") {
		t.Errorf("got %v", err)
	}
	if got := w.reports(); len(got) != 3 {
		t.Errorf("a feed that lost its events took some away: %v", got)
	}
}

// TestEventsOfOthersAreRead reads a feed of events that were published; the one that is
// no event is refused by itself.
func TestEventsOfOthersAreRead(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("../../../shared/data/cti/misp/eset-events/*.json")
	if len(files) == 0 {
		t.Skip("the published events are not here")
	}
	w := newWorld(t)
	f := &feed{stamps: map[string]int{}, events: map[string]string{}, fetched: map[string]int{}}
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
		f.stamps[id], f.events[id] = 1_767_312_000, string(text)
	}
	w.must(MISP(site(t, "/feed/", f.serve)), named(t, "misp"))
	if got := w.reports(); len(got) != len(files)-1 {
		t.Errorf("%d of %d events are kept", len(got), len(files))
	}
	if s := w.state(); s.Refused != 1 || !strings.Contains(s.Reason, "no MISP event") {
		t.Errorf("refused: %d, for %q", s.Refused, s.Reason)
	}
}

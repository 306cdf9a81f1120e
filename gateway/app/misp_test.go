package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/identity/peertest"
)

// TestPyMISPPushesPullsAndSearches: MISP's own library pushes an event to a node, edits,
// tags, finds and pulls it, says what was seen of it, deletes, and brings it to another
// node; there it is STIX as well.
func TestPyMISPPushesPullsAndSearches(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north, south := c.start(t, "hospital-north"), c.start(t, "hospital-south")
	args := []string{}
	for _, n := range []*running{north, south} {
		token, err := Token(n.cfg, "analyst", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, n.url+"/misp/", token)
	}
	var got map[string]any
	if err := json.Unmarshal(peertest.Python(t, "pymisp", args...), &got); err != nil {
		t.Fatal(err)
	}
	one := []any{true}
	want := map[string]any{
		"added": true, "again": true, "attributes": 3.0, "object": []any{"beacon.example.org", "198.51.100.78"}, "exists": true, "unknown": false,
		"by_value": one, "by_hash": one, "by_tag": one, "not_tag": []any{}, "by_type": one, "by_title": one, "recent": one, "nothing": []any{},
		"detect":  []any{"198.51.100.77", "198.51.100.78", "beacon.example.org", "loader.bin|d41d8cd98f00b204e9800998ecf8427e"},
		"wild":    []any{"beacon.example.org", "http://beacon.example.org/x"},
		"refused": true, "pulled": true, "pulled_attributes": 3.0,
		"sightings": map[string]any{
			"sighted": true, "by_value": "1", "ended": true, "none": false, "kind": false, "of_attribute": []any{"1", "2"}, "of_event": 3.0, "all": 3.0,
			"found": []any{"nids"}, "deleted": true,
		},
		"tags": map[string]any{
			"event": true, "attribute": true, "are": []any{"tlp:amber", `workflow:state="draft"`}, "of_ip": []any{"estimative:likely"},
			"found": one, "all": []any{"tlp:amber", `workflow:state="draft"`}, "removed": true, "left": []any{}, "unknown": false,
		},
		"attributes_changed": map[string]any{
			"added": "other.example.org", "changed": "seen twice", "exists": true, "deleted": true, "gone": true, "marked": []any{"other.example.org"}, "published": true,
		},
		"deleted": map[string]any{"done": true, "exists": false, "found": []any{}, "again": false, "twice": false},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	at := fmt.Sprintf("/taxii2/intelligence/collections/%s/objects/?match[type]=indicator", cti.CollectionID("hospital-south", aliasOwn))
	status, b := south.call("analyst", http.MethodGet, at, nil, map[string]string{"Accept": taxiiJSON})
	var page struct{ Objects []struct{ Pattern string } }
	if err := json.Unmarshal(b, &page); err != nil || status != http.StatusOK || len(page.Objects) < 3 {
		t.Errorf("%d %s, %v; want the indicators of the event", status, b, err)
	}
}

// TestAMISPServersSynchronisation calls what a MISP server does, in its order, with its
// parameters (ServerSyncTool and Server of MISP 2.5): it tries the connection, pulls what
// its rules leave with what was seen of it, and pushes its own.
func TestAMISPServersSynchronisation(t *testing.T) {
	t.Parallel()
	north := newConsortium(t).start(t, "hospital-north")
	call := func(method, path, body string, want int, out any) {
		t.Helper()
		status, b := north.call("analyst", method, "/misp/"+path, []byte(body), map[string]string{"Content-Type": "application/json", "Accept": "application/json"})
		if status != want {
			t.Fatalf("%s %s: %d %s", method, path, status, b)
		}
		if out != nil {
			if err := json.Unmarshal(b, out); err != nil {
				t.Fatalf("%s: %v in %s", path, err, b)
			}
		}
	}
	const one, other, of = "a1b2c3d4-0000-4000-8000-000000000081", "a1b2c3d4-0000-4000-8000-000000000082", "a1b2c3d4-0000-4000-8000-000000000083"
	var version map[string]any
	call("GET", "servers/getVersion", "", http.StatusOK, &version)
	if version["perm_sync"] != true || version["filter_sightings"] != true || version["perm_sighting"] != true {
		t.Errorf("%v", version)
	}
	call("GET", "users/view/me.json", "", http.StatusOK, nil)
	var test struct {
		Body    struct{ TestString string }
		Headers map[string]string
	}
	if call("POST", "servers/postTest", `{"testString":"x"}`, http.StatusOK, &test); test.Body.TestString != "x" || test.Headers["Accept"] != "application/json" {
		t.Errorf("%+v", test)
	}
	// It pushes what is wanted, with what was seen of it.
	var wanted []string
	if call("POST", "events/filterEventIdsForPush", `[{"Event":{"uuid":"`+one+`","timestamp":"1000"}}]`, http.StatusOK, &wanted); len(wanted) != 1 {
		t.Errorf("%v", wanted)
	}
	call("HEAD", "events/view/"+one, "", http.StatusNotFound, nil)
	event := func(uuid, timestamp, more string) string {
		return `{"Event":{"id":"77","uuid":"` + uuid + `","info":"x","timestamp":"` + timestamp + `","published":true,"Orgc":{"name":"CERT","uuid":"` + of + `"},"Tag":[{"name":"a"}]` + more + `}}`
	}
	attribute := `,"Attribute":[{"uuid":"` + of + `","type":"ip-dst","category":"Network activity","value":"198.51.100.3","to_ids":true,"timestamp":"1000"}]`
	call("POST", "events/add/metadata:1", event(one, "1000", attribute), http.StatusOK, nil)
	call("POST", "events/add/metadata:1", event(other, "1000", ""), http.StatusOK, nil)
	call("HEAD", "events/view/"+one, "", http.StatusOK, nil)
	call("POST", "events/edit/"+one+"/metadata:1", event(one, "1001", `,"Attribute":[{"uuid":"`+of+`","type":"ip-dst","value":"198.51.100.3","deleted":true,"timestamp":"1001"}]`), http.StatusOK, nil)
	call("POST", "events/edit/"+one+"/metadata:1", event(one, "1001", ""), http.StatusConflict, nil)
	call("POST", "events/edit/"+one+"/metadata:1", event(one, "1002", strings.Replace(attribute, `"1000"`, `"1002"`, 1)), http.StatusOK, nil)
	var had []string
	if call("POST", "sightings/filterSightingUuidsForPush/"+one, `["`+other+`"]`, http.StatusOK, &had); len(had) != 0 {
		t.Errorf("%v", had)
	}
	call("POST", "sightings/bulkSaveSightings/"+one, `[{"id":"3","uuid":"`+other+`","attribute_uuid":"`+of+`","date_sighting":"1790000000","type":"0","source":"","org_id":"0"}]`, http.StatusOK, nil)
	// It pulls what its rules leave.
	var rules struct{ Organisations, Tags []string }
	call("GET", "servers/getAvailableSyncFilteringRules", "", http.StatusOK, &rules)
	if d := cmp.Diff([][]string{{"CERT"}, {"a"}}, [][]string{rules.Organisations, rules.Tags}); d != "" {
		t.Error(d)
	}
	var index []struct{ UUID string }
	call("POST", "events/index", `{"tag":"a|b|!c","org":"CERT|!OTHER","minimal":1,"published":1}`, http.StatusOK, &index)
	if len(index) != 2 {
		t.Errorf("%v", index)
	}
	if call("POST", "events/index", `{"org":"!CERT","minimal":1,"published":1}`, http.StatusOK, &index); len(index) != 0 {
		t.Errorf("%v", index)
	}
	var pulled struct {
		Event struct {
			Attribute []struct{ UUID string }
		}
	}
	call("GET", "events/view/"+one+"/deleted[]:0/deleted[]:1/excludeGalaxy:1/includeEventCorrelations:0/includeFeedCorrelations:0/includeWarninglistHits:0/excludeLocalTags:1", "", http.StatusOK, &pulled)
	if len(pulled.Event.Attribute) != 1 || pulled.Event.Attribute[0].UUID != of {
		t.Errorf("%+v", pulled)
	}
	call("GET", "shadow_attributes/index/all:1/timestamp:1/limit:1000/page:1/deleted[]:0/deleted[]:1.json", "", http.StatusOK, nil)
	var found struct {
		Response []struct {
			Sighting struct {
				Event     string `json:"event_uuid"`
				Attribute string `json:"attribute_uuid"`
			}
		}
	}
	call("POST", "sightings/restSearch/event", `{"returnFormat":"json","last":0,"includeUuid":true,"uuid":["`+one+`","`+other+`"]}`, http.StatusOK, &found)
	if len(found.Response) != 1 || found.Response[0].Sighting.Event != one || found.Response[0].Sighting.Attribute != of {
		t.Errorf("%+v", found)
	}
}

// TestWhatMembersShareIsFoundByMISP: a report that one hospital shares is an event at
// another's MISP interface, of the same UUID at both, and goes when it is withdrawn.
func TestWhatMembersShareIsFoundByMISP(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north, south := c.start(t, "hospital-north"), c.start(t, "hospital-south")
	report := []byte(`{"type":"bundle","id":"bundle--a1b2c3d4-0000-4000-8000-000000000001","objects":[` + hostileServer + `]}`)
	status, b := north.call("analyst", http.MethodPost, "/v1/threats?marking=green", report, stix)
	var shared struct{ Digest string }
	if err := json.Unmarshal(b, &shared); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, b)
	}
	type event struct {
		UUID      string
		Published bool
		Orgc      struct{ Name string }
		Tag       []struct{ Name string }
		Attribute []struct{ Type, Value string }
	}
	search := func(r *running) (found []struct{ Event event }) {
		status, b := r.call("analyst", http.MethodPost, "/misp/events/restSearch", []byte(`{"value":"198.51.100.9","published":1}`), nil)
		var got struct {
			Response []struct{ Event event }
		}
		if err := json.Unmarshal(b, &got); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, b)
		}
		return got.Response
	}
	var uuids []string
	for _, r := range []*running{north, south} {
		var got event
		r.await("the event to be there", func() bool {
			found := search(r)
			if len(found) == 1 {
				got = found[0].Event
			}
			return len(found) > 0
		})
		if got.Orgc.Name != north.cfg.DisplayName || !got.Published || len(got.Attribute) != 1 || got.Attribute[0].Type != "ip-dst" ||
			len(got.Tag) != 1 || got.Tag[0].Name != "tlp:green" {
			t.Errorf("%s has %+v", r.cfg.Organisation, got)
		}
		uuids = append(uuids, got.UUID)
	}
	if uuids[0] != uuids[1] {
		t.Errorf("the events are not the same: %v", uuids)
	}
	// It is the north's: nobody edits it here.
	if status, b := south.call("analyst", http.MethodPost, "/misp/events/edit/"+uuids[1], []byte(`{"info":"Ours"}`), nil); status != http.StatusForbidden {
		t.Errorf("edited: %d %s", status, b)
	}
	if status, b := south.call("analyst", http.MethodPost, "/misp/events/delete/"+uuids[1], nil, nil); status != http.StatusForbidden {
		t.Errorf("deleted: %d %s", status, b)
	}
	// What a program of the south says that it saw is told the north; that it raised a
	// false alarm is not.
	for _, sighting := range []string{`{"value":"198.51.100.9","source":"nids","timestamp":1793000000}`, `{"value":"198.51.100.9","type":"1"}`} {
		if status, b := south.call("analyst", http.MethodPost, "/misp/sightings/add", []byte(sighting), nil); status != http.StatusOK {
			t.Fatalf("%d %s", status, b)
		}
	}
	north.await("the sighting", func() bool { return north.feedback(shared.Digest).Sightings == 1 })
	// Its own is told to nobody.
	if status, b := north.call("analyst", http.MethodPost, "/misp/sightings/add", []byte(`{"value":"198.51.100.9"}`), nil); status != http.StatusOK {
		t.Errorf("%d %s", status, b)
	}
	if f := north.feedback(shared.Digest); f.Sightings != 1 || f.SightedBy != 1 {
		t.Errorf("%+v", f)
	}
	if status, b := north.call("analyst", http.MethodPost, "/misp/events/delete/"+uuids[0], nil, nil); status != http.StatusOK {
		t.Errorf("withdrawn: %d %s", status, b)
	}
	for _, r := range []*running{north, south} {
		r.await("the event to be gone", func() bool { return len(search(r)) == 0 })
	}
}

// hostileServer is an indicator of a server that attackers use.
const hostileServer = `{"type":"indicator","spec_version":"2.1","id":"indicator--a1b2c3d4-0000-4000-8000-000000000009",` +
	`"created":"2026-11-01T00:00:00Z","modified":"2026-11-01T00:00:00Z","name":"beacon","pattern_type":"stix",` +
	`"pattern":"[ipv4-addr:value = '198.51.100.9']","valid_from":"2026-11-01T00:00:00Z"}`

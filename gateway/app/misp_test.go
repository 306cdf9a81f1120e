package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/identity/peertest"
)

// TestPyMISPPushesPullsAndSearches: MISP's own library pushes an event to a node, edits,
// finds and pulls it, and brings it to another node; there it is STIX as well.
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

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
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/peertest"
)

const taxiiJSON = "application/taxii+json;version=2.1"

// TestOASISsClientFindsAndAddsObjects: OASIS's own TAXII client and STIX library add
// objects to a node, page through them, and find their versions.
func TestOASISsClientFindsAndAddsObjects(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	token, err := Token(north.cfg, "analyst", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(peertest.Python(t, "oasis", north.url+"/taxii2/", token), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"collections": []any{"own", "sealed", "shared"}, "writable": []any{"own"}, "status": []any{"complete", 26.0, 0.0, 26.0},
		"pages": 3.0, "each_once": true, "versions": 2.0, "first": "beacon 0", "last": "beacon 0, again",
		"manifest": 1.0, "addresses": 1.0, "left": 25.0,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestWhatMembersShareIsServedByTAXII: a report that one hospital shares is found,
// object by object, at another's TAXII server, and pages go on after a new start.
func TestWhatMembersShareIsServedByTAXII(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north, south := c.start(t, "hospital-north"), c.start(t, "hospital-south")
	var objects []string
	for i := range 5 {
		objects = append(objects, fmt.Sprintf(`{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--a1b2c3d4-0000-4000-8000-%012d","value":"198.51.100.%d"}`, i, i))
	}
	report := `{"type":"bundle","id":"bundle--a1b2c3d4-0000-4000-8000-000000000001","objects":[` + strings.Join(objects, ",") + `]}`
	if status, b := north.call("analyst", http.MethodPost, "/v1/threats?marking=green", []byte(report), map[string]string{"Content-Type": ledger.MediaTypeSTIX}); status != http.StatusCreated {
		t.Fatalf("%d %s", status, b)
	}
	at := "/taxii2/intelligence/collections/" + cti.CollectionID("hospital-south", aliasShared) + "/objects/"
	accept := map[string]string{"Accept": taxiiJSON}
	type envelope struct {
		More    bool
		Next    string
		Objects []json.RawMessage
	}
	var page envelope
	south.await("the objects to arrive", func() bool {
		status, b := south.call("analyst", http.MethodGet, at+"?limit=2", nil, accept)
		return status == http.StatusOK && json.Unmarshal(b, &page) == nil && len(page.Objects) == 2
	})
	south.await("one of them to be found by its words", func() bool {
		status, b := south.call("analyst", http.MethodGet, "/v1/intelligence?q=198.51.100.3&type=ipv4-addr", nil, nil)
		var list struct{ Items []map[string]any }
		return status == http.StatusOK && json.Unmarshal(b, &list) == nil && len(list.Items) == 1 &&
			list.Items[0]["name"] == "198.51.100.3" && list.Items[0]["collection"] == aliasShared
	})
	if err := south.stop(); err != nil {
		t.Fatal(err)
	}
	south = c.start(t, "hospital-south")
	got := page.Objects
	for page.More {
		status, b := south.call("analyst", http.MethodGet, at+"?limit=2&next="+page.Next, nil, accept)
		page = envelope{}
		if err := json.Unmarshal(b, &page); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, b)
		}
		got = append(got, page.Objects...)
	}
	if len(got) != len(objects) {
		t.Fatalf("%s", got)
	}
	for i := range got {
		if string(got[i]) != objects[i] {
			t.Errorf("%s is not as it came: %s", objects[i], got[i])
		}
	}
	// What members share is theirs: nothing is added to it or deleted from it here.
	for method, path := range map[string]string{http.MethodPost: at, http.MethodDelete: at + "ipv4-addr--a1b2c3d4-0000-4000-8000-000000000000/"} {
		if status, b := south.call("analyst", method, path, []byte(report), map[string]string{"Accept": taxiiJSON, "Content-Type": taxiiJSON}); status != http.StatusForbidden {
			t.Errorf("%s: %d %s", method, status, b)
		}
	}
}

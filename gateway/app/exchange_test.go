package app

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// seen is a report as a node shows it.
type seen struct {
	Digest  string       `json:"digest"`
	Marking string       `json:"marking"`
	Held    bool         `json:"held"`
	Title   string       `json:"title"`
	Hits    string       `json:"hits"`
	Matches []fact.Match `json:"matches"`
	Sharers []fact.Share `json:"sharers"`
}

var stix = map[string]string{"Content-Type": ledger.MediaTypeSTIX}

// shareSealed shares a report under a marking to some members.
func (r *running) shareSealed(marking string, text []byte, to ...string) string {
	r.t.Helper()
	query := "?" + url.Values{"marking": {marking}, "to": to}.Encode()
	status, b := r.call("analyst", http.MethodPost, "/v1/threats"+query, text, stix)
	var got seen
	if err := json.Unmarshal(b, &got); status != http.StatusCreated || err != nil {
		r.t.Fatalf("sharing under %s: %d %s %v", marking, status, b, err)
	}
	return got.Digest
}

// report reads a report; none is one of which the node does not know.
func (r *running) report(digest string) (s seen) {
	r.t.Helper()
	status, b := r.call("analyst", http.MethodGet, "/v1/threats/"+digest, nil, nil)
	if status == http.StatusOK {
		if err := json.Unmarshal(b, &s); err != nil {
			r.t.Fatal(err)
		}
	}
	return s
}

// delivered lists what became of a report, as "member kind" of what was taken.
func (r *running) delivered(digest string) (list []string) {
	r.t.Helper()
	var got struct {
		Items []struct {
			Member, Kind string
			Receipt      *fact.SealedReceipt
		}
	}
	r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/threats/"+digest+"/deliveries", nil, &got)
	for _, d := range got.Items {
		if d.Receipt != nil && d.Receipt.Digest == digest && d.Receipt.Recipient == d.Member {
			list = append(list, d.Member+" "+d.Kind+" "+d.Receipt.What)
		}
	}
	return list
}

func (r *running) standing(of string) (s fact.Standing) {
	r.t.Helper()
	r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/organisations/"+of+"/standing", nil, &s)
	return s
}

// holds looks through all files below a node's data for some bytes.
func (r *running) holds(what []byte) (found []string) {
	r.t.Helper()
	err := filepath.WalkDir(r.cfg.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, what) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

func TestASealedReportGoesToTheNamedAndWhatTheySayComesBack(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	maker, north, south, east := c.start(t, "medtech"), c.start(t, "hospital-north"), c.start(t, "hospital-south"), c.start(t, "hospital-east")
	model(maker)
	unit := commission(t, maker, south, "SN-1")
	for _, r := range []*running{north, south} {
		r.await("all members to be known", func() bool {
			for _, org := range []string{"hospital-north", "hospital-south", "hospital-east", "medtech"} {
				if status, _ := r.call("analyst", http.MethodGet, "/v1/organisations/"+org, nil, nil); status != http.StatusOK {
					return false
				}
			}
			return true
		})
	}
	digest := north.shareSealed("amber", []byte(report), "hospital-south")
	begun := time.Now()
	south.await("the report to be matched in the south", func() bool { return len(south.report(digest).Matches) == 1 })
	t.Logf("matched in the south %v after it was shared", time.Since(begun).Round(time.Millisecond))
	if got := south.report(digest); got.Title != "OpenSSL under attack" || got.Matches[0].Unit != unit.id || !strings.Contains(got.Hits, "openssl") {
		t.Errorf("the south has %+v", got)
	}
	status, text := south.call("analyst", http.MethodGet, "/v1/threats/"+digest+"/body", nil, nil)
	if status != http.StatusOK || string(text) != report {
		t.Errorf("the body in the south: %d %s", status, text)
	}
	if status, _ := south.call("registrar", http.MethodGet, "/v1/threats/"+digest+"/body", nil, nil); status != http.StatusNotFound {
		t.Errorf("a registrar reads the body: %d", status)
	}
	north.await("the receipt", func() bool {
		got := north.delivered(digest)
		return len(got) == 1 && got[0] == "hospital-south report taken"
	})

	// TAXII of the south serves it to who may read reports.
	status, text = south.call("analyst", http.MethodGet, "/taxii2/intelligence/collections/sealed/objects/", nil, map[string]string{"Accept": "application/taxii+json;version=2.1"})
	if status != http.StatusOK || !bytes.Contains(text, []byte("OpenSSL under attack")) {
		t.Errorf("by TAXII: %d %s", status, text)
	}

	// What the south says of it moves the north's standing where the report is held.
	now := time.Now().UTC().Add(-time.Minute)
	south.want(http.StatusCreated, "analyst", http.MethodPost, "/v1/threats/"+digest+"/sightings", map[string]any{"count": 3, "first": now, "last": now}, nil)
	south.want(http.StatusCreated, "analyst", http.MethodPost, "/v1/threats/"+digest+"/opinions", map[string]any{"opinion": "agree", "weight": 80}, nil)
	north.await("what the south says", func() bool {
		got := north.report(digest)
		return len(got.Sharers) == 1 && got.Sharers[0].Feedback.SightedBy == 1 && got.Sharers[0].Feedback.Sightings == 3 && got.Sharers[0].Feedback.Agree == 1
	})
	for _, r := range []*running{north, south} {
		if s := r.standing("hospital-north"); s.Value <= 5000 || s.For != 100 {
			t.Errorf("%s judges the north %+v", r.cfg.Organisation, s)
		}
	}

	// The east learns that there is something, and no more.
	if got := east.report(digest); got.Marking != "amber" || got.Held || got.Title != "" || len(got.Matches) != 0 || got.Sharers[0].Feedback != (fact.Feedback{}) {
		t.Errorf("the east has %+v", got)
	}
	if s := east.standing("hospital-north"); s.Value != 5000 || s.Sealed != 1 {
		t.Errorf("the east judges the north %+v", s)
	}
	east.want(http.StatusNotFound, "analyst", http.MethodGet, "/v1/threats/"+digest+"/body", nil, nil)
	east.want(http.StatusNotFound, "analyst", http.MethodPost, "/v1/threats/"+digest+"/sightings", map[string]any{"count": 1, "first": now, "last": now}, nil)
	east.want(http.StatusNotFound, "analyst", http.MethodGet, "/v1/threats/"+digest+"/deliveries", nil, nil)
	for _, path := range []string{"/exchange/v1/reports/" + digest + "?key=x", "/exchange/v1/reports/" + strings.Repeat("0", 64) + "?key=x"} {
		status, b, err := east.node.worker.Call(t.Context(), "hospital-north", http.MethodGet, path, nil, 1<<20)
		if err != nil || status != http.StatusNotFound || !bytes.Contains(b, []byte("there is no such report")) {
			t.Errorf("the east asks for %s: %d %s %v", path, status, b, err)
		}
	}
	if found := east.holds([]byte("OpenSSL under attack")); len(found) > 0 {
		t.Errorf("in the east: %v", found)
	}

	// Withdrawn, it is erased wherever it was.
	north.want(http.StatusCreated, "analyst", http.MethodPost, "/v1/threats/"+digest+"/withdrawal", map[string]any{"reason": "outdated"}, nil)
	north.await("the receipt of its erasure", func() bool {
		got := north.delivered(digest)
		return len(got) == 2 && got[1] == "hospital-south withdrawal erased"
	})
	for _, r := range []*running{north, south} {
		r.await("the body to be gone", func() bool {
			status, _ := r.call("analyst", http.MethodGet, "/v1/threats/"+digest+"/body", nil, nil)
			return status == http.StatusGone
		})
		if got := r.report(digest); got.Held || got.Title != "" || len(got.Matches) != 0 || got.Sharers[0].Feedback.Withdrawn != "outdated" {
			t.Errorf("%s still has %+v", r.cfg.Organisation, got)
		}
	}
	status, text = south.call("analyst", http.MethodGet, "/taxii2/intelligence/collections/sealed/objects/", nil, map[string]string{"Accept": "application/taxii+json;version=2.1"})
	if status != http.StatusOK || bytes.Contains(text, []byte("OpenSSL under attack")) {
		t.Errorf("by TAXII after it was withdrawn: %d %s", status, text)
	}
}

// TestARecipientThatIsDownGetsItLater: what waits survives the end of both nodes.
func TestARecipientThatIsDownGetsItLater(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north, south := c.start(t, "hospital-north"), c.start(t, "hospital-south")
	north.await("the south to be known", func() bool {
		status, _ := north.call("analyst", http.MethodGet, "/v1/organisations/hospital-south", nil, nil)
		return status == http.StatusOK
	})
	stop := func(r *running) {
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
	stop(south)
	digest := north.shareSealed("red", []byte(report), "hospital-south")
	north.await("a try", func() bool { return strings.Contains(north.log.String(), "sealed report was not delivered") })
	stop(north)
	for _, secret := range []string{"cpe:2.3:a:openssl", "software--00000001"} { // of the title the store keeps what is listed
		if found := north.holds([]byte(secret)); len(found) > 0 {
			t.Errorf("%q is in clear in %v", secret, found)
		}
	}
	south = c.start(t, "hospital-south")
	north = c.start(t, "hospital-north")
	south.await("the report", func() bool { return south.report(digest).Title != "" })
	north.await("the receipt", func() bool { return len(north.delivered(digest)) == 1 })
	status, text := south.call("analyst", http.MethodGet, "/taxii2/intelligence/collections/sealed/objects/", nil, map[string]string{"Accept": "application/taxii+json;version=2.1"})
	if status != http.StatusOK || bytes.Contains(text, []byte("OpenSSL")) {
		t.Errorf("a red report goes to programs: %d %s", status, text)
	}
}

func TestWhatLeavesIsShownFirst(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	cfg.Exchange.Sanitise.Domains = []string{"north.example"}
	south := c.start(t, "hospital-south")
	north := c.launch(t, "hospital-north", cfg, func(string) {})
	north.await("the south to be known", func() bool {
		status, _ := north.call("analyst", http.MethodGet, "/v1/organisations/hospital-south", nil, nil)
		return status == http.StatusOK
	})
	leaky := strings.Replace(report, `"name":"OpenSSL under attack"`, `"name":"OpenSSL under attack","description":"seen by 10.20.0.7 (pacs.north.example)"`, 1)
	var p struct {
		To      []string
		Text    string
		Changed int
		Learn   []string
	}
	status, b := north.call("analyst", http.MethodPost, "/v1/threats/preview?marking=amber%2Bstrict&to=hospital-south", []byte(leaky), stix)
	if err := json.Unmarshal(b, &p); status != http.StatusOK || err != nil || p.Changed != 1 || len(p.To) != 1 || len(p.Learn) != 2 ||
		strings.Contains(p.Text, "10.20.0.7") || strings.Contains(p.Text, "north.example") {
		t.Fatalf("%d %v %s", status, err, b)
	}
	var list struct{ Items []seen }
	if north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/threats", nil, &list); len(list.Items) != 0 {
		t.Errorf("the preview shared %+v", list.Items)
	}
	digest := north.shareSealed("amber+strict", []byte(leaky), "hospital-south")
	south.await("the report", func() bool { return south.report(digest).Held })
	if _, text := south.call("analyst", http.MethodGet, "/v1/threats/"+digest+"/body", nil, nil); string(text) != p.Text {
		t.Errorf("another text left than was shown:\n%s\n%s", text, p.Text)
	}
	for query, field := range map[string]string{
		"marking=amber": "query.to", "marking=red&to=nobody": "query.to", "marking=amber&to=hospital-north": "query.to",
		"marking=green&to=hospital-south": "query.to", "marking=white": "query.marking",
	} {
		for _, path := range []string{"/v1/threats", "/v1/threats/preview"} {
			if status, b := north.call("analyst", http.MethodPost, path+"?"+query, []byte(report), stix); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest || !bytes.Contains(b, []byte(field)) {
				t.Errorf("%s?%s: %d %s", path, query, status, b)
			}
		}
	}
}

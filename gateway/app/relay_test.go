package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// signedReport is one whose author says who it is.
const signedReport = `{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000001","objects":[` +
	`{"type":"identity","spec_version":"2.1","id":"identity--00000000-0000-4000-8000-000000000002","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"The hospital-north","identity_class":"organization"},` +
	`{"type":"report","spec_version":"2.1","id":"report--00000000-0000-4000-8000-000000000003","created_by_ref":"identity--00000000-0000-4000-8000-000000000002","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","published":"2026-01-01T00:00:00Z","name":"Phishing of wards","object_refs":["identity--00000000-0000-4000-8000-000000000002"]}]}`

const pseudonymously = "/v1/threats?marking=green&pseudonymous=true"

// sharedByRelay has a report shared so, and returns its digest.
func (r *running) sharedByRelay(text string) string {
	r.t.Helper()
	var got struct{ Digest, Relay string }
	status, b := r.call("analyst", http.MethodPost, pseudonymously, []byte(text), stix)
	if err := json.Unmarshal(b, &got); status != http.StatusAccepted || err != nil || got.Relay != "authority" {
		r.t.Fatalf("sharing pseudonymously: %d %s %v", status, b, err)
	}
	return got.Digest
}

// forms are a text as it is, and wherever it stands in a text that is in base64.
func forms(text string) [][]byte {
	all := [][]byte{[]byte(text)}
	for before := range 3 {
		b := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", before) + text))
		all = append(all, []byte(b[4:len(b)-4]))
	}
	return all
}

// openingSeen is how a node shows the opening of a name.
type openingSeen struct {
	Members  []string
	Needed   int
	Opened   bool
	Requests []struct{ By, Reason string }
	Given    []struct{ By, For string }
}

func (r *running) opening(digest string) (o openingSeen) {
	r.t.Helper()
	r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/threats/"+digest+"/opening", nil, &o)
	return o
}

// TestAnAuthoritySharesForOneThatAMajorityCanName: a report goes by way of the authority,
// which is down at first; nobody can say whose it is until more than half of the members
// gave their shares.
func TestAnAuthoritySharesForOneThatAMajorityCanName(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	members := []string{"authority", "hospital-east", "hospital-north", "hospital-south"}
	at := map[string]*running{}
	for _, org := range members {
		at[org] = c.start(t, org)
	}
	north, south, east := at["hospital-north"], at["hospital-south"], at["hospital-east"]
	for _, r := range at {
		r.await("all members to be known", func() bool {
			roster, err := r.node.store.Roster(t.Context())
			return err == nil && len(roster.Record.Organisations) == len(members)
		})
	}

	// What leaves is shown first, and names nobody but the relay.
	var p struct {
		Text  string
		Learn []string
	}
	status, b := north.call("analyst", http.MethodPost, strings.Replace(pseudonymously, "threats", "threats/preview", 1), []byte(signedReport), stix)
	if err := json.Unmarshal(b, &p); status != http.StatusOK || err != nil || len(p.Learn) != 3 || strings.Contains(p.Text, "north") || !strings.Contains(p.Text, "The authority") {
		t.Fatalf("the preview: %d %s %v", status, b, err)
	}
	for what, bad := range map[string]struct{ path, text string }{
		"sealed":     {"/v1/threats?marking=amber&to=hospital-south&pseudonymous=true", signedReport},
		"named":      {pseudonymously, strings.Replace(signedReport, "Phishing of wards", "Phishing at Hospital North", 1)},
		"not so":     {"/v1/threats?marking=green&pseudonymous=perhaps", signedReport},
		"known host": {pseudonymously, strings.Replace(signedReport, "Phishing of wards", "by hospital-north.example", 1)},
	} {
		if status, b := north.call("analyst", http.MethodPost, bad.path, []byte(bad.text), stix); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", what, status, b)
		}
	}

	if err := at["authority"].stop(); err != nil {
		t.Fatal(err)
	}
	digest := north.sharedByRelay(signedReport)
	north.await("a try", func() bool { return strings.Contains(north.log.String(), "sealed report was not delivered") })
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	authority := c.start(t, "authority")
	north = c.start(t, "hospital-north")
	at["authority"], at["hospital-north"] = authority, north
	if again := north.sharedByRelay(signedReport); again != digest {
		t.Errorf("shared again it is %s, was %s", again, digest)
	}
	for _, r := range at {
		r.await("the report", func() bool {
			status, text := r.call("analyst", http.MethodGet, "/v1/threats/"+digest+"/body", nil, nil)
			return status == http.StatusOK && string(text) == p.Text && len(r.report(digest).Sharers) == 1
		})
		if got := r.report(digest); got.Sharers[0].Sharer != "authority" {
			t.Errorf("%s says it was shared by %+v", r.cfg.Organisation, got.Sharers)
		}
	}
	for r, tells := range map[*running]bool{north: false, south: true} {
		if share, err := r.node.correlator.witness.other(t.Context(), digest); err != nil || (share != nil) != tells {
			t.Errorf("%s tells of what it sees of it: %+v %v", r.cfg.Organisation, share, err)
		}
	}
	north.await("the relay's receipt", func() bool {
		got := north.delivered(digest)
		return len(got) == 1 && got[0] == "authority relay relayed"
	})

	// No record names the north but as one of all who have a share, and no disk of another.
	record, err := east.node.store.Report(t.Context(), digest)
	text, encodeErr := json.Marshal(record.Record)
	if err != nil || encodeErr != nil || !record.Record.Relayed || bytes.Contains(text, []byte("hospital-north")) {
		t.Errorf("the ledger has %s (%v %v)", text, err, encodeErr)
	}
	for _, r := range []*running{authority, south, east} {
		for _, said := range []string{`"sharer":"hospital-north"`, "identity--00000000-0000-4000-8000-000000000002"} {
			for _, form := range forms(said) {
				if found := r.holds(form); len(found) > 0 {
					t.Errorf("%s has %q in %v", r.cfg.Organisation, said, found)
				}
			}
		}
	}
	if found := authority.holds([]byte("Phishing of wards")); len(found) == 0 {
		t.Error("what is looked through holds nothing at all")
	}
	for line := range strings.Lines(authority.log.String()) {
		if strings.Contains(line, "relay") && strings.Contains(line, "hospital-north") {
			t.Errorf("the authority's log names it: %s", line)
		}
	}

	// What is thought of it counts for nobody.
	south.want(http.StatusCreated, "analyst", http.MethodPost, "/v1/threats/"+digest+"/opinions", map[string]any{"opinion": "strongly-disagree", "weight": 100}, nil)
	for _, org := range []string{"authority", "hospital-north"} {
		if s := south.standing(org); s.Value != 5000 {
			t.Errorf("%s stands at %+v", org, s)
		}
	}

	// Fewer than a majority open nothing.
	path := "/v1/threats/" + digest + "/opening"
	south.want(http.StatusNotFound, "operator", http.MethodPost, path+"/shares", map[string]any{}, nil)
	south.want(http.StatusForbidden, "operator", http.MethodPost, path, map[string]any{"reason": "false"}, nil)
	south.want(http.StatusUnprocessableEntity, "analyst", http.MethodPost, path, map[string]any{"reason": "curiosity"}, nil)
	south.want(http.StatusCreated, "analyst", http.MethodPost, path, map[string]any{"reason": "false"}, nil)
	for i, r := range []*running{south, east, authority} {
		r.await("the request", func() bool { return len(r.opening(digest).Requests) == 1 })
		r.want(http.StatusForbidden, "analyst", http.MethodPost, path+"/shares", map[string]any{}, nil)
		for _, anyone := range at {
			if status, b := anyone.call("analyst", http.MethodGet, path+"/name", nil, nil); status != http.StatusConflict || bytes.Contains(b, []byte("hospital-north")) {
				t.Fatalf("%d shares name it at %s: %d %s", i, anyone.cfg.Organisation, status, b)
			}
		}
		var o openingSeen
		r.want(http.StatusCreated, "operator", http.MethodPost, path+"/shares", map[string]any{"for": "hospital-south"}, &o)
		if len(o.Members) != 4 || o.Needed != 3 || o.Opened != (i == 2) || len(o.Given) != i+1 {
			t.Errorf("after %d shares: %+v", i+1, o)
		}
		for _, anyone := range at {
			anyone.await("the share", func() bool { return len(anyone.opening(digest).Given) == i+1 })
		}
	}
	for _, r := range at {
		var name fact.OpenedName
		r.want(http.StatusOK, "analyst", http.MethodGet, path+"/name", nil, &name)
		if name != (fact.OpenedName{Sharer: "hospital-north", Relay: "authority", Proven: true}) {
			t.Errorf("%s reads %+v", r.cfg.Organisation, name)
		}
	}

	// The north has it withdrawn, without the authority's knowing for whom.
	south.want(http.StatusNotFound, "analyst", http.MethodPost, "/v1/threats/"+digest+"/withdrawal", map[string]any{"reason": "error"}, nil)
	north.want(http.StatusCreated, "analyst", http.MethodPost, "/v1/threats/"+digest+"/withdrawal", map[string]any{"reason": "error"}, nil)
	for _, r := range at {
		r.await("the withdrawal", func() bool { return r.report(digest).Sharers[0].Feedback.Withdrawn == "error" })
	}
	north.await("its receipt", func() bool {
		got := north.delivered(digest)
		return len(got) == 2 && got[1] == "authority relay-withdrawal withdrawn"
	})
	south.want(http.StatusNotFound, "analyst", http.MethodGet, "/v1/threats/"+ledger.BodyDigest(nil)+"/opening", nil, nil)
}

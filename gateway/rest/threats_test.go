package rest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/rest"
)

func TestAReportListsItsSharers(t *testing.T) {
	t.Parallel()
	digest := ledger.BodyDigest([]byte("shared"))
	s := ledgerOf(t,
		&ledger.Threat{V: 1, Digest: digest, Sharer: "hospital-south", Marking: ledger.TLPGreen},
		&ledger.Threat{V: 1, Digest: digest, Sharer: "hospital-north", Marking: ledger.TLPClear})
	_, _, e := serve(t, storeDeps(t, s))
	w := call(t, e, auth.RoleAnalyst, http.MethodGet, "/v1/threats/"+digest, nil)
	var got rest.Threat
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Sharers) != 2 {
		t.Errorf("%d %s, %v; want two sharers", w.Code, w.Body, err)
	}
	w = call(t, e, auth.RoleAnalyst, http.MethodGet, "/v1/threats", nil)
	var list struct{ Items []rest.Threat }
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list.Items) != 1 {
		t.Errorf("%d %s, %v; want the digest once", w.Code, w.Body, err)
	}
}

// What members said of a report stands with it, and adds up to its sharer's standing.
func TestFeedbackAndStanding(t *testing.T) {
	t.Parallel()
	digest := ledger.BodyDigest([]byte("shared"))
	s := ledgerOf(t,
		&ledger.Organisation{V: 1, ID: "hospital-south"},
		&ledger.Threat{V: 2, Digest: digest, Sharer: "hospital-south", Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 1},
		&ledger.Threat{V: 2, Digest: ledger.BodyDigest([]byte("sealed")), Sharer: "hospital-south", Marking: ledger.TLPRed},
		&ledger.Sighting{V: 1, Digest: digest, Sharer: "hospital-south", By: "hospital-east", Tx: "t", Count: 7},
		&ledger.Opinion{V: 1, Digest: digest, Sharer: "hospital-south", By: "authority", Opinion: ledger.Disagree, Weight: 100, Revision: 1})
	_, _, e := serve(t, storeDeps(t, s))
	w := call(t, e, auth.RoleAnalyst, http.MethodGet, "/v1/threats/"+digest, nil)
	var got rest.Threat
	want := fact.Feedback{SightedBy: 1, Sightings: 7, Disagree: 1}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Sharers) != 1 || got.Sharers[0].Feedback != want {
		t.Errorf("%d %s, %v; want %+v", w.Code, w.Body, err, want)
	}
	w = call(t, e, auth.RoleAnalyst, http.MethodGet, "/v1/organisations/hospital-south/standing", nil)
	var standing fact.Standing
	if err := json.Unmarshal(w.Body.Bytes(), &standing); err != nil || standing.Value != 5714 || standing.Reports != 2 || standing.Sealed != 1 {
		t.Errorf("%d %s, %v; want 2 of 3.5", w.Code, w.Body, err)
	}
	if w = call(t, e, auth.RoleAnalyst, http.MethodGet, "/v1/organisations/nobody/standing", nil); w.Code != http.StatusNotFound {
		t.Errorf("the standing of nobody: %d", w.Code)
	}
	w = call(t, e, auth.RoleAnalyst, http.MethodGet, "/v1/threats?marking=red", nil)
	var list struct{ Items []rest.Threat }
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list.Items) != 1 || list.Items[0].Held {
		t.Errorf("%d %s, %v; want the sealed one", w.Code, w.Body, err)
	}
}

// A body leaves the node only when the ledger says that its organisation shared it.
func TestMembersGetSharedBodiesOnly(t *testing.T) {
	t.Parallel()
	digest := func(body string) string { return ledger.BodyDigest([]byte(body)) }
	s := ledgerOf(t,
		&ledger.Threat{V: 1, Digest: digest("own"), Sharer: "hospital-north", Marking: ledger.TLPGreen},
		&ledger.Threat{V: 1, Digest: digest("another's"), Sharer: "medtech", Marking: ledger.TLPGreen})
	for _, body := range []string{"own", "another's", "kept"} {
		d := fact.Document{Kind: fact.DocumentReport, Digest: digest(body), MediaType: ledger.MediaTypeSTIX, Body: []byte(body)}
		if err := s.PutDocument(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	_, _, e := serve(t, storeDeps(t, s))
	for _, c := range []struct {
		body           string
		member, within int
	}{{"own", 200, 200}, {"another's", 404, 200}, {"kept", 404, 404}} {
		path := "/v1/threats/" + digest(c.body) + "/body"
		if w := call(t, e, auth.RoleNode, http.MethodGet, path, nil); w.Code != c.member {
			t.Errorf("another member asks for the body %q: %d, want %d", c.body, w.Code, c.member)
		}
		if w := call(t, e, auth.RoleAnalyst, http.MethodGet, path, nil); w.Code != c.within {
			t.Errorf("an analyst of the organisation asks for the body %q: %d, want %d", c.body, w.Code, c.within)
		}
	}
}

package app

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/network/demo"
)

// asked is a proposal as a node tells it.
type asked struct {
	ID, State string
	Overtaken bool
	Approvals []string
	Needed    int
	Votes     []struct{ Organisation string }
	Enactment *struct {
		By     string
		Voters []string
	}
}

// TestMembersGovernOverHTTP takes an issuer from its proposal to its being struck
// off, over the real contracts.
func TestMembersGovernOverHTTP(t *testing.T) {
	if testing.Short() {
		t.Skip("five nodes")
	}
	c := newConsortium(t)
	network, nodes := c.inhabit(t)
	c.issuers(t, network)
	north, south, medtech := nodes["hospital-north"], nodes["hospital-south"], nodes["medtech"]
	const document = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"a":{"type":"string"}}}`
	const place = "/v1/schemas/https:%2F%2Fmedtech.example%2FBadge/1.0"
	schema := map[string]string{"Content-Type": "application/schema+json"}
	if status, b := medtech.call("registrar", http.MethodPut, place, []byte(document), schema); status != http.StatusForbidden {
		t.Errorf("a registrar publishes a schema: %d %s", status, b)
	}
	if status, b := medtech.call("operator", http.MethodPut, place, []byte(document), schema); status != http.StatusCreated || !strings.Contains(string(b), ledger.BodyDigest([]byte(document))) {
		t.Fatalf("publishing a schema: %d %s", status, b)
	}
	if status, b := medtech.call("operator", http.MethodPut, place, []byte(document+" "), schema); status != http.StatusConflict {
		t.Errorf("publishing another under its name: %d %s", status, b)
	}
	south.await("the south to have the schema's document", func() bool {
		status, b := south.call("analyst", http.MethodGet, place, nil, nil)
		return status == http.StatusOK && string(b) == document
	})

	issuer := ledger.IssuerDID(statetest.Network, "medtech", "credentials")
	ask := map[string]any{"kind": "accept_issuer", "reason": "It makes the badges.", "subject": map[string]string{
		"issuer": issuer, "credentialType": "https://medtech.example/Badge", "schema": "1.0",
	}}
	var p asked
	medtech.want(http.StatusCreated, "operator", http.MethodPost, "/v1/proposals", ask, &p)
	if p.State != "open" || p.Needed != 3 || len(p.Approvals) != 0 {
		t.Errorf("proposed: %+v", p)
	}
	at := "/v1/proposals/" + p.ID
	for _, r := range nodes {
		r.await("the proposal to be known", func() bool {
			status, _ := r.call("auditor", http.MethodGet, at, nil, nil)
			return status == http.StatusOK
		})
	}
	south.want(http.StatusForbidden, "operator", http.MethodPost, at+"/enactment", nil, nil)
	south.want(http.StatusForbidden, "auditor", http.MethodPost, at+"/votes", map[string]bool{"approve": true}, nil)
	for _, org := range []string{"hospital-south", "medtech", "authority"} {
		nodes[org].want(http.StatusCreated, "operator", http.MethodPost, at+"/votes", map[string]bool{"approve": true}, nil)
	}
	south.want(http.StatusConflict, "operator", http.MethodPost, at+"/votes", map[string]bool{"approve": false}, nil)
	north.want(http.StatusCreated, "operator", http.MethodPost, at+"/votes", map[string]bool{"approve": false}, &p)
	if p.State != "carried" || len(p.Votes) != 4 || !slices.Equal(p.Approvals, []string{"authority", "hospital-south", "medtech"}) {
		t.Errorf("after four votes: %+v", p)
	}
	north.want(http.StatusCreated, "operator", http.MethodPost, at+"/enactment", nil, &p)
	if p.State != "enacted" || p.Enactment == nil || p.Enactment.By != "hospital-north" || len(p.Enactment.Voters) != 3 {
		t.Errorf("enacted: %+v", p)
	}
	north.want(http.StatusConflict, "operator", http.MethodPost, at+"/enactment", nil, nil)
	var trust struct{ Items []ledger.TrustRow }
	north.want(http.StatusOK, "risk-manager", http.MethodGet, "/v1/trust?type=https://medtech.example/Badge&state=accepted", nil, &trust)
	if len(trust.Items) != 1 || trust.Items[0].Issuer != issuer || trust.Items[0].Proposal != p.ID {
		t.Errorf("the registry: %+v", trust)
	}
	var list struct{ Items []asked }
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/proposals?state=enacted&kind=accept_issuer", nil, &list)
	if len(list.Items) != 1 || list.Items[0].ID != p.ID {
		t.Errorf("enacted proposals: %+v", list)
	}

	// The same again is so already; to strike it off is another question.
	north.await("the south to know of it", func() bool {
		_, b := south.call("auditor", http.MethodGet, "/v1/trust", nil, nil)
		return bytes.Contains(b, []byte("Badge"))
	})
	south.want(http.StatusConflict, "operator", http.MethodPost, "/v1/proposals", ask, nil)
	ask["kind"] = "strike_issuer"
	south.want(http.StatusUnprocessableEntity, "operator", http.MethodPost, "/v1/proposals", ask, nil)
	delete(ask["subject"].(map[string]string), "schema")
	south.want(http.StatusCreated, "operator", http.MethodPost, "/v1/proposals", ask, &p)
	at = "/v1/proposals/" + p.ID
	for _, org := range []string{"hospital-north", "hospital-south", "authority"} {
		nodes[org].await("the proposal to be known", func() bool {
			status, _ := nodes[org].call("auditor", http.MethodGet, at, nil, nil)
			return status == http.StatusOK
		})
		nodes[org].want(http.StatusCreated, "operator", http.MethodPost, at+"/votes", map[string]bool{"approve": true}, nil)
	}
	nodes["authority"].want(http.StatusCreated, "operator", http.MethodPost, at+"/enactment", nil, &p)
	nodes["authority"].want(http.StatusOK, "auditor", http.MethodGet, "/v1/trust?issuer="+issuer, nil, &trust)
	if len(trust.Items) != 1 || trust.Items[0].State != ledger.TrustStruck || trust.Items[0].Revision != 2 {
		t.Errorf("struck off: %+v", trust)
	}

	// A key that is lost is another contract's to replace, once the members agreed.
	lost := map[string]any{"kind": "recover_did", "reason": "A disk was lost.", "subject": map[string]string{"did": issuer, "key": strings.Repeat("A", 43)}}
	body, err := json.Marshal(lost)
	if err != nil {
		t.Fatal(err)
	}
	status, b := medtech.call("operator", http.MethodPost, "/v1/proposals", body, map[string]string{"Content-Type": "application/json"})
	if err := json.Unmarshal(b, &p); status != http.StatusCreated || err != nil || !strings.HasPrefix(string(b), `{"v":1,"id":"`+p.ID) { // from where README.md takes it
		t.Errorf("proposing: %d %s", status, b)
	}
	status, b = medtech.call("operator", http.MethodPost, "/v1/proposals/"+p.ID+"/enactment", nil, nil)
	if status != http.StatusUnprocessableEntity || !bytes.Contains(b, []byte(ledger.IdentityRecoverDID)) {
		t.Errorf("enacting it here: %d %s", status, b)
	}
	var roster ledger.Roster
	medtech.want(http.StatusOK, "certifier", http.MethodGet, "/v1/roster", nil, &roster)
	if len(roster.Organisations) != 5 || roster.Network != statetest.Network {
		t.Errorf("the roster: %+v", roster)
	}
}

// TestSeedLeavesWhatMembersDecidedOtherwise: what was asked by hand is gone on
// with, and what a majority does not want is neither enacted nor asked again.
func TestSeedLeavesWhatMembersDecidedOtherwise(t *testing.T) {
	if testing.Short() {
		t.Skip("five nodes")
	}
	c := newConsortium(t)
	network, nodes := c.inhabit(t)
	c.issuers(t, network)
	north := nodes["hospital-north"]
	kind, _ := catalogue.Find("StaffRole")
	status, b := north.call("operator", http.MethodPut, "/v1/schemas/StaffRole/"+kind.Version, kind.Schema(), map[string]string{"Content-Type": "application/schema+json"})
	if status != http.StatusCreated {
		t.Fatalf("publishing: %d %s", status, b)
	}
	var refused, begun asked
	for org, p := range map[string]*asked{"hospital-north": &begun, "hospital-south": &refused} {
		north.want(http.StatusCreated, "operator", http.MethodPost, "/v1/proposals", map[string]any{
			"kind": "accept_issuer", "reason": "By hand.", "subject": map[string]string{
				"issuer": ledger.IssuerDID(statetest.Network, org, "credentials"), "credentialType": "StaffRole", "schema": kind.Version,
			},
		}, p)
	}
	vote := func(org string, p asked, approve bool) {
		nodes[org].await("the proposal to be known", func() bool {
			status, _ := nodes[org].call("auditor", http.MethodGet, "/v1/proposals/"+p.ID, nil, nil)
			return status == http.StatusOK
		})
		nodes[org].want(http.StatusCreated, "operator", http.MethodPost, "/v1/proposals/"+p.ID+"/votes", map[string]bool{"approve": approve}, nil)
	}
	vote("hospital-north", begun, true)
	vote("authority", begun, false)
	for _, org := range []string{"hospital-north", "medtech", "authority"} {
		vote(org, refused, false)
	}
	var said []string
	for range 2 {
		var out bytes.Buffer
		if err := demo.Seed(t.Context(), demo.Target{Dir: network.Dir}, &out); err != nil {
			t.Fatalf("%v after:\n%s", err, &out)
		}
		t.Logf("%s", &out)
		said = append(said, out.String())
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/proposals/"+refused.ID, nil, &refused)
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/proposals/"+begun.ID, nil, &begun)
		if refused.State != "open" || len(refused.Votes) != 3 || begun.State != "enacted" || len(begun.Votes) != 4 {
			t.Errorf("refused %+v\nbegun %+v", refused, begun)
		}
	}
	if !strings.Contains(said[0], "their credential issuers: 27 proposals, each carried by 3 of 5") || !strings.Contains(said[1], "nothing was changed") {
		t.Errorf("the two runs say: %q", said)
	}
	for subject, n := range north.subjects() {
		if n != 1 {
			t.Errorf("%s was asked %d times", subject, n)
		}
	}
}

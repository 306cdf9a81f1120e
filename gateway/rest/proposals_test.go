package rest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/catalogue"
)

// speaker keeps the last command that was sent.
type speaker struct {
	role    ledger.Role
	name    string
	request any
}

func (s *speaker) Do(_ context.Context, _ string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	s.role, s.name, s.request = role, name, request
	return &fact.Operation{ID: "o", State: fact.StateStored}, nil
}

func (s *speaker) Start(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	return s.Do(ctx, key, role, name, request)
}

func id(digit string) string { return strings.Repeat(digit, 64) }

// council is a ledger with a roster of four and proposals in every state.
func council(t *testing.T) []record {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	propose := func(digit, kind string, expires time.Time) *ledger.Proposal {
		return &ledger.Proposal{
			V: 1, ID: id(digit), Kind: kind, By: "medtech", Reason: "r", Base: "0", Proposed: now, Expires: expires,
			Subject: ledger.ProposalSubject{Issuer: "did:secant:n:medtech", CredentialType: "T" + digit, Schema: "1"},
		}
	}
	var all []record
	later := now.Add(time.Hour)
	all = append(
		all,
		&ledger.Roster{V: 1, Network: "n", Organisations: []string{"authority", "hospital-north", "hospital-south", "medtech"}, Revision: 4},
		propose("1", ledger.ProposeAcceptIssuer, later), propose("2", ledger.ProposeAcceptIssuer, later),
		propose("3", ledger.ProposeAcceptIssuer, later), propose("4", ledger.ProposeStrikeIssuer, now.Add(-time.Hour)),
		propose("5", ledger.ProposeSucceedStream, later),
		&ledger.Vote{V: 1, Proposal: id("1"), Organisation: "medtech", Approve: true, Time: now},
		&ledger.Enactment{V: 1, Proposal: id("3"), Voters: []string{"authority", "medtech"}, By: "medtech", Time: now},
		&ledger.TrustRow{V: 1, Issuer: "did:secant:n:medtech", CredentialType: "T3", State: ledger.TrustAccepted, Revision: 1},
		&ledger.TrustRow{V: 1, Issuer: "did:secant:n:south", CredentialType: "T3", State: ledger.TrustStruck, Revision: 2},
	)
	for _, org := range []string{"authority", "hospital-north", "medtech", "stranger"} {
		all = append(all, &ledger.Vote{V: 1, Proposal: id("2"), Organisation: org, Approve: true, Time: now})
	}
	return all
}

func TestProposalsAreToldWithTheirStates(t *testing.T) {
	t.Parallel()
	_, _, e := serve(t, storeDeps(t, ledgerOf(t, council(t)...)))
	type told struct {
		ID, State string
		Approvals []string
		Needed    int
	}
	list := func(query string) []told {
		w := call(t, e, auth.RoleAnalyst, http.MethodGet, "/v1/proposals"+query, nil)
		var got struct{ Items []told }
		if err := json.Unmarshal(w.Body.Bytes(), &got); w.Code != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		return got.Items
	}
	open, carried := told{id("1"), "open", []string{"medtech"}, 3}, told{id("2"), "carried", []string{"authority", "hospital-north", "medtech"}, 3}
	enacted, expired := told{id("3"), "enacted", []string{}, 3}, told{id("4"), "expired", []string{}, 3}
	other := told{id("5"), "open", []string{}, 3}
	for query, want := range map[string][]told{
		"":                                {other, expired, enacted, carried, open},
		"?state=carried":                  {carried},
		"?state=expired":                  {expired},
		"?state=enacted":                  {enacted},
		"?state=open":                     {other, open},
		"?kind=accept_issuer&state=open":  {open},
		"?kind=remove_organisation":       {},
		"?kind=strike_issuer&state=open":  {},
		"?kind=accept_issuer&size=2":      {enacted, carried},
		"?kind=succeed_stream&state=open": {other},
	} {
		if d := cmp.Diff(want, list(query)); d != "" {
			t.Errorf("%s (-want +got):\n%s", query, d)
		}
	}
	if w := call(t, e, auth.RoleAuditor, http.MethodGet, "/v1/proposals/"+id("9"), nil); w.Code != http.StatusNotFound {
		t.Errorf("an unknown one: %d", w.Code)
	}
	for query, want := range map[string]int{"": 2, "?state=accepted": 1, "?issuer=did:secant:n:south": 1, "?type=T3&state=struck": 1, "?type=T4": 0} {
		w := call(t, e, auth.RoleAuditor, http.MethodGet, "/v1/trust"+query, nil)
		if n := strings.Count(w.Body.String(), `"credentialType":"T3"`); w.Code != http.StatusOK || n != want {
			t.Errorf("%s: %d rows, want %d: %s", query, n, want, w.Body)
		}
	}
}

func TestGoverningSendsWhatWasDecided(t *testing.T) {
	t.Parallel()
	deps := storeDeps(t, ledgerOf(t, council(t)...))
	s := &speaker{}
	deps.Commands = s
	_, _, e := serve(t, deps)
	const schema = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}`
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		tx                 string
		want               any
		says               string
	}{
		"propose": {
			http.MethodPost, "/v1/proposals", `{"kind":"remove_organisation","subject":{"organisation":"hospital-south"},"reason":"r"}`, 202,
			ledger.IdentityPropose,
			ledger.Propose{Kind: "remove_organisation", Subject: ledger.ProposalSubject{Organisation: "hospital-south"}, Reason: "r"},
			"",
		},
		"propose a stream": {
			http.MethodPost, "/v1/proposals", `{"kind":"succeed_stream","subject":{"stream":"` + id("a") + `","successor":"` + id("b") + `","lastSequence":7},"reason":"r"}`, 202,
			ledger.IdentityPropose,
			ledger.Propose{Kind: "succeed_stream", Subject: ledger.ProposalSubject{Stream: id("a"), Successor: id("b"), LastSequence: 7}, Reason: "r"},
			"",
		},
		"propose what is of another kind": {http.MethodPost, "/v1/proposals", `{"kind":"remove_organisation","subject":{"organisation":"x","did":"marked"},"reason":"r"}`, 422, "", nil, "body.subject.did"},
		"propose nothing":                 {http.MethodPost, "/v1/proposals", `{"kind":"marked","subject":{},"reason":"r"}`, 422, "", nil, "body.kind"},
		"propose with more":               {http.MethodPost, "/v1/proposals", `{"kind":"remove_organisation","subject":{"organisation":"x","marked":1},"reason":"r"}`, 422, "", nil, "body.subject"},
		"vote for":                        {http.MethodPost, "/v1/proposals/" + id("1") + "/votes", `{"approve":true}`, 202, ledger.IdentityVote, ledger.CastVote{Proposal: id("1"), Approve: true}, ""},
		"vote against":                    {http.MethodPost, "/v1/proposals/" + id("1") + "/votes", `{"approve":false}`, 202, ledger.IdentityVote, ledger.CastVote{Proposal: id("1")}, ""},
		"vote without saying how":         {http.MethodPost, "/v1/proposals/" + id("1") + "/votes", `{}`, 422, "", nil, "approve"},
		"vote on what is none":            {http.MethodPost, "/v1/proposals/marked/votes", `{"approve":true}`, 422, "", nil, "path.id"},
		"enact": {
			http.MethodPost, "/v1/proposals/" + id("2") + "/enactment", "", 202,
			ledger.IdentityEnact,
			ledger.Enact{Proposal: id("2"), Voters: []string{"authority", "hospital-north", "medtech"}},
			"",
		},
		"enact again":         {http.MethodPost, "/v1/proposals/" + id("3") + "/enactment", "", 202, ledger.IdentityEnact, ledger.Enact{Proposal: id("3"), Voters: []string{"authority", "medtech"}}, ""},
		"enact what is open":  {http.MethodPost, "/v1/proposals/" + id("1") + "/enactment", "", 403, "", nil, "1 members approved it"},
		"enact a succession":  {http.MethodPost, "/v1/proposals/" + id("5") + "/enactment", "", 422, "", nil, ledger.AnchorSucceed},
		"enact what is not":   {http.MethodPost, "/v1/proposals/" + id("9") + "/enactment", "", 404, "", nil, ""},
		"publish a schema":    {http.MethodPut, "/v1/schemas/a%2Fb/1", schema, 202, ledger.IdentityPublishSchema, ledger.PublishSchema{CredentialType: "a/b", Version: "1", Digest: ledger.BodyDigest([]byte(schema))}, ""},
		"publish for no type": {http.MethodPut, "/v1/schemas/marked%20x/1", schema, 422, "", nil, "path.type"},
		"publish no schema":   {http.MethodPut, "/v1/schemas/T/1", `{"type":"marked"}`, 422, "", nil, `"body"`},
		"publish no JSON":     {http.MethodPut, "/v1/schemas/T/1", `marked`, 400, "", nil, ""},
		"publish names twice": {http.MethodPut, "/v1/schemas/T/1", `{"type":"object","type":"object"}`, 400, "", nil, ""},
		"publish too much":    {http.MethodPut, "/v1/schemas/T/1", `{"a":"` + strings.Repeat("a", fact.MaxSchema) + `"}`, 413, "", nil, ""},
		"publish what leads elsewhere": {
			http.MethodPut, "/v1/schemas/T/1",
			`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"a":{"$ref":"file:///etc/hostname"}}}`, 422, "", nil, `"body"`,
		},
	} {
		*s = speaker{}
		var body io.Reader
		header := []string{}
		if c.body != "" {
			body, header = strings.NewReader(c.body), []string{"Content-Type", "application/json"}
		}
		w := call(t, e, auth.RoleOperator, c.method, c.path, body, header...)
		if w.Code != c.status || s.name != c.tx || !strings.Contains(w.Body.String(), c.says) || strings.Contains(w.Body.String(), "marked") {
			t.Errorf("%s: %d %s\n%s", name, w.Code, s.name, w.Body)
		}
		if d := cmp.Diff(c.want, s.request); d != "" || c.tx != "" && s.role != ledger.RoleRegistrar {
			t.Errorf("%s by %s (-want +got):\n%s", name, s.role, d)
		}
		for _, role := range []auth.Role{auth.RoleRegistrar, auth.RoleCertifier, auth.RoleIntegrator, auth.RoleAnalyst, auth.RoleRiskManager, auth.RoleAuditor, auth.RoleNode} {
			*s = speaker{}
			if w := call(t, e, role, c.method, c.path, strings.NewReader(c.body), header...); w.Code != http.StatusForbidden || s.name != "" {
				t.Errorf("%s as %s: %d", name, role, w.Code)
			}
		}
	}
}

// The catalogue is open to everyone, with the documents that its digests name.
func TestTheCatalogueIsServed(t *testing.T) {
	t.Parallel()
	kind, _ := catalogue.Find("StaffRole")
	s := ledgerOf(t,
		&ledger.Schema{V: 1, CredentialType: "StaffRole", Version: "1.0.0", Digest: ledger.BodyDigest(kind.Schema()), Author: "medtech"},
		&ledger.Schema{V: 1, CredentialType: "StaffRole", Version: "2.0.0", Digest: id("c"), Author: "medtech"})
	_, _, e := serve(t, storeDeps(t, s))
	var list struct {
		Items []struct {
			Name, Version, SchemaDigest string
			Issuers, Formats            []string
			Display                     struct{ Name map[string]string }
		}
	}
	w := call(t, e, "", http.MethodGet, "/v1/credential-types", nil)
	if err := json.Unmarshal(w.Body.Bytes(), &list); w.Code != http.StatusOK || err != nil || len(list.Items) != len(catalogue.Types()) {
		t.Fatalf("%d %v %s", w.Code, err, w.Body)
	}
	for i, got := range list.Items {
		want := catalogue.Types()[i]
		if got.Name != want.Name || len(got.Issuers) == 0 || len(got.Formats) == 0 || got.Display.Name["de"] != want.Display.Name.De {
			t.Errorf("%+v", got)
		}
		w := call(t, e, "", http.MethodGet, "/v1/credential-types/"+got.Name+"/schema", nil)
		if w.Code != http.StatusOK || ledger.BodyDigest(w.Body.Bytes()) != got.SchemaDigest || w.Header().Get("Content-Type") != "application/schema+json" {
			t.Errorf("the schema of %s: %d", got.Name, w.Code)
		}
	}
	for path, status := range map[string]int{
		"/v1/credential-types/Nothing/schema": 404,
		"/v1/schemas/StaffRole/1.0.0":         200, // part of the program, fetched or not
		"/v1/schemas/StaffRole/2.0.0":         404, // on the ledger, and not here
		"/v1/schemas/StaffRole/3.0.0":         404,
	} {
		if w := call(t, e, auth.RoleNode, http.MethodGet, path, nil); w.Code != status {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

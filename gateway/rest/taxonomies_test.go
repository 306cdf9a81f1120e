package rest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// lexicon is a ledger with a roster of four, a vocabulary of two versions and proposals
// to change it: open, carried, lost and withdrawn.
func lexicon(t *testing.T) []record {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	orgs := []string{"authority", "hospital-north", "hospital-south", "medtech"}
	node := func(id, name string, since int) *ledger.Node {
		n := &ledger.Node{V: 1, Vocabulary: "words", Since: since, Term: ledger.Term{ID: id, Name: name, Definition: "d"}, Evidence: []ledger.NodeEvidence{}}
		n.Digest = ledger.NodeDigest(n)
		return n
	}
	first, second := node("a", "A", 1), node("a", "A again", 2)
	all := []record{
		&ledger.Roster{V: 1, Network: "n", Organisations: orgs, Revision: 4}, first, second,
		&ledger.Vocabulary{V: 1, ID: "words", Title: "Words", Kind: ledger.VocabularyNodes, Maintainer: "medtech", Version: 2, Digest: id("d"), Nodes: 1},
	}
	for i, n := range []*ledger.Node{first, second} {
		all = append(all, &ledger.VocabularyVersion{V: 1, Vocabulary: "words", Number: i + 1, Digest: id("d"), Nodes: 1, Change: ledger.ChangeAdd},
			&ledger.VocabularyManifest{V: 1, Vocabulary: "words", Number: i + 1, Nodes: []ledger.ManifestEntry{{ID: "a", Since: n.Since, Digest: n.Digest}}})
	}
	for digit, votes := range map[string]string{"1": "", "2": "+++", "3": "--", "4": ""} {
		all = append(all, &ledger.Proposal{
			V: 1, ID: id(digit), Kind: ledger.ProposeChangeVocabulary, Subject: ledger.ProposalSubject{Vocabulary: "words"}, Base: "0", By: "hospital-north",
			Reason: "r", Proposed: now, Expires: now.Add(time.Hour),
		}, &ledger.VocabularyChange{V: 1, Vocabulary: "words", Proposal: id(digit), Change: ledger.ChangeAdd, Term: &ledger.Term{ID: "n" + digit, Name: "n", Definition: "d"}})
		for i, v := range votes {
			all = append(all, &ledger.Vote{V: 1, Proposal: id(digit), Organisation: orgs[i], Approve: v == '+', Time: now})
		}
	}
	return append(all, &ledger.Closure{V: 1, Proposal: id("4"), Outcome: ledger.ClosedWithdrawn, By: "hospital-north", Time: now})
}

func TestVocabulariesAreToldVersionByVersion(t *testing.T) {
	t.Parallel()
	_, _, e := serve(t, storeDeps(t, ledgerOf(t, lexicon(t)...)))
	for path, c := range map[string]struct {
		status int
		says   string
	}{
		"/v1/taxonomies":                                        {200, `"id":"words"`},
		"/v1/taxonomies/words":                                  {200, `"version":2`},
		"/v1/taxonomies/none":                                   {404, ""},
		"/v1/taxonomies/a%20b":                                  {422, "path.id"},
		"/v1/taxonomies/words/versions":                         {200, `"number":2`},
		"/v1/taxonomies/words/versions/1":                       {200, `"number":1`},
		"/v1/taxonomies/words/versions/3":                       {404, ""},
		"/v1/taxonomies/words/versions/0":                       {422, "path.number"},
		"/v1/taxonomies/words/nodes":                            {200, `"name":"A again"`},
		"/v1/taxonomies/words/nodes?version=1":                  {200, `"name":"A"`},
		"/v1/taxonomies/words/nodes?version=3":                  {404, ""},
		"/v1/taxonomies/words/nodes?version=-1":                 {422, "query.version"},
		"/v1/taxonomy-proposals?state=rejected":                 {200, `"items":[]`},
		"/v1/taxonomy-proposals?state=withdrawn":                {200, `"id":"n4"`},
		"/v1/taxonomy-proposals?vocabulary=words&state=carried": {200, `"id":"n2"`},
		"/v1/taxonomy-proposals?vocabulary=none":                {200, `"items":[]`},
		"/v1/taxonomy-proposals/" + id("4"):                     {200, `"outcome":"withdrawn"`},
		"/v1/taxonomy-proposals/" + id("9"):                     {404, ""},
		"/v1/proposals/" + id("1"):                              {200, `"vocabulary":"words"`},
	} {
		w := call(t, e, auth.RoleAuditor, http.MethodGet, path, nil)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestWordsAreProposedVotedOnAndClosed(t *testing.T) {
	t.Parallel()
	deps := storeDeps(t, ledgerOf(t, lexicon(t)...))
	s := &speaker{}
	deps.Commands = s
	_, _, e := serve(t, deps)
	until := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	add := ledger.ProposeChange{
		Vocabulary: "words", Change: ledger.ChangeAdd, Reason: "r", Expires: until, Evidence: []ledger.NodeEvidence{{Digest: id("e"), Sharer: "hospital-north"}},
		Term: &ledger.Term{ID: "b", Name: "B", Definition: "d", External: []ledger.External{{ID: "T1", Source: "s"}}},
	}
	text, err := json.Marshal(add)
	if err != nil {
		t.Fatal(err)
	}
	const words = "/v1/taxonomy-proposals"
	analyst, operator := []auth.Role{auth.RoleAnalyst, auth.RoleOperator}, []auth.Role{auth.RoleOperator}
	for name, c := range map[string]struct {
		path, body string
		status     int
		role       ledger.Role
		tx         string
		want       any
		says       string
		who        []auth.Role
	}{
		"create":            {"/v1/taxonomies", `{"id":"x","title":"X","kind":"imported"}`, 202, ledger.RoleRegistrar, ledger.TaxonomyCreate, ledger.CreateVocabulary{ID: "x", Title: "X", Kind: "imported"}, "", operator},
		"create none":       {"/v1/taxonomies", `{"id":"a/b","title":"X","kind":"nodes"}`, 422, "", "", nil, "body.id", operator},
		"propose":           {words, string(text), 202, ledger.RoleSharer, ledger.TaxonomyPropose, add, "", analyst},
		"propose on no":     {words, `{"vocabulary":"words","change":"add","reason":"r","term":{"id":"b","name":"B","definition":"d"}}`, 422, "", "", nil, "body.evidence", analyst},
		"propose more":      {words, `{"vocabulary":"words","change":"add","reason":"r","marked":1}`, 422, "", "", nil, "body", analyst},
		"vote":              {words + "/" + id("1") + "/votes", `{"approve":true}`, 202, ledger.RoleRegistrar, ledger.IdentityVote, ledger.CastVote{Proposal: id("1"), Approve: true}, "", operator},
		"vote on none":      {words + "/" + id("9") + "/votes", `{"approve":true}`, 404, "", "", nil, "", operator},
		"adopt":             {words + "/" + id("2") + "/adoption", "", 202, ledger.RoleRegistrar, ledger.TaxonomyAdopt, ledger.AdoptChange{Proposal: id("2"), Voters: []string{"authority", "hospital-north", "hospital-south"}}, "", operator},
		"adopt an open one": {words + "/" + id("1") + "/adoption", "", 403, "", "", nil, "0 members approved it", operator},
		"withdraw":          {words + "/" + id("1") + "/withdrawal", "", 202, ledger.RoleSharer, ledger.TaxonomyWithdraw, ledger.WithdrawChange{Proposal: id("1")}, "", analyst},
		"reject":            {words + "/" + id("3") + "/rejection", "", 202, ledger.RoleRegistrar, ledger.TaxonomyReject, ledger.RejectChange{Proposal: id("3"), Voters: []string{"authority", "hospital-north"}}, "", operator},
		"reject an open":    {words + "/" + id("2") + "/rejection", "", 403, "", "", nil, "4 members can still approve it", operator},
		"enact it as if":    {"/v1/proposals/" + id("2") + "/enactment", "", 422, "", "", nil, ledger.TaxonomyAdopt, operator},
	} {
		for _, role := range auth.Roles {
			*s = speaker{}
			var body io.Reader
			header := []string{}
			if c.body != "" {
				body, header = strings.NewReader(c.body), []string{"Content-Type", "application/json"}
			}
			w := call(t, e, role, http.MethodPost, c.path, body, header...)
			if !role.Has(auth.ConsortiumGovern) && (len(c.who) == 1 || role != auth.RoleAnalyst) {
				if w.Code != http.StatusForbidden || s.name != "" {
					t.Errorf("%s as %s: %d", name, role, w.Code)
				}
				continue
			}
			if w.Code != c.status || s.name != c.tx || s.role != c.role || !strings.Contains(w.Body.String(), c.says) || strings.Contains(w.Body.String(), "marked") {
				t.Errorf("%s as %s: %d %s by %s\n%s", name, role, w.Code, s.name, s.role, w.Body)
			}
			if d := cmp.Diff(c.want, s.request); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
	}
	// Without a time to expire at, the same request is the same a little later.
	add.Expires = time.Time{}
	if text, err = json.Marshal(add); err != nil {
		t.Fatal(err)
	}
	call(t, e, auth.RoleAnalyst, http.MethodPost, words, strings.NewReader(string(text)), "Content-Type", "application/json")
	sent, ok := s.request.(ledger.ProposeChange)
	if left := time.Until(sent.Expires); !ok || left < 14*24*time.Hour || left > 15*24*time.Hour || !sent.Expires.Equal(sent.Expires.Truncate(24*time.Hour)) {
		t.Errorf("it expires at %v", sent.Expires)
	}
}

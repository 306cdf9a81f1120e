package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// recaller keeps the last recall that was sent.
type recaller struct {
	role ledger.Role
	req  ledger.RecallDevices
}

func (r *recaller) Do(_ context.Context, _ string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	req, ok := request.(ledger.RecallDevices)
	if !ok || name != ledger.DeviceRecall || req.Validate() != nil {
		return nil, fmt.Errorf("%s: %+v", name, request)
	}
	r.role, r.req = role, req
	return &fact.Operation{ID: "o", State: fact.StateStored}, nil
}

func (r *recaller) Start(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	return r.Do(ctx, key, role, name, request)
}

func TestARecallStatesTheRevisionThatItChanges(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("ab", 32)
	s := ledgerOf(t,
		&ledger.Model{V: 1, DI: "x", Name: "n", ModelNumber: "m", Manufacturer: "hospital-north", RiskClass: "I"},
		&ledger.Model{V: 1, DI: "y", Name: "n", ModelNumber: "m", Manufacturer: "medtech", RiskClass: "I"},
		&ledger.Recall{V: 1, DI: "x", Kind: ledger.RecallLot, Value: "L1", Class: ledger.RecallClassIII, NoticeDigest: digest, By: "hospital-north", Revision: 3})
	r := &recaller{}
	deps := storeDeps(t, s)
	deps.Commands = r
	_, _, e := serve(t, deps)
	const end = `,"class":"I","noticeDigest":"DIGEST"}`
	for name, c := range map[string]struct {
		body     string
		status   int
		want     ledger.RecallDevices
		role     ledger.Role
		location string
	}{
		"one that is known":       {`{"di":"x","lot":"L1"` + end, 202, ledger.RecallDevices{DI: "x", Kind: "lot", Value: "L1", Revision: 3}, ledger.RoleRegistrar, ""},
		"a revision of its own":   {`{"di":"x","lot":"L1","revision":2` + end, 202, ledger.RecallDevices{DI: "x", Kind: "lot", Value: "L1", Revision: 2}, ledger.RoleRegistrar, ""},
		"the first of a release":  {`{"di":"x","release":"1.0"` + end, 202, ledger.RecallDevices{DI: "x", Kind: "release", Value: "1.0"}, ledger.RoleRegistrar, ""},
		"of another's model":      {`{"di":"y","lot":"L1"` + end, 202, ledger.RecallDevices{DI: "y", Kind: "lot", Value: "L1"}, ledger.RoleRegistrar, ""}, // which the ledger refuses
		"of no model":             {`{"di":"z","lot":"L1"` + end, 404, ledger.RecallDevices{}, "", ""},
		"neither lot nor release": {`{"di":"x"` + end, 422, ledger.RecallDevices{}, "", "body.lot"},
		"lot and release":         {`{"di":"x","lot":"L1","release":"1.0"` + end, 422, ledger.RecallDevices{}, "", "body.lot"},
		"a lot that is none":      {`{"di":"x","lot":" "` + end, 422, ledger.RecallDevices{}, "", "body.lot"},
		"a release that is none":  {`{"di":"x","release":" "` + end, 422, ledger.RecallDevices{}, "", "body.release"},
		"no class":                {`{"di":"x","lot":"L1","class":"V","noticeDigest":"DIGEST"}`, 422, ledger.RecallDevices{}, "", "body.class"},
	} {
		*r = recaller{}
		w := call(t, e, auth.RoleRegistrar, http.MethodPost, "/v1/recalls", strings.NewReader(strings.ReplaceAll(c.body, "DIGEST", digest)), "Content-Type", "application/json")
		if c.status == 202 {
			c.want.Class, c.want.NoticeDigest = "I", digest
		}
		if w.Code != c.status || r.req != c.want || r.role != c.role || !strings.Contains(w.Body.String(), c.location) {
			t.Errorf("%s: %d %+v by %s\n%s", name, w.Code, r.req, r.role, w.Body)
		}
	}
	// A certifier's token is what acts as certifier, whoever made the model.
	text := strings.ReplaceAll(`{"lot":"L1"`+end, "DIGEST", digest)
	for role, want := range map[auth.Role]ledger.Role{
		auth.RoleCertifier: ledger.RoleCertifier, auth.RoleRegistrar: ledger.RoleRegistrar,
		auth.RoleAnalyst: "", auth.RoleIntegrator: "", auth.RoleRiskManager: "", auth.RoleAuditor: "", auth.RoleOperator: "", auth.RoleNode: "",
	} {
		for _, di := range []string{"x", "y"} {
			*r = recaller{}
			body := strings.NewReader(strings.Replace(text, "{", `{"di":"`+di+`",`, 1))
			w := call(t, e, role, http.MethodPost, "/v1/recalls", body, "Content-Type", "application/json")
			if (w.Code == http.StatusAccepted) != (want != "") || r.role != want {
				t.Errorf("%s recalls %s: %d as %q", role, di, w.Code, r.role)
			}
		}
	}
	if w := call(t, e, auth.RoleCertifier, http.MethodPost, "/v1/models", strings.NewReader("{}"), "Content-Type", "application/json"); w.Code != http.StatusForbidden {
		t.Errorf("a certifier registers a model: %d", w.Code)
	}
	w := call(t, e, auth.RoleAuditor, http.MethodGet, "/v1/recalls?di=x", nil)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"revision":3`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := call(t, e, auth.RoleAuditor, http.MethodGet, "/v1/recalls?di=y", nil); !strings.Contains(w.Body.String(), `"items":[]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

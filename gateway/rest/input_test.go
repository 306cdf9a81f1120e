package rest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/admit"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// marked is in every request below, and must be in no answer.
const marked = "MARKED"

// noCommands refuses commands: what is malformed must not come this far.
type noCommands struct{ t *testing.T }

func (n noCommands) Do(_ context.Context, _ string, _ ledger.Role, name string, _ any) (*fact.Operation, error) {
	n.t.Errorf("the command %s was sent", name)
	return nil, errors.New("no commands")
}

func (n noCommands) Start(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	return n.Do(ctx, key, role, name, request)
}

// ledgerOf is a store with what the given writes put into it.
func ledgerOf(t *testing.T, records ...record) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.Place(t), store.Options{Organisation: "hospital-north"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	tx := ledger.Tx{ID: strings.Repeat("0", 64), Name: "test:Write", Creator: "medtech", Valid: true}
	for _, r := range records {
		value, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		tx.Writes = append(tx.Writes, ledger.Write{Key: r.Key(), Value: value})
	}
	if _, err := s.Apply(t.Context(), &ledger.Block{Number: 0, Txs: []ledger.Tx{tx}}); err != nil {
		t.Fatal(err)
	}
	return s
}

type record interface{ Key() ledger.Key }

// northUnit is a device of the organisation under test.
func northUnit(id byte, state string) *ledger.Unit {
	return &ledger.Unit{
		V: 1, ID: strings.Repeat(string("0123456789abcdef"[id%16]), 64), DI: "x", Lot: "l", Release: "1", Manufacturer: "medtech",
		Owner: "hospital-north", State: state, Certification: ledger.CertificationNone,
	}
}

func storeDeps(t *testing.T, s *store.Store) rest.Deps {
	t.Helper()
	return rest.Deps{
		Commands: noCommands{t}, Operations: s, Members: s, Proposals: s, Taxonomies: s, Registry: s, Models: s, Releases: s, Units: s, Recalls: s, Inventory: s, Care: s, ModelFiles: s, Documents: s,
		Reports: s, Scores: s, Streams: s, Anchors: s, Devices: admit.New("hospital-north", s),
	}
}

// call sends a request and returns the answer.
func call(t *testing.T, e *gin.Engine, role auth.Role, method, path string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, body)
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+token(t, role))
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

// TestBadInput sends what must be refused. Each answer is a problem document
// that names the faults, repeats nothing, and leaves nothing done.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := ledgerOf(t, northUnit(1, ledger.StateInService), northUnit(2, ledger.StateRegistered),
		&ledger.Model{V: 1, DI: "x", Name: "n", ModelNumber: "m", Manufacturer: "medtech", RiskClass: "I"})
	_, _, e := serve(t, storeDeps(t, s))
	unit := northUnit(1, "").ID
	const typeJSON, typeBOM, typeSTIX = "application/json", "application/vnd.cyclonedx+json", "application/stix+json;version=2.1"
	deep := strings.Repeat(`{"a":`, 100_000)
	signature := base64.RawURLEncoding.EncodeToString(make([]byte, 64))

	for _, c := range []struct {
		name         string
		role         auth.Role
		method, path string
		contentType  string
		body         string
		status       int
		locations    []string // of the faults, each once
		header       []string
	}{
		{"empty", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, "", 400, []string{"body"}, nil},
		{"no JSON", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{"di": MARKED`, 400, []string{"body"}, nil},
		{"not UTF-8", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, "{\"di\": \"MARKED\xff\"}", 400, []string{"body"}, nil},
		{"name twice", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{"di": "MARKED", "di": "MARKED"}`, 400, []string{"body"}, nil},
		{"more behind", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{} MARKED`, 400, []string{"body"}, nil},
		{"deep", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, deep, 413, nil, nil},
		{"large", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{"di":"` + strings.Repeat("x", 70_000) + `"}`, 413, nil, nil},
		{"larger than all", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, strings.Repeat(" ", 2<<20), 413, nil, nil},
		{"not an object", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `["MARKED"]`, 422, []string{"body"}, nil},
		{"null", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `null`, 422, []string{"body"}, nil},
		{"all missing", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{}`, 422, []string{"body", "body", "body", "body"}, nil},
		{"wrong types", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{"di":["MARKED"],"name":{"MARKED":1},"modelNumber":1e9,"riskClass":null}`, 422, []string{"body.di", "body.modelNumber", "body.name", "body.riskClass"}, nil},
		{"unknown", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{"di":"x","name":"n","modelNumber":"m","riskClass":"I","MARKED":1,"port":2}`, 422, []string{"body"}, nil},
		{"unknown, with dots", auth.RoleRegistrar, "POST", "/v1/units/" + unit + "/service", typeJSON, `{"ward":1,"services":[{"x.MARKED":1,"protocol":1}]}`, 422, []string{"body"}, nil},
		{"unknown, many places", auth.RoleRegistrar, "POST", "/v1/units/" + unit + "/service", typeJSON, `{"ward":1,"address":2,"MARKED":1,"services":[{"MARKED":1,"protocol":1,"port":"MARKED"},{"protocol":"MARKED","port":true}]}`, 422, []string{"body", "body.address", "body.services[0]", "body.services[0].port", "body.services[0].protocol", "body.services[1].port", "body.ward"}, nil},
		{"wrong case", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{"DI":"x","name":"n","modelNumber":"m","riskClass":"I"}`, 422, []string{"body", "body"}, nil},
		{"all invalid", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{"di":"MARKED MARKED","name":" MARKED","modelNumber":"MARKED\u0007","riskClass":"MARKED"}`, 422, []string{"body.di", "body.name", "body.modelNumber", "body.riskClass"}, nil},
		{"no type", auth.RoleRegistrar, "POST", "/v1/models", "", `{}`, 415, nil, nil},
		{"wrong type", auth.RoleRegistrar, "POST", "/v1/models", "text/MARKED", `{}`, 415, nil, nil},
		{"wrong charset", auth.RoleRegistrar, "POST", "/v1/models", typeJSON + ";charset=MARKED", `{}`, 415, nil, nil},
		{"encoded", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{}`, 415, nil, []string{"Content-Encoding", "MARKED"}},
		{"unknown query", auth.RoleRegistrar, "POST", "/v1/models?MARKED=1", typeJSON, `{}`, 422, []string{"query"}, nil},
		{"long key", auth.RoleRegistrar, "POST", "/v1/models", typeJSON, `{"di":"x","name":"n","modelNumber":"m","riskClass":"I"}`, 422, []string{"header.Idempotency-Key"}, []string{"Idempotency-Key", strings.Repeat(marked, 30)}},

		{"size", auth.RoleAuditor, "GET", "/v1/models?size=MARKED", "", "", 422, []string{"query.size"}, nil},
		{"size, too large", auth.RoleAuditor, "GET", "/v1/models?size=201", "", "", 422, []string{"query.size"}, nil},
		{"size, negative", auth.RoleAuditor, "GET", "/v1/models?size=-1", "", "", 422, []string{"query.size"}, nil},
		{"size twice", auth.RoleAuditor, "GET", "/v1/models?size=1&size=MARKED", "", "", 422, []string{"query.size"}, nil},
		{"cursor", auth.RoleAuditor, "GET", "/v1/models?cursor=MARKED", "", "", 422, []string{"query.cursor"}, nil},
		{"cursor, long", auth.RoleAuditor, "GET", "/v1/models?cursor=" + strings.Repeat(marked, 200), "", "", 422, []string{"query.cursor"}, nil},
		{"query", auth.RoleAuditor, "GET", "/v1/models?%zz=MARKED", "", "", 400, []string{"query"}, nil},
		{"query, semicolon", auth.RoleAuditor, "GET", "/v1/models?a;MARKED", "", "", 400, []string{"query"}, nil},
		{"state", auth.RoleAuditor, "GET", "/v1/units?state=MARKED", "", "", 422, []string{"query.state"}, nil},
		{"unit", auth.RoleAuditor, "GET", "/v1/units/MARKED", "", "", 422, []string{"path.id"}, nil},
		{"operation", auth.RoleAuditor, "GET", "/v1/operations/MARKED", "", "", 422, []string{"path.id"}, nil},
		{"model", auth.RoleAuditor, "GET", "/v1/models/MARKED", "", "", 404, nil, nil},
		{"model, long", auth.RoleAuditor, "GET", "/v1/models/" + strings.Repeat(marked, 20), "", "", 422, []string{"path.di"}, nil},

		{"unit, all invalid", auth.RoleRegistrar, "POST", "/v1/units", typeJSON, `{"serial":" MARKED","di":"MARKED MARKED","lot":"","release":"","owner":"","publicKey":"MARKED"}`, 422, []string{"body.serial", "body.di", "body.lot", "body.release", "body.owner", "body.publicKey"}, nil},
		{"unit of another maker", auth.RoleRegistrar, "POST", "/v1/units", typeJSON, `{"serial":"MARKED","di":"x","lot":"l","release":"1","owner":"hospital-north"}`, 403, nil, nil},
		{"unit of no model", auth.RoleRegistrar, "POST", "/v1/units", typeJSON, `{"serial":"MARKED","di":"y","lot":"l","release":"1","owner":"hospital-north"}`, 404, nil, nil},

		{"service, all invalid", auth.RoleRegistrar, "POST", "/v1/units/" + unit + "/service", typeJSON, `{"ward":"","address":"MARKED MARKED","services":[{"protocol":"MARKED","port":0},{"protocol":"tcp","port":65536}]}`, 422, []string{"body.ward", "body.address", "body.services[0].protocol", "body.services[0].port", "body.services[1].port"}, nil},
		{"service, inner unknown", auth.RoleRegistrar, "POST", "/v1/units/" + unit + "/service", typeJSON, `{"ward":"w","address":"a","services":[{"protocol":"tcp","port":1,"MARKED":2}]}`, 422, []string{"body.services[0]"}, nil},
		{"service, fraction", auth.RoleRegistrar, "POST", "/v1/units/" + unit + "/service", typeJSON, `{"ward":"w","address":"a","services":[{"protocol":"tcp","port":1.5}]}`, 422, []string{"body.services[0].port"}, nil},

		{"bill, no JSON", auth.RoleRegistrar, "PUT", "/v1/models/x/releases/1", typeBOM, `{"MARKED"`, 422, []string{"body"}, nil},
		{"bill, no bill", auth.RoleRegistrar, "PUT", "/v1/models/x/releases/1", typeBOM, `{"MARKED":"MARKED"}`, 422, []string{"body.document"}, nil},
		{"bill, deep", auth.RoleRegistrar, "PUT", "/v1/models/x/releases/1", typeBOM, deep, 413, []string{"body"}, nil},
		{"bill, empty", auth.RoleRegistrar, "PUT", "/v1/models/x/releases/1", typeBOM, ``, 422, []string{"body"}, nil},
		{"bill, wrong version", auth.RoleRegistrar, "PUT", "/v1/models/x/releases/MARKED%20MARKED", typeBOM, `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1}`, 422, []string{"path.version"}, nil},
		{"bill of another maker", auth.RoleRegistrar, "PUT", "/v1/models/x/releases/1", typeBOM, `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[{"type":"library","name":"MARKED"}]}`, 403, nil, nil},
		{"bill of no model", auth.RoleRegistrar, "PUT", "/v1/models/y/releases/1", typeBOM, `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[{"type":"library","name":"MARKED"}]}`, 404, nil, nil},
		{"bill, wrong type", auth.RoleRegistrar, "PUT", "/v1/models/x/releases/1", "application/vnd.cyclonedx+xml", `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1}`, 422, []string{"header.Content-Type"}, nil},

		{"threat, no marking", auth.RoleAnalyst, "POST", "/v1/threats", typeSTIX, `{}`, 422, []string{"query.marking"}, nil},
		{"threat, amber", auth.RoleAnalyst, "POST", "/v1/threats?marking=amber", typeSTIX, `{}`, 422, []string{"query.to"}, nil},
		{"threat, green to some", auth.RoleAnalyst, "POST", "/v1/threats?marking=green&to=a&to=b", typeSTIX, `{}`, 422, []string{"query.to"}, nil},
		{"threat, marking twice", auth.RoleAnalyst, "POST", "/v1/threats?marking=green&marking=clear", typeSTIX, `{}`, 422, []string{"query.marking"}, nil},
		{"threat, other version", auth.RoleAnalyst, "POST", "/v1/threats?marking=green", "application/stix+json;version=1.2", `{}`, 415, nil, nil},
		{"threat, JSON", auth.RoleAnalyst, "POST", "/v1/threats?marking=green", typeJSON, `{}`, 415, nil, nil},
		{"threat, no bundle", auth.RoleAnalyst, "POST", "/v1/threats?marking=green", typeSTIX, `{"type":"MARKED"}`, 422, nil, nil},
		{"threat, deep", auth.RoleAnalyst, "POST", "/v1/threats?marking=green", typeSTIX, deep, 413, nil, nil},
		{"alert, no alert", auth.RoleAnalyst, "POST", "/v1/threats?marking=green", "application/vnd.suricata.eve+json", `{"event_type":"MARKED"}`, 422, nil, nil},
		{"body of no digest", auth.RoleAnalyst, "GET", "/v1/threats/MARKED/body", "", "", 404, nil, nil},

		{"score of nothing", auth.RoleRiskManager, "POST", "/v1/risk/scores", typeJSON, `{"subject":"MARKED"}`, 422, []string{"body.subject"}, nil},
		{"score of no unit", auth.RoleRiskManager, "POST", "/v1/risk/scores", typeJSON, `{"subject":"` + strings.Repeat("e", 64) + `"}`, 404, nil, nil},
		{"scores of nothing", auth.RoleAuditor, "GET", "/v1/risk/scores", "", "", 422, []string{"query.subject"}, nil},
		{"inputs of no digest", auth.RoleAuditor, "GET", "/v1/risk/inputs/MARKED", "", "", 404, nil, nil},

		{"readings, no device", auth.RoleIntegrator, "POST", "/v1/readings", typeJSON, `MARKED`, 422, []string{"header.Secant-Device"}, nil},
		{"readings, bad headers", "", "POST", "/v1/readings", typeJSON, `MARKED`, 422, []string{"header.Secant-Device", "header.Secant-Seed", "header.Secant-Signature"}, []string{auth.HeaderDevice, marked, auth.HeaderSignature, marked, auth.HeaderSeed, marked}},
		{"readings, unknown device", "", "POST", "/v1/readings", typeJSON, `MARKED`, 403, nil, []string{auth.HeaderDevice, strings.Repeat("e", 64), auth.HeaderSignature, signature, auth.HeaderSeed, signature[:43]}},
		{"readings, no key", "", "POST", "/v1/readings", typeJSON, `MARKED`, 403, nil, []string{auth.HeaderDevice, unit, auth.HeaderSignature, signature, auth.HeaderSeed, signature[:43]}},
		{"readings, not in service", auth.RoleIntegrator, "POST", "/v1/readings", typeJSON, `MARKED`, 403, nil, []string{auth.HeaderDevice, northUnit(2, "").ID}},
		{"readings, wrong type", auth.RoleIntegrator, "POST", "/v1/readings", "text/plain", `MARKED`, 415, nil, []string{auth.HeaderDevice, unit}},
		{"readings, wrong encoding", auth.RoleIntegrator, "POST", "/v1/readings", typeJSON, `MARKED`, 415, nil, []string{auth.HeaderDevice, unit, "Content-Encoding", "gzip"}},
		{"receipt", auth.RoleAuditor, "GET", "/v1/readings/MARKED", "", "", 422, []string{"path.id"}, nil},
		{"record", auth.RoleAuditor, "GET", "/v1/readings/MARKED/records/MARKED", "", "", 404, nil, nil},
		{"record, minus", auth.RoleAuditor, "GET", "/v1/readings/" + strings.Repeat("a", 32) + "/records/-1", "", "", 404, nil, nil},
		{"record, zeros", auth.RoleAuditor, "GET", "/v1/readings/" + strings.Repeat("a", 32) + "/records/00", "", "", 404, nil, nil},
		{"proof, huge", auth.RoleAuditor, "GET", "/v1/readings/" + strings.Repeat("a", 32) + "/records/99999999999999999999/proof", "", "", 404, nil, nil},
		{"proof, query", auth.RoleAuditor, "GET", "/v1/readings/" + strings.Repeat("a", 32) + "/records/0/proof?MARKED", "", "", 422, []string{"query"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := c.header
			if c.contentType != "" {
				header = append(slices.Clone(header), "Content-Type", c.contentType)
			}
			w := call(t, e, c.role, c.method, c.path, strings.NewReader(c.body), header...)
			if w.Code != c.status || w.Header().Get("Content-Type") != problem.MediaType {
				t.Fatalf("%d %s, want %d: %s", w.Code, w.Header().Get("Content-Type"), c.status, w.Body)
			}
			if strings.Contains(strings.ToUpper(w.Body.String()), marked) {
				t.Errorf("the answer repeats what was sent: %s", w.Body)
			}
			var d problem.Document
			if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range d.Errors {
				got = append(got, f.Location)
				if f.Detail == "" {
					t.Errorf("a fault without detail: %s", w.Body)
				}
			}
			want := slices.Clone(c.locations)
			slices.Sort(want)
			slices.Sort(got)
			if c.locations != nil && !slices.Equal(got, want) {
				t.Errorf("faults at %v, want %v: %s", got, want, w.Body)
			}
		})
	}
	if _, ok, err := s.Serial(t.Context(), ledger.UnitID("hospital-north", rest.SerialMAC([]byte("maker"), "x", marked))); ok || err != nil {
		t.Errorf("a refused unit left its serial number: %v", err)
	}
	if _, ok, err := s.Inventory(t.Context(), unit); ok || err != nil {
		t.Errorf("a refused change left an inventory: %v", err)
	}
}

// TestUnknownNamesAreTold shows that a fault helps although it repeats nothing.
func TestUnknownNamesAreTold(t *testing.T) {
	t.Parallel()
	_, _, e := serve(t, storeDeps(t, ledgerOf(t)))
	w := call(t, e, auth.RoleRegistrar, "POST", "/v1/models", strings.NewReader(`{"label":1}`), "Content-Type", "application/json")
	if !strings.Contains(w.Body.String(), "di, emdn, modelNumber, name, riskClass") {
		t.Errorf("the known names are not told: %s", w.Body)
	}
	w = call(t, e, auth.RoleAuditor, "GET", "/v1/units?onwer=x", nil)
	if !strings.Contains(w.Body.String(), "cursor, di, manufacturer, owner, size, state") {
		t.Errorf("the known parameters are not told: %s", w.Body)
	}
}

// FuzzQuery sends any query to a list: it is answered or refused, and nothing
// of it comes back.
func FuzzQuery(f *testing.F) {
	f.Add("size=10&owner=x")
	f.Add("cursor=%00%ff&size=1")
	f.Add("size=9223372036854775808&state=registered&&;")
	s, err := store.Open(f.Context(), storetest.Place(f), store.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	_, _, e := serve(f, rest.Deps{Units: s})
	authorization := "Bearer " + token(f, auth.RoleAuditor)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/units", nil)
		r.URL.RawQuery = query
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest && w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// FuzzCommandBody sends any body as a new unit.
func FuzzCommandBody(f *testing.F) {
	f.Add([]byte(`{"serial":"s","di":"x","lot":"l","release":"1","owner":"o"}`))
	f.Add([]byte(`{"serial":1e9,"di":null,"lot":[{"a":{}}]}`))
	f.Add([]byte("{\"\x00\":\"\xff\"}"))
	s, err := store.Open(f.Context(), storetest.Place(f), store.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	_, _, e := serve(f, rest.Deps{Models: s, Units: s, Inventory: s})
	authorization := "Bearer " + token(f, auth.RoleRegistrar)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/units", bytes.NewReader(body))
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 { // there is no model, so that every unit is refused
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

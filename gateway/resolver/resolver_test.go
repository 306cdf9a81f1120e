package resolver_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/gateway/resolver"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/fetch"
)

var update = flag.Bool("update", false, "rewrite golden files")

const (
	network = "dev"
	own     = "hospital-north"
	host    = "localhost:7051"
	unit    = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	theirs  = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

// books is a read model in memory.
type books struct {
	dids    map[string]ledger.DID
	members []ledger.Organisation
	removed []string
	down    error // what every read fails with
}

func (b *books) DID(_ context.Context, id string) (fact.Row[ledger.DID], error) {
	d, ok := b.dids[id]
	if !ok && b.down == nil {
		return fact.Row[ledger.DID]{}, ledger.Problemf(ledger.CodeNotFound, "the DID does not exist")
	}
	return fact.Row[ledger.DID]{Record: d}, b.down
}

// Organisations answers one a page, so that pages are turned.
func (b *books) Organisations(_ context.Context, page ledger.PageRequest) (fact.Page[ledger.Organisation], error) {
	at := 0
	_, _ = fmt.Sscan(page.Bookmark, &at)
	out := fact.Page[ledger.Organisation]{}
	if at < len(b.members) {
		out.Items = []fact.Row[ledger.Organisation]{{Record: b.members[at]}}
	}
	if at+1 < len(b.members) {
		out.Next = strconv.Itoa(at + 1)
	}
	return out, b.down
}

func (b *books) Roster(context.Context) (fact.Row[ledger.Roster], error) {
	if b.removed == nil && b.down == nil {
		return fact.Row[ledger.Roster]{}, ledger.Problemf(ledger.CodeNotFound, "there is no roster")
	}
	return fact.Row[ledger.Roster]{Record: ledger.Roster{Removed: b.removed}}, b.down
}

func (b *books) ResolveDID(ctx context.Context, req ledger.ResolveDID) (*ledger.DIDResolution, error) {
	row, err := b.DID(ctx, req.DID)
	if err == nil && req.Revision > row.Record.Revision {
		err = ledger.Problemf(ledger.CodeNotFound, "the version does not exist")
	}
	if err != nil {
		return nil, err
	}
	return &ledger.DIDResolution{
		Version: ledger.DIDVersion{Document: row.Record}, Current: row.Record.Revision, Ended: row.Record.Deactivated,
	}, nil
}

// sample is a consortium of two, of which the first publishes.
func sample() *books {
	key := statetest.NewDIDKey("key-1", "a")
	record := func(id, kind, org string) ledger.DID {
		at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
		return ledger.DID{V: 1, ID: id, Kind: kind, Organisation: org, Keys: statetest.DIDKeys(key), Created: at, Updated: at, Revision: 1}
	}
	b := &books{dids: map[string]ledger.DID{}, members: []ledger.Organisation{
		{ID: own, Endpoint: "http://127.0.0.1:7001"}, {ID: "medtech", Endpoint: "https://medtech.example.org:8443"},
	}}
	for _, d := range []ledger.DID{
		record(ledger.OrganisationDID(network, own), ledger.DIDOrganisation, own),
		record(ledger.IssuerDID(network, own, "lab"), ledger.DIDIssuer, own),
		record(ledger.IssuerDID(network, own, "old"), ledger.DIDIssuer, own),
		record(ledger.DeviceDID(network, unit), ledger.DIDDevice, own),
		record(ledger.DeviceDID(network, theirs), ledger.DIDDevice, "medtech"),
		record(ledger.IssuerDID(network, "medtech", "factory"), ledger.DIDIssuer, "medtech"),
		record(ledger.OrganisationDID(network, "medtech"), ledger.DIDOrganisation, "medtech"),
	} {
		b.dids[d.ID] = d
	}
	old := b.dids[ledger.IssuerDID(network, own, "old")]
	old.Deactivated, old.Keys = true, ledger.DIDKeys{}
	b.dids[old.ID] = old
	medtech := b.dids[ledger.OrganisationDID(network, "medtech")]
	medtech.AlsoKnownAs = []string{"did:web:id.medtech.example%3A444", "https://medtech.example"}
	b.dids[medtech.ID] = medtech
	return b
}

// serve makes the routes as the node does. What may be fetched is refused by its
// address, since none is reachable: nothing leaves the machine.
func serve(tb testing.TB, b *books, at string, hosts ...string) (*gin.Engine, *auth.Router) {
	tb.Helper()
	engine, err := server.NewEngine(server.Options{
		MaxBody: 1 << 20, MaxHeader: 64 << 10, HeaderTime: time.Minute, BodyTime: time.Minute, WriteTime: time.Minute,
		IdleTime: time.Minute, Drain: time.Minute,
	}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	router := auth.NewRouter(engine, auth.NewVerifier(own, ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey), nil))
	err = resolver.New(router, resolver.Deps{
		Network: network, Organisation: own, Host: at, Issuer: "factory", Hosts: hosts, Documents: b, Members: b,
		DIDs: did.New(did.Config{Ledger: b, Network: network, Web: fetch.New(fetch.Options{})}),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return engine, router
}

func get(tb testing.TB, engine http.Handler, path string, accept ...string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, path, http.NoBody)
	r.Header["Accept"] = accept
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, r)
	return w
}

// TestRoutes pins the surface: every route with its right.
func TestRoutes(t *testing.T) {
	t.Parallel()
	_, router := serve(t, sample(), host)
	var b strings.Builder
	for _, r := range router.Routes() {
		fmt.Fprintf(&b, "%-4s %-30s %s\n", r.Method, r.Path, r.Right)
	}
	const path = "testdata/routes.golden.txt"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	_, router := serve(t, sample(), host)
	for name, deps := range map[string]resolver.Deps{
		"nothing":              {},
		"an address as a host": {Network: network, Organisation: own, Issuer: "a", Host: "127.0.0.1:1", Documents: sample(), Members: sample(), DIDs: did.New(did.Config{})},
	} {
		if err := resolver.New(router, deps); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDocumentsStandWhereTheirNamesSay(t *testing.T) {
	t.Parallel()
	b := sample()
	engine, _ := serve(t, b, host)
	for id, want := range map[string]int{
		ledger.OrganisationDID(network, own):            http.StatusOK,
		ledger.IssuerDID(network, own, "lab"):           http.StatusOK,
		ledger.DeviceDID(network, unit):                 http.StatusOK,
		ledger.IssuerDID(network, own, "old"):           http.StatusGone,
		ledger.IssuerDID(network, own, "none"):          http.StatusNotFound,
		ledger.DeviceDID(network, theirs):               http.StatusNotFound, // published by its own organisation
		ledger.IssuerDID(network, "medtech", "factory"): http.StatusNotFound,
	} {
		name, _ := ledger.ParseDID(id)
		web, err := did.WebName(host, name)
		if err != nil {
			t.Fatal(err)
		}
		address, err := did.WebAddress(web)
		if err != nil {
			t.Fatal(err)
		}
		w := get(t, engine, strings.TrimPrefix(address, "https://"+host))
		if w.Code != want {
			t.Errorf("%s at %s: %d %s", id, address, w.Code, w.Body)
		}
		if want != http.StatusOK {
			if w.Header().Get("Content-Type") != problem.MediaType || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", id, w.Header())
			}
			continue
		}
		if d, err := did.ParseDocument(w.Body.Bytes()); err != nil || d.ID != web {
			t.Errorf("%s: %s %v", id, w.Body, err)
		}
	}
	// Without a host there is no name to publish under.
	nowhere, _ := serve(t, b, "")
	for _, path := range []string{"/.well-known/did.json", "/issuer/lab/did.json", "/device/" + unit + "/did.json"} {
		if w := get(t, nowhere, path); w.Code != http.StatusNotFound {
			t.Errorf("%s without a host: %d", path, w.Code)
		}
	}
	// What is in a path is a name and nothing else.
	for _, path := range []string{
		"/issuer/lab%3Aother/did.json", "/issuer/..%2Flab/did.json", "/issuer/%20/did.json", "/device/lab/did.json",
		"/issuer/" + unit + "/did.json", "/device/" + strings.ToUpper(unit) + "/did.json", "/issuer/" + strings.Repeat("a", 1000) + "/did.json",
	} {
		if w := get(t, engine, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestResolutionsHaveTheStatusOfTheBinding walks the ways in which a resolution ends.
func TestResolutionsHaveTheStatusOfTheBinding(t *testing.T) {
	t.Parallel()
	engine, _ := serve(t, sample(), host)
	lab := ledger.IssuerDID(network, own, "lab")
	for path, want := range map[string]string{
		lab:                  "200 ",
		lab + "?versionId=1": "200 ",
		lab + "?versionTime=2030-01-02T03:04:05Z": "200 ",
		lab + "?noCache=true":                     "200 ",
		"did:web:localhost%3A7051":                "200 ",
		"did:web:localhost%3A7051:issuer:lab":     "200 ",
		ledger.IssuerDID(network, own, "old"):     "410 ",
		"did:web:localhost%3A7051:issuer:old":     "410 ",

		lab + "?versionId=2":                        "404 notFound",
		lab + "?versionTime=2029-01-02T03:04:05Z":   "404 notFound",
		ledger.IssuerDID(network, own, "none"):      "404 notFound",
		ledger.IssuerDID("elsewhere", own, "lab"):   "404 notFound",
		"did:web:localhost%3A7051:issuer:none":      "404 notFound",
		"did:web:localhost%3A7051:issuers:lab":      "404 notFound",
		"did:web:localhost%3A7051:device:" + theirs: "404 notFound",
		"":                                     "400 invalidDid",
		"/":                                    "400 invalidDid",
		"did:":                                 "400 invalidDid",
		"did:secant":                           "400 invalidDid",
		"did:secant:dev":                       "400 invalidDid",
		"did:key:z":                            "400 invalidDid",
		"did:jwk:e30":                          "400 invalidDid",
		"did:web:127.0.0.1":                    "400 invalidDid",
		"did:web:localhost:..:secret":          "400 invalidDid",
		"did:web:user%40localhost":             "400 invalidDid",
		"did:web:localhost%2Fsecret":           "400 invalidDid",
		"did:web:localhost%3A7051?versionId=1": "400 invalidDid",
		lab + "/path":                          "400 invalidDid",
		lab + "?versionId=":                    "400 invalidDid",
		lab + "?versionId=01":                  "400 invalidDid",
		lab + "?versionId=1&versionId=1":       "400 invalidDid",
		lab + "?versionId=1&versionTime=2030-01-02T03:04:05Z": "400 invalidDid",
		lab + "?versionTime=yesterday":                        "400 invalidDid",
		lab + "?versionId=%zz":                                "400 invalidDid",
		lab + "%3FversionId=1?versionId=1":                    "400 invalidDid",
		"did:key:z" + strings.Repeat("6", 3000):               "400 invalidDid",
		"did:example:123":                                     "501 methodNotSupported",
		"did:web:example.org":                                 "501 methodNotSupported",
	} {
		w := get(t, engine, "/1.0/identifiers/"+path)
		var res did.Resolution
		if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil || w.Header().Get("Content-Type") != did.TypeResolution {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
		if got := fmt.Sprint(w.Code, " ", res.ResolutionMetadata.Error); got != want || (res.Document == nil) != (w.Code != 200 && w.Code != 410) {
			t.Errorf("%s: %s, want %s: %s", path, got, want, w.Body)
		}
		if strings.Contains(w.Body.String(), "[") != (res.Document != nil) || (w.Code > 410 || w.Code < 410 && w.Code >= 400) == (res.ResolutionMetadata.Message == "") {
			t.Errorf("%s: not said for people: %s", path, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" || res.Context == "" {
			t.Errorf("%s: %v %s", path, w.Header(), w.Body)
		}
	}
}

// TestWebIsFetchedFromKnownHostsOnly tells a host that would be called, whose
// address is then refused, from one that would not.
func TestWebIsFetchedFromKnownHostsOnly(t *testing.T) {
	t.Parallel()
	b := sample()
	b.members = append(b.members, ledger.Organisation{ID: "former", Endpoint: "https://localhost:7061"})
	b.members[1].Endpoint = "https://localhost:7071/"
	alias := b.dids[ledger.OrganisationDID(network, "medtech")]
	alias.AlsoKnownAs = []string{"did:web:localhost%3A7072", "https://localhost:7073", "did:web:localhost%3A7074:issuer:x", "did:key:z6Mk"}
	b.dids[alias.ID] = alias
	factory := b.dids[ledger.IssuerDID(network, "medtech", "factory")]
	factory.Service = []ledger.Service{{ID: "host", Type: "LinkedDomains", ServiceEndpoint: "https://localhost:7075"}}
	b.dids[factory.ID] = factory
	b.removed = []string{"former"}
	engine, _ := serve(t, b, host, "localhost:7081")
	const called, refused = http.StatusInternalServerError, http.StatusNotImplemented
	for web, want := range map[string]int{
		"did:web:localhost%3A7071":                called, // where its node answers
		"did:web:localhost%3A7071:device:x":       called,
		"did:web:localhost%3A7072":                called, // other names of its DID
		"did:web:localhost%3A7073":                called,
		"did:web:localhost%3A7074":                called,
		"did:web:localhost%3A7075:issuer:factory": called,  // its issuer's service
		"did:web:localhost%3A7081:any:thing":      called,  // the operator's
		"did:web:localhost%3A7061":                refused, // of a member that was removed
		"did:web:localhost%3A7001":                refused, // a node's address, but not over TLS
		"did:web:localhost":                       refused,
		"did:web:localhost%3A7082":                refused,
		"did:web:localhost:7081":                  refused, // a path, not a port
		"did:web:medtech.localhost%3A7071":        refused,
	} {
		if w := get(t, engine, "/1.0/identifiers/"+web); w.Code != want {
			t.Errorf("%s: %d %s", web, w.Code, w.Body)
		}
	}
}

func TestDocumentAloneIsForThoseWhoAcceptNothingElse(t *testing.T) {
	t.Parallel()
	engine, _ := serve(t, sample(), host)
	path := "/1.0/identifiers/" + ledger.IssuerDID(network, own, "lab")
	for accept, want := range map[string]string{
		"":                         did.TypeResolution,
		"*/*":                      did.TypeResolution,
		"application/json":         did.TypeResolution,
		did.TypeResolution:         did.TypeResolution,
		did.TypeDIDJSON:            did.TypeDIDJSON,
		"Application/did+json":     did.TypeDIDJSON,
		did.TypeDIDLDJSON + ";q=1": did.TypeDIDLDJSON,
		did.TypeDIDLDJSON + ", " + did.TypeDIDJSON: did.TypeDIDLDJSON,
		did.TypeDIDLDJSON + ", */*":                did.TypeResolution,
	} {
		if w := get(t, engine, path, accept); w.Header().Get("Content-Type") != want || w.Code != http.StatusOK {
			t.Errorf("%q: %d %v", accept, w.Code, w.Header())
		}
	}
	// Where there is no document, the resolution says why.
	w := get(t, engine, "/1.0/identifiers/did:example:1", did.TypeDIDJSON)
	if w.Code != http.StatusNotImplemented || w.Header().Get("Content-Type") != did.TypeResolution {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// TestFaultsOfOursAreNotTold has every read fail.
func TestFaultsOfOursAreNotTold(t *testing.T) {
	t.Parallel()
	for want, down := range map[int]error{
		http.StatusInternalServerError: fmt.Errorf("opening MARKED: %w", os.ErrPermission),
		http.StatusServiceUnavailable:  ledger.Problemf(ledger.CodeUnavailable, "the store is away"),
	} {
		b := sample()
		b.down = down
		engine, _ := serve(t, b, host)
		for _, path := range []string{
			"/.well-known/did.json", "/issuer/lab/did.json", "/1.0/identifiers/" + ledger.IssuerDID(network, own, "lab"),
			"/1.0/identifiers/did:web:localhost%3A7051", "/1.0/identifiers/did:web:localhost%3A7071",
		} {
			w := get(t, engine, path)
			if w.Code != want || strings.Contains(w.Body.String(), "MARKED") || (w.Header().Get("Retry-After") != "") != (want == 503) {
				t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
			}
		}
	}
}

// FuzzIdentifier asks for anything. Whatever comes, the answer is a resolution
// that repeats none of it, under one of the binding's statuses.
func FuzzIdentifier(f *testing.F) {
	for _, seed := range [][2]string{
		{"did:secant:dev:hospital-north:lab", "versionId=1"},
		{"did%3Aweb%3Alocalhost%253A7051", ""},
		{"did:web:localhost%3A7051:issuer:lab", "versionTime=2030-01-02T03:04:05Z"},
		{"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "x"},
	} {
		f.Add(seed[0], seed[1])
	}
	b := sample()
	b.members = nil // nobody whose host would be called
	engine, _ := serve(f, b, host)
	f.Fuzz(func(t *testing.T, path, query string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/1.0/identifiers/"+path+"?"+query, http.NoBody)
		if err != nil || !strings.HasPrefix(r.URL.Path, "/1.0/identifiers/") {
			return // no request that could come
		}
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, r)
		var res did.Resolution
		if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		switch w.Code {
		case http.StatusOK, http.StatusGone:
			if res.Document == nil || res.Document.ID == "" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		case http.StatusBadRequest, http.StatusNotFound, http.StatusNotImplemented:
			if res.Document != nil || len(path) > 12 && strings.Contains(w.Body.String(), path) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		default:
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

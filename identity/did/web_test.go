package did_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/fetch"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// host is a web server of its own authority, at "localhost" and a free port.
type host struct {
	name  string // with port
	roots *x509.CertPool
	pem   []byte // of the authority
}

func newHost(t *testing.T, handler http.HandlerFunc) host {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	h := host{name: "localhost:" + port, roots: x509.NewCertPool(), pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	h.roots.AddCert(certificate)
	return h
}

func (h host) client() *fetch.Client {
	return fetch.New(fetch.Options{Roots: h.roots, Reachable: loopback})
}

func TestWebNamesAndPlaces(t *testing.T) {
	t.Parallel()
	for id, address := range map[string]string{
		"did:web:north.example":                          "https://north.example/.well-known/did.json",
		"did:web:localhost%3A8443":                       "https://localhost:8443/.well-known/did.json",
		"did:web:w3c-ccg.github.io:user:alice":           "https://w3c-ccg.github.io/user/alice/did.json",
		"did:web:localhost%3A8443:issuer:lab":            "https://localhost:8443/issuer/lab/did.json",
		"did:web:north.example:device:0123_a-b.c":        "https://north.example/device/0123_a-b.c/did.json",
		"did:web:xn--nrd-snd.example":                    "https://xn--nrd-snd.example/.well-known/did.json",
		"did:web:North.example":                          "",
		"did:web:north.example.":                         "",
		"did:web:127.0.0.1":                              "",
		"did:web:127.1":                                  "",
		"did:web:2130706433":                             "",
		"did:web:a.0x7f":                                 "",
		"did:web:127.0.0.1%3A8443":                       "",
		"did:web:%5B%3A%3A1%5D":                          "",
		"did:web:localhost%3a8443":                       "",
		"did:web:localhost%3A":                           "",
		"did:web:localhost%3A0":                          "",
		"did:web:localhost%3A08443":                      "",
		"did:web:localhost%3A65536":                      "",
		"did:web:localhost%3A1%3A2":                      "",
		"did:web:localhost%2F..%2Fx":                     "",
		"did:web:user%40north.example":                   "",
		"did:web:north.example%23":                       "",
		"did:web:north.example:..:x":                     "",
		"did:web:north.example:.":                        "",
		"did:web:north.example::x":                       "",
		"did:web:north.example:":                         "",
		"did:web:north.example:a%2Fb":                    "",
		"did:web:north.example:a b":                      "",
		"did:web:north.example#x":                        "",
		"did:web:":                                       "",
		"did:key:north.example":                          "",
		"did:web:" + strings.Repeat("a.", 130) + "a":     "",
		"did:web:a.example" + strings.Repeat(":a", 1200): "",
	} {
		got, err := did.WebAddress(id)
		if got != address || address == "" && ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %q (%v)", id, got, err)
		}
	}
}

func TestSubjectsOfTheLedgerHaveWebNames(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"north.example", "localhost:8443"} {
		escaped := strings.Replace(at, ":", "%3A", 1)
		for id, web := range map[string]string{
			north: "did:web:" + escaped,
			lab:   "did:web:" + escaped + ":issuer:lab",
			unit:  "did:web:" + escaped + ":device:" + strings.TrimPrefix(unit, "did:secant:dev:"),
		} {
			name, ok := ledger.ParseDID(id)
			if !ok {
				t.Fatal(id)
			}
			got, err := did.WebName(at, name)
			if err != nil || got != web {
				t.Errorf("%s: %s (%v)", id, got, err)
			}
			if back, ok := did.ParseWebName(web, at, network, "HospitalNorthMSP"); !ok || back != name {
				t.Errorf("%s: leads back to %v", web, back)
			}
			if _, ok := did.ParseWebName(web, "other.example", network, "HospitalNorthMSP"); ok {
				t.Errorf("%s: is at another host", web)
			}
		}
		for _, path := range []string{":issuer", ":issuer:lab:x", ":device:lab", ":issuer:" + strings.Repeat("l", 33), ":x:y", ":device:" + strings.Repeat("A", 64)} {
			if name, ok := did.ParseWebName("did:web:"+escaped+path, at, network, "HospitalNorthMSP"); ok {
				t.Errorf("%s: is %v", path, name)
			}
		}
	}
	if _, err := did.WebName("10.0.0.1", ledger.DIDName{Kind: ledger.DIDOrganisation}); err == nil {
		t.Error("an address is a host")
	}
	if _, err := did.WebName("north.example", ledger.DIDName{}); err == nil {
		t.Error("nothing has a name")
	}
}

// TestTheSameDocumentOnTheWeb: what the ledger holds, served as did:web, resolves
// to the same keys, and says that it is the same subject.
func TestTheSameDocumentOnTheWeb(t *testing.T) {
	t.Parallel()
	rec := record(lab, 3, born, newJWK(t, ledger.CurveEd25519), newJWK(t, ledger.CurveP256))
	var h host
	h = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		d, err := did.WebDocument(&rec, h.name)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path != "/issuer/lab/did.json" || !strings.Contains(r.Header.Get("Accept"), did.TypeDIDJSON) {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(mustJSON(t, d))
	})
	r := did.New(did.Config{Web: h.client()})
	id, err := did.WebDID(h.name, "issuer", "lab")
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Resolve(t.Context(), id+"#key-1", did.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{lab, "did:web:north.example"}, res.Document.AlsoKnownAs); diff != "" {
		t.Error(diff)
	}
	for _, kid := range []string{"#key-1", "#key-2"} {
		key, err := r.Key(t.Context(), id, id+kid, did.AssertionMethod, time.Now())
		there, fault := did.FromLedger(&rec).Key(did.AssertionMethod, kid)
		if err != nil || fault != nil || key != there {
			t.Errorf("%s: %v, on the ledger %v (%v, %v)", kid, key, there, err, fault)
		}
	}
	other, err := did.WebDID(h.name)
	if err != nil {
		t.Fatal(err)
	}
	res, err = r.Resolve(t.Context(), other, did.Options{})
	if want(t, ledger.CodeNotFound, err); res.ResolutionMetadata.Error != did.ErrorNotFound {
		t.Errorf("%+v", res)
	}
	_, err = r.Resolve(t.Context(), id, did.Options{VersionTime: born})
	want(t, ledger.CodeInvalid, err)
	if _, err := did.WebDocument(&ledger.DID{ID: "did:web:x"}, h.name); err == nil {
		t.Error("a record of no DID of the ledger is rendered")
	}
}

func TestADocumentOnTheWebMustBeItsOwn(t *testing.T) {
	t.Parallel()
	var h host
	h = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		self := "did:web:" + strings.Replace(h.name, ":", "%3A", 1)
		_, _ = w.Write([]byte(map[string]string{
			"/other/did.json":  `{"id":"did:web:north.example"}`,
			"/host/did.json":   `{"id":"` + self + `"}`,
			"/twice/did.json":  `{"id":"` + self + `:twice","id":"did:web:north.example"}`,
			"/case/did.json":   `{"id":"` + self + `:other","ID":"` + self + `:case"}`,
			"/html/did.json":   `<html>`,
			"/empty/did.json":  ``,
			"/large/did.json":  `{"id":"` + self + `:large","x":"` + strings.Repeat("x", did.MaxDocument) + `"}`,
			"/ledger/did.json": `{"id":"` + lab + `"}`,
		}[r.URL.Path]))
	})
	r := did.New(did.Config{Web: h.client()})
	for _, path := range []string{"other", "host", "twice", "case", "html", "empty", "large", "ledger"} {
		id, err := did.WebDID(h.name, path)
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.Resolve(t.Context(), id, did.Options{})
		name := did.ErrorInvalidDocument
		if path == "large" {
			name = did.ErrorInternal
		}
		if err == nil || res.ResolutionMetadata.Error != name || res.Document != nil {
			t.Errorf("%s: %+v (%v)", path, res, err)
		}
	}
}

// TestAHostThatMayNotBeReached: the guards are those of fetch; here it is that
// they hold, and that the error is the ledger's.
func TestAHostThatMayNotBeReached(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(http.ResponseWriter, *http.Request) { t.Error("the host was reached") })
	r := did.New(did.Config{Web: fetch.New(fetch.Options{Roots: h.roots})})
	id, err := did.WebDID(h.name)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Resolve(t.Context(), id, did.Options{})
	if want(t, ledger.CodeDenied, err); res.ResolutionMetadata.Error != did.ErrorInternal {
		t.Errorf("%+v", res)
	}
}

func TestWebDocumentsAreRememberedForATime(t *testing.T) {
	t.Parallel()
	var asked, status atomic.Int64
	var h host
	h = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if status.Load() != 0 {
			w.WriteHeader(int(status.Load()))
			return
		}
		path := strings.ReplaceAll(strings.TrimSuffix(r.URL.Path, "/did.json"), "/", ":")
		_, _ = w.Write([]byte(`{"id":"did:web:` + strings.Replace(h.name, ":", "%3A", 1) + path + `"}`))
	})
	now := atomic.Pointer[time.Time]{}
	move := func(by time.Duration) { at := born.Add(by); now.Store(&at) }
	move(0)
	r := did.New(did.Config{Web: h.client(), WebAge: time.Minute, CacheSize: 2, Now: func() time.Time { return *now.Load() }})
	ask := func(path string, code ledger.Code, fetches int64) {
		t.Helper()
		before := asked.Load()
		id, err := did.WebDID(h.name, path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Resolve(t.Context(), id, did.Options{}); ledger.CodeOf(err) != code {
			t.Errorf("%s: %v, want %q", path, err, code)
		}
		if n := asked.Load() - before; n != fetches {
			t.Errorf("%s: %d fetches, want %d", path, n, fetches)
		}
	}
	ask("a", "", 1)
	ask("a", "", 0)
	move(time.Minute - 1)
	ask("a", "", 0)
	move(time.Minute)
	ask("a", "", 1)
	ask("b", "", 1)
	ask("a", "", 0)
	ask("c", "", 1) // forgets b, which was not used for longest
	ask("a", "", 0)
	ask("b", "", 1)

	// A failure is remembered for a shorter time, so that a host that is down is
	// not asked for each token that names it.
	status.Store(http.StatusInternalServerError)
	ask("d", ledger.CodeUnavailable, 1)
	ask("d", ledger.CodeUnavailable, 0)
	status.Store(0)
	move(time.Minute + 10*time.Second)
	ask("d", "", 1)
}

// TestThoseWhoAskAtOnceShareAFetch, also when the first of them gives up.
func TestThoseWhoAskAtOnceShareAFetch(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	arrived, leave := make(chan struct{}), make(chan struct{})
	var h host
	h = newHost(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			close(arrived)
		}
		<-leave
		_, _ = w.Write([]byte(`{"id":"did:web:` + strings.Replace(h.name, ":", "%3A", 1) + `"}`))
	})
	r := did.New(did.Config{Web: h.client(), WebAge: -1})
	id, err := did.WebDID(h.name)
	if err != nil {
		t.Fatal(err)
	}
	first, giveUp := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := r.Resolve(first, id, did.Options{})
		gone <- err
	}()
	<-arrived
	const others = 8
	var ready, all sync.WaitGroup
	ready.Add(others)
	for range others {
		all.Go(func() {
			ready.Done()
			if _, err := r.Resolve(t.Context(), id, did.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	giveUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up gets %v", err)
	}
	close(leave)
	all.Wait()
	// Some may have begun to ask after the fetch had ended; the document is not kept.
	if n := asked.Load(); n > others {
		t.Errorf("%d fetches for %d", n, others+1)
	}
	before := asked.Load()
	if _, err := r.Resolve(t.Context(), id, did.Options{}); err != nil || asked.Load() != before+1 {
		t.Errorf("without memory: %d fetches (%v)", asked.Load()-before, err)
	}
}

package app

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/identity/webhook"
)

// delivery is a message as a receiver had it.
type delivery struct {
	method, path, id string
	header           http.Header
	body             []byte
}

// receiver is an HTTPS server to which webhooks lead.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int // it answers with; 0: 204
	got    []delivery
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.status != 0 {
			w.WriteHeader(r.status)
			return
		}
		r.got = append(r.got, delivery{req.Method, req.URL.Path, req.Header.Get("webhook-id"), req.Header, body})
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) messages() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// types are the types of what came, in order.
func (r *receiver) types(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, m := range r.messages() {
		var v struct{ Type string }
		if err := json.Unmarshal(m.body, &v); err != nil {
			t.Fatalf("%v in %s", err, m.body)
		}
		all = append(all, v.Type)
	}
	return all
}

// verified fails the test for a message that is not signed under a secret.
func (m *delivery) verified(t *testing.T, secret, public string) {
	t.Helper()
	s, err := webhook.ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := webhook.Verify(s, m.header, m.body, time.Now(), webhook.Tolerance); err != nil {
		t.Errorf("%s by its secret: %v", m.id, err)
	}
	key, err := webhook.ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := webhook.VerifyKey(key, m.header, m.body, time.Now(), webhook.Tolerance); err != nil {
		t.Errorf("%s by the node's key: %v", m.id, err)
	}
}

// trusting starts a hospital's node that trusts servers' certificates.
func (c *consortium) trusting(t *testing.T, servers ...*httptest.Server) *running {
	t.Helper()
	const org = "hospital-north"
	cfg := c.config(org)
	if len(servers) > 0 {
		var text []byte
		for _, s := range servers {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})...)
		}
		cfg.Exchange.Roots = filepath.Join(t.TempDir(), "roots.pem")
		if err := os.WriteFile(cfg.Exchange.Roots, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := c.launch(t, org, cfg, func(string) {})
	r.await("the node to be ready", func() bool {
		status, _ := r.call("", http.MethodGet, "/readyz", nil, nil)
		return status == http.StatusOK
	})
	return r
}

// hook is what is looked at of a webhook.
type hook struct {
	ID, State, Reason, Secret, PublicKey, Origin, Fault string
	Failures                                            int
	Waiting, Count                                      int64
}

func (r *running) subscribe(t *testing.T, role string, in map[string]any) hook {
	t.Helper()
	var h hook
	r.want(http.StatusCreated, role, http.MethodPost, "/v1/webhooks", in, &h)
	return h
}

func (r *running) hook(id string) hook {
	r.t.Helper()
	var h hook
	r.want(http.StatusOK, "operator", http.MethodGet, "/v1/webhooks/"+id, nil, &h)
	return h
}

// TestEventsAreDelivered: a device's life and its readings' proofs reach a receiver,
// signed, once each, in order, although the receiver is away for a time in which the
// node is started anew.
func TestEventsAreDelivered(t *testing.T) {
	t.Parallel()
	to, other := newReceiver(t), newReceiver(t)
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.trusting(t, to.Server, other.Server)
	model(maker)
	events := north.subscribe(t, "integrator", map[string]any{"url": to.URL + "/hooks?token=marked-secret", "name": "CMMS", "kinds": []string{"unit.registered", "unit.put_into_service"}})
	if events.State != "requested" || events.Origin != to.URL || !strings.HasPrefix(events.Secret, "whsec_") {
		t.Errorf("%+v", events)
	}
	d := commission(t, maker, north, "SN-1")
	proofs := north.subscribe(t, "integrator", map[string]any{"url": other.URL, "kinds": []string{"readings.proven"}, "unit": d.id, "bundles": true})
	north.await("what the device went through", func() bool { return len(to.messages()) == 2 })
	if diff := cmp.Diff([]string{"unit.registered", "unit.put_into_service"}, to.types(t)); diff != "" {
		t.Error(diff)
	}
	first := to.messages()[0]
	first.verified(t, events.Secret, events.PublicKey)
	if first.method != http.MethodPost || first.path != "/hooks" || first.header.Get("Content-Type") != "application/json" {
		t.Errorf("%+v", first)
	}

	header, body := d.sign(t, `{"n":1}`)
	north.call("", http.MethodPost, "/v1/readings", body, header)
	north.await("the proof", func() bool { return len(other.messages()) == 1 })
	var proven struct {
		Type string
		Data struct {
			Size     uint64
			Readings []struct {
				Receipt, Unit, Proof string
				Bundle               json.RawMessage
			}
		}
	}
	message := other.messages()[0]
	message.verified(t, proofs.Secret, proofs.PublicKey)
	if err := json.Unmarshal(message.body, &proven); err != nil {
		t.Fatal(err)
	}
	if proven.Type != "readings.proven" || len(proven.Data.Readings) != 1 || proven.Data.Readings[0].Unit != d.id {
		t.Fatalf("%s", message.body)
	}
	bundle, err := proof.ParseBundle(proven.Data.Readings[0].Bundle)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.verifier(t).Verify(bundle); err != nil {
		t.Errorf("the proof that was pushed: %v", err)
	}
	if status, b := north.call("auditor", http.MethodGet, proven.Data.Readings[0].Proof, nil, nil); status != http.StatusOK {
		t.Errorf("%d %s", status, b)
	}

	// The receiver is away, and the node is started anew meanwhile.
	to.answer(http.StatusServiceUnavailable)
	for i := range 3 {
		commission(t, maker, north, fmt.Sprintf("SN-1%d", i))
	}
	north.await("a failure to be known", func() bool { h := north.hook(events.ID); return h.Failures > 0 && h.Waiting == 6 && h.Fault != "" })
	if strings.Contains(north.log.String(), "marked-secret") || strings.Contains(fmt.Sprint(north.hook(events.ID)), "marked-secret") {
		t.Error("the address is told")
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	to.answer(0)
	again := c.trusting(t, to.Server, other.Server)
	again.await("what waited", func() bool { return len(to.messages()) >= 8 && again.hook(events.ID).Waiting == 0 })
	want := slices.Repeat([]string{"unit.registered", "unit.put_into_service"}, 4)
	if diff := cmp.Diff(want, to.types(t)); diff != "" {
		t.Error(diff)
	}
	ids := map[string]bool{}
	for _, m := range to.messages() {
		ids[m.id] = true
		m.verified(t, events.Secret, events.PublicKey)
	}
	if h := again.hook(events.ID); len(ids) != 8 || h.Count != 8 || h.State != "active" || h.Failures != 0 {
		t.Errorf("%d ids, %+v", len(ids), h)
	}

	// A new secret: for a time both sign.
	var next struct{ Secret string }
	again.want(http.StatusOK, "operator", http.MethodPost, "/v1/webhooks/"+events.ID+"/secret", map[string]any{"overlapMinutes": 1}, &next)
	var test struct {
		Taken  bool
		Status int
	}
	again.want(http.StatusOK, "operator", http.MethodPost, "/v1/webhooks/"+events.ID+"/test", nil, &test)
	last := to.messages()[8]
	last.verified(t, events.Secret, events.PublicKey)
	last.verified(t, next.Secret, events.PublicKey)
	if !test.Taken || test.Status != http.StatusNoContent {
		t.Errorf("%+v", test)
	}
	again.want(http.StatusOK, "operator", http.MethodPost, "/v1/webhooks/"+events.ID+"/secret", map[string]any{"overlapMinutes": 0}, &next)
	again.want(http.StatusOK, "operator", http.MethodPost, "/v1/webhooks/"+events.ID+"/test", nil, &test)
	last = to.messages()[9]
	last.verified(t, next.Secret, events.PublicKey)
	if n := strings.Count(last.header.Get("webhook-signature"), "v1,"); n != 1 {
		t.Errorf("%d secrets sign", n)
	}
	again.want(http.StatusNoContent, "operator", http.MethodDelete, "/v1/webhooks/"+events.ID, nil, nil)
	again.want(http.StatusNotFound, "operator", http.MethodGet, "/v1/webhooks/"+events.ID, nil, nil)
}

// TestWebhooksReachNoInnerAddress: an address that is not public is refused where it is
// one, and where a name leads to one; plain HTTP and redirects are nothing.
func TestWebhooksReachNoInnerAddress(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	moved := httptest.NewTLSServer(http.RedirectHandler(to.URL, http.StatusTemporaryRedirect))
	t.Cleanup(moved.Close)
	c := newConsortium(t)
	north := c.trusting(t, to.Server, moved)
	for _, url := range []string{
		"http://example.com/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[fd00::1]/", "https://192.168.1.1:8443/x",
		"https://user:pass@example.com/", "https://example.com/#x", "https:///x", "ftp://example.com/", "//example.com", "", "https://[::ffff:10.0.0.1]/",
		"https://example.com/" + strings.Repeat("x", 2048),
	} {
		status, b := north.call("operator", http.MethodPost, "/v1/webhooks", encoded(t, map[string]any{"url": url, "kinds": []string{"unit.held"}}), map[string]string{"Content-Type": "application/json"})
		if status != http.StatusUnprocessableEntity || len(url) > 8 && strings.Contains(string(b), url) {
			t.Errorf("%.40s: %d %s", url, status, b)
		}
	}
	h := north.subscribe(t, "operator", map[string]any{"url": moved.URL, "kinds": []string{"unit.held"}})
	var test struct {
		Taken bool
		Fault string
	}
	north.want(http.StatusOK, "operator", http.MethodPost, "/v1/webhooks/"+h.ID+"/test", nil, &test)
	if test.Taken || !strings.Contains(test.Fault, "redirects") || len(to.messages()) > 0 {
		t.Errorf("%+v", test)
	}
	for _, in := range []map[string]any{
		{"url": to.URL, "kinds": []string{"unit.hold"}},
		{"url": to.URL, "kinds": []string{}},
		{"url": to.URL, "kinds": []string{"unit.held", "unit.held"}},
		{"url": to.URL, "kinds": []string{"unit.held"}, "bundles": true},
		{"url": to.URL, "kinds": []string{"unit.held"}, "unit": "x"},
		{"url": to.URL, "kinds": []string{"unit.held"}, "secret": "x"},
	} {
		if status, b := north.call("operator", http.MethodPost, "/v1/webhooks", encoded(t, in), map[string]string{"Content-Type": "application/json"}); status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d %s", in, status, b)
		}
	}
	north.want(http.StatusForbidden, "auditor", http.MethodGet, "/v1/webhooks", nil, nil)
}

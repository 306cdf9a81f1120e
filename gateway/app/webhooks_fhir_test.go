package app

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/identity/peertest"
)

// wish is a FHIR subscription.
func wish(to *receiver, criteria, rest string) []byte {
	return fmt.Appendf(nil, `{"resourceType":"Subscription","status":"requested","reason":"Ward 3","criteria":%q,"channel":{"type":"rest-hook","endpoint":"%s/from"%s}}`,
		criteria, to.URL, rest)
}

const withPayload = `,"payload":"application/fhir+json","header":["Authorization: Bearer marked-token"]`

func observed(patient string, more string) []byte {
	return []byte(`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/` + patient + `"}` + more + `}`)
}

// TestResourcesAreTold: what fits the criteria reaches whoever subscribed, when it is
// created and when it changes, as it is served; what does not fit, or was erased before
// it could be told, does not. Neither log nor store says of whom.
func TestResourcesAreTold(t *testing.T) {
	t.Parallel()
	full, empty := newReceiver(t), newReceiver(t)
	c := newConsortium(t)
	north := c.trusting(t, full.Server, empty.Server)
	res, v, b := north.fhir("integrator", http.MethodPost, "/fhir/Subscription", wish(full, "Observation?patient=Patient/marked-person&code=http://loinc.org|8867-4", withPayload), nil)
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", res.StatusCode, b)
	}
	id, secret := v["id"].(string), res.Header.Get("Secant-Webhook-Secret")
	if res, _, b := north.fhir("integrator", http.MethodPost, "/fhir/Subscription", wish(empty, "Observation?status=amended", ""), nil); res.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", res.StatusCode, b)
	}
	north.await("the subscription to be active", func() bool {
		_, v, _ := north.fhir("operator", http.MethodGet, "/fhir/Subscription?status=active", nil, nil)
		return v["total"] == 2.0
	})

	create := func(body []byte) (string, []byte) {
		res, v, b := north.fhir("integrator", http.MethodPost, "/fhir/Observation", body, nil)
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", res.StatusCode, b)
		}
		return v["id"].(string), b
	}
	create(observed("another", ""))
	first, served := create(observed("marked-person", `,"valueString":"first"`))
	changed := append([]byte(`{"id":"`+first+`",`), bytes.Replace(observed("marked-person", ""), []byte("final"), []byte("amended"), 1)[1:]...)
	res, _, again := north.fhir("integrator", http.MethodPut, "/fhir/Observation/"+first, changed, nil)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", res.StatusCode, again)
	}
	north.await("both to be told", func() bool { return len(full.messages()) == 2 && len(empty.messages()) == 1 })
	for i, want := range [][]byte{served, again} {
		m := full.messages()[i]
		m.verified(t, secret, north.node.webhooks.PublicKey())
		if m.method != http.MethodPut || m.path != "/from/Observation/"+first || m.header.Get("Authorization") != "Bearer marked-token" || m.header.Get("Content-Type") != fhirJSON {
			t.Errorf("%s %s %v", m.method, m.path, m.header)
		}
		if diff := cmp.Diff(string(want), string(m.body)); diff != "" {
			t.Error(diff)
		}
	}
	if m := empty.messages()[0]; m.method != http.MethodPost || m.path != "/from" || len(m.body) > 0 || m.header.Get("Webhook-Signature") == "" {
		t.Errorf("%+v", m)
	}

	// Erased before it could be told.
	full.answer(http.StatusInternalServerError)
	header := map[string]string{"Content-Type": fhirJSON}
	r := north.answer("integrator", http.MethodPost, "/fhir/Observation", observed("marked-person", `,"valueString":"erased"`), header)
	_ = r.Body.Close()
	receipt := r.Header.Get("Secant-Receipt")
	if status, b := north.call("operator", http.MethodDelete, receipt, nil, nil); status/100 != 2 {
		t.Fatalf("%d %s", status, b)
	}
	full.answer(0)
	north.want(http.StatusOK, "operator", http.MethodPost, "/v1/webhooks/"+id+"/enable", nil, nil)
	create(observed("marked-person", `,"valueString":"last"`))
	north.await("what came after it", func() bool { return len(full.messages()) == 3 && north.hook(id).Waiting == 0 })
	if m := full.messages()[2]; !bytes.Contains(m.body, []byte(`"last"`)) {
		t.Errorf("%s", m.body)
	}

	// Ended.
	_, _, text := north.fhir("operator", http.MethodGet, "/fhir/Subscription/"+id, nil, nil)
	if strings.Contains(string(text), "marked-token") {
		t.Error("a header's value is told")
	}
	off := bytes.Replace(text, []byte(`"active"`), []byte(`"off"`), 1)
	if res, v, b := north.fhir("operator", http.MethodPut, "/fhir/Subscription/"+id, off, nil); res.StatusCode != http.StatusOK || v["status"] != "off" {
		t.Errorf("%d %s", res.StatusCode, b)
	}
	create(observed("marked-person", ""))
	if h := north.hook(id); h.State != "off" || h.Waiting != 0 || h.Count != 3 {
		t.Errorf("%+v", h)
	}
	if strings.Contains(north.log.String(), "marked") {
		t.Error("the log says of whom")
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Join(north.cfg.Data, config.StoreFolder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("marked")) {
			t.Errorf("%s says of whom, or under which token", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnotherImplementationVerifiesAndSubscribes: standardwebhooks verifies what the
// node signs, and fhir-kit-client subscribes.
func TestAnotherImplementationVerifiesAndSubscribes(t *testing.T) {
	t.Parallel()
	verifier, client := peertest.Install(t, "webhooks", "webhooks"), peertest.Install(t, "subscriber", "subscriber")
	to := newReceiver(t)
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.trusting(t, to.Server)
	token, err := Token(north.cfg, "integrator", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	out := peertest.Run[map[string]any](t, client, north.url+"/fhir", token, to.URL+"/fhir")
	secret, _ := out["secret"].(string)
	delete(out, "secret")
	want := map[string]any{
		"interactions": []any{"read", "create", "update", "delete", "search-type"}, "created": "requested", "active": "active", "found": 1.0,
		"refused": []any{422.0, "Subscription.criteria"}, "off": "off",
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
	if len(to.messages()) != 1 {
		t.Fatalf("%d messages", len(to.messages()))
	}
	h := north.subscribe(t, "operator", map[string]any{"url": to.URL, "kinds": []string{"model.registered", "release.published"}})
	model(maker)
	north.await("the events", func() bool { return len(to.messages()) == 3 })
	secrets := []string{secret, h.Secret, h.Secret}
	for i, m := range to.messages() {
		got := peertest.Run[map[string]any](t, verifier, secrets[i], m.header.Get("webhook-id"), m.header.Get("webhook-timestamp"), m.header.Get("webhook-signature"), string(m.body))
		if got["verified"] != true || got["altered"] != false || got["other"] != false {
			t.Errorf("%v", got)
		}
	}
}

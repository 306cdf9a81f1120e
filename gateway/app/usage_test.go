package app

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/mud"
)

// TestAUsageDescriptionIsFetchedAndVerified: a maker's node fetches a MUD file that
// was signed by the command of RFC 8520, section 13.1, and keeps it under the pinned
// certificate; neither an altered file, nor another's signature or certificate, takes
// its place.
func TestAUsageDescriptionIsFetchedAndVerified(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs openssl")
	}
	var file, signature []byte
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pump.json", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != mud.MediaType {
			http.Error(w, "another form", http.StatusNotAcceptable)
			return
		}
		_, _ = w.Write(file)
	})
	mux.HandleFunc("GET /pump.p7s", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(signature) })
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sign := func(text []byte, certificate, key string) []byte {
		in := filepath.Join(t.TempDir(), "mud.json")
		if err := os.WriteFile(in, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), openssl, "cms", "-sign", "-signer", certificate, "-inkey", key,
			"-in", in, "-binary", "-outform", "DER").Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}

	c := newConsortium(t)
	cfg := c.config("medtech")
	cfg.Exchange.Roots = roots
	maker := c.launch(t, "medtech", cfg, func(string) {}).ready()
	model(maker)
	const path = "/v1/models/DI-1/mud"
	url := server.URL + "/pump.json"
	root, certificate, key := certify(t)
	_, stranger, strangerKey := certify(t)
	good := []byte(`{"ietf-mud:mud":{"mud-version":1,"mud-url":"` + url + `","mud-signature":"` + server.URL + `/pump.p7s",
"last-update":"2026-11-01T10:00:00+00:00","cache-validity":48,"is-supported":true,"systeminfo":"Infusion pump",
"from-device-policy":{"access-lists":{"access-list":[{"name":"out"}]}},"to-device-policy":{"access-lists":{"access-list":[]}}},
"ietf-access-control-list:acls":{"acl":[{"name":"out","type":"ipv4-acl-type","aces":{"ace":[
{"name":"a","matches":{"ipv4":{"ietf-acldns:dst-dnsname":"update.maker.example","protocol":6},"tcp":{"destination-port":{"operator":"eq","port":443}}},"actions":{"forwarding":"accept"}}]}}]}}`)
	put := func(pinned string) (int, []byte) {
		body, err := json.Marshal(map[string]string{"url": url, "certificate": string(read(pinned))})
		if err != nil {
			t.Fatal(err)
		}
		return maker.call("registrar", http.MethodPut, path, body, map[string]string{"Content-Type": "application/json"})
	}
	file, signature = good, sign(good, certificate, key)
	var kept struct {
		Signed, Signer, Digest string
		Flows                  []mud.Flow
	}
	if status, b := put(root); status != http.StatusOK || json.Unmarshal(b, &kept) != nil || kept.Signed != "verified" || len(kept.Flows) != 1 {
		t.Fatalf("%d %s", status, b)
	}
	block, _ := pem.Decode(read(certificate))
	signer, err := x509.ParseCertificate(block.Bytes)
	if err != nil || kept.Signer != signer.Subject.String() {
		t.Errorf("%+v %v", kept, err)
	}
	altered := []byte(strings.Replace(string(good), "update.maker.example", "somebody.example", 1))
	elsewhere := []byte(strings.Replace(string(good), "/pump.json", "/other.json", 1))
	for name, attempt := range map[string]struct {
		file, signature []byte
		pinned          string
	}{
		"an altered file":                 {altered, signature, root},
		"somebody else's signature":       {altered, sign(altered, stranger, strangerKey), root},
		"somebody else's certificate":     {good, signature, stranger},
		"no signature where one is named": {good, nil, root},
		"a file of another address":       {elsewhere, sign(elsewhere, certificate, key), root},
	} {
		file, signature = attempt.file, attempt.signature
		if status, b := put(attempt.pinned); status != http.StatusUnprocessableEntity || strings.Contains(string(b), server.URL) {
			t.Errorf("%s: %d %s", name, status, b)
		}
	}
	var after struct{ Signed, Digest string }
	maker.want(http.StatusOK, "auditor", http.MethodGet, path, nil, &after)
	if after.Signed != "verified" || after.Digest != kept.Digest {
		t.Errorf("what is kept was replaced: %+v", after)
	}
}

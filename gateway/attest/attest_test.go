package attest_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/attest"
	"github.com/secant-platform/secant/identity/eat"
)

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := attest.Command()
	var out bytes.Buffer
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(io.Discard)
	err := c.ExecuteContext(t.Context())
	return strings.TrimSpace(out.String()), err
}

// TestADeviceMeasuresAndSigns: what it hands in answers the challenge, and is of the
// files as they are.
func TestADeviceMeasuresAndSigns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, firmware := filepath.Join(dir, "device.pem"), filepath.Join(dir, "firmware.bin")
	if err := os.WriteFile(firmware, []byte("firmware"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "--key", key, "--unit", strings.Repeat("ab", 32), "--part", "firmware="+firmware); err == nil || !strings.Contains(err.Error(), "--public") {
		t.Errorf("a key that is not there: %v", err)
	}
	public, err := run(t, "--key", key, "--public")
	if err != nil {
		t.Fatal(err)
	}
	own, err := hex.DecodeString(public)
	if err != nil || len(own) != ed25519.PublicKeySize {
		t.Fatalf("%q %v", public, err)
	}
	unit := strings.Repeat("ab", 32)
	nonce := bytes.Repeat([]byte{7}, 32)
	var got *eat.Claims
	node := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + r.URL.Path {
		case "POST/v1/units/" + unit + "/attestation/challenge":
			_ = json.NewEncoder(w).Encode(map[string]string{"nonce": base64.RawURLEncoding.EncodeToString(nonce)})
		case "POST/v1/units/" + unit + "/attestation":
			b, _ := io.ReadAll(r.Body)
			token, err := eat.Read(b)
			if err != nil || r.Header.Get("Content-Type") != eat.MediaType {
				t.Errorf("%v %s", err, r.Header)
				return
			}
			got, err = token.Verify(&eat.Answer{Unit: [32]byte(bytes.Repeat([]byte{0xab}, 32)), Key: own, Nonce: nonce, Asked: time.Now(), Now: time.Now()})
			if err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"status":"affirming"}`)
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"detail":"no device of this id"}`)
		}
	}))
	defer node.Close()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: node.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	told, err := run(t, "--key", key, "--node", node.URL, "--ca", ca, "--unit", strings.ToUpper(unit), "--release", "1.0", "--part", "firmware="+firmware)
	if err != nil || told != `{"status":"affirming"}` {
		t.Fatalf("%s %v", told, err)
	}
	want := ledger.Measurement{Name: "firmware", Alg: ledger.HashSHA256, Digest: ledger.BodyDigest([]byte("firmware"))}
	if got.Version != "1.0" || len(got.Measured) != 1 || got.Measured[0] != want || got.Debug != eat.DebugDisabled {
		t.Errorf("it says %+v", got)
	}
	for name, args := range map[string][]string{
		"another unit": {"--unit", strings.Repeat("cd", 32)},
		"no unit":      nil,
		"no file":      {"--unit", unit, "--part", "a=" + firmware + ".absent"},
		"no name":      {"--unit", unit, "--part", firmware},
		"no such CA":   {"--unit", unit, "--ca", ""},
		"no CA":        {"--unit", unit, "--ca", firmware},
	} {
		if told, err := run(t, append([]string{"--key", key, "--node", node.URL, "--ca", ca}, args...)...); err == nil {
			t.Errorf("%s: %s", name, told)
		}
	}
}

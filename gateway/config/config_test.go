package config_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/secant-platform/secant/gateway/config"
)

var update = flag.Bool("update", false, "rewrite golden files")

// same compares what a file says.
var same = cmp.Options{cmpopts.IgnoreUnexported(config.Config{}), cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty()}

func minimal(tb testing.TB) []byte {
	tb.Helper()
	b, err := os.ReadFile("testdata/minimal.json")
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestMinimalFileGetsDefaults(t *testing.T) {
	t.Parallel()
	got, warnings, err := config.Parse(minimal(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	if got.Endpoint != "http://127.0.0.1:7001" || got.DisplayName != "hospital-north" || got.Limits.Body != 8<<20 {
		t.Errorf("defaults are missing: %+v", got)
	}
	b, err := got.Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/full.golden.json", b)

	again, _, err := config.Parse(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again, same); diff != "" {
		t.Errorf("a written configuration reads differently (-first +again):\n%s", diff)
	}
}

// withPublic is the minimal file and a public section.
func withPublic(tb testing.TB, public string) []byte {
	tb.Helper()
	return bytes.Replace(minimal(tb), []byte("{"), []byte(`{"public": `+public+`,`), 1)
}

const public = `{"listen": "127.0.0.1:7051", "host": "localhost:7051", "certificate": "node.pem", "key": "node.key"}`

func TestPublicListenerIsReadShownAndWrittenAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "node.json")
	if err := os.WriteFile(path, withPublic(t, public), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _, err := config.Read(path, []string{"SECANT_PUBLIC_LISTEN=0.0.0.0:443", "SECANT_PUBLIC_HOST=north.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Public{
		Listen: "0.0.0.0:443", Host: "north.example.org",
		Certificate: filepath.Join(dir, "node.pem"), Key: config.KeyFile(filepath.Join(dir, "node.key")),
	}
	if diff := cmp.Diff(want, got.Public); diff != "" {
		t.Error(diff)
	}
	if got.PublicHost() != "north.example.org" || got.PublicURL() != "https://north.example.org" {
		t.Errorf("outside it is %q, %q", got.PublicHost(), got.PublicURL())
	}
	b, err := got.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := config.Parse(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again, same); diff != "" {
		t.Error(diff)
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).InfoContext(t.Context(), "configuration read", slog.Any("config", got))
	if strings.Contains(out.String(), "node.key") || !strings.Contains(out.String(), "north.example.org") {
		t.Errorf("shown as %s", out.String())
	}
}

func TestPublicListenerNeedsAllOfItself(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"listen": "127.0.0.1:7051"}`: "public needs certificate and key; public.host",
		`{"host": "localhost:7051"}`:   "public.listen must be host:port",
		`{"port": 7051}`:               "port",
		strings.Replace(public, "127.0.0.1:7051", "127.0.0.1:7001", 1): "public.listen is listen",
		strings.Replace(public, "localhost:7051", "127.0.0.1:7051", 1): "public.host",
		strings.Replace(public, "localhost:7051", "Localhost", 1):      "public.host",
		strings.Replace(public, "localhost:7051", "localhost:0", 1):    "public.host",
		strings.Replace(public, "localhost:7051", "localhost:070", 1):  "public.host",
		strings.Replace(public, "localhost:7051", "a/b", 1):            "public.host",
		strings.Replace(public, "localhost:7051", "host.0x7f", 1):      "public.host",
	} {
		if _, _, err := config.Parse(withPublic(t, text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	resolve := bytes.Replace(minimal(t), []byte("{"), []byte(`{"exchange": {"resolve": ["id.example.org", "10.0.0.1"]},`), 1)
	if _, _, err := config.Parse(resolve, nil); err == nil || !strings.Contains(err.Error(), "exchange.resolve[1]") {
		t.Errorf("resolving at an address: %v", err)
	}
}

// TestOneListenerMayServeEverybody shows that an endpoint over TLS is public as it
// is, whoever ends the TLS.
func TestOneListenerMayServeEverybody(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"https://north.example.org":       "north.example.org",
		"https://north.example.org:8443/": "north.example.org:8443",
		"https://north.example.org/node":  "", // DIDs of the web stand at a host
		"https://192.0.2.7":               "",
		"http://north.example.org":        "",
		"http://127.0.0.1:7001":           "",
	} {
		got, _, err := config.Parse(minimal(t), []string{"SECANT_ENDPOINT=" + endpoint})
		if err != nil {
			t.Fatal(err)
		}
		if got.PublicHost() != want || (got.PublicURL() == "") != (want == "") {
			t.Errorf("%s: outside it is %q, %q", endpoint, got.PublicHost(), got.PublicURL())
		}
	}
}

func TestUnknownKeyIsNamed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"lissten": "x"}`, `{"limits": {"lissten": 1}}`} {
		if _, _, err := config.Parse([]byte(text), nil); err == nil || !strings.Contains(err.Error(), "lissten") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestBadConfigurationListsEveryFault(t *testing.T) {
	t.Parallel()
	_, _, err := config.Parse([]byte(`{"listen": "0.0.0.0:80", "limits": {"body": 0}, "ledger": {"peers": [{"address": "nowhere"}]}}`), nil)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"organisation is required", "trust is required", "kind must be", "listen is reachable from outside",
		"limits.body must be more than zero", "ledger.peers[0] needs", "ledger.peers[0].address", "own organisation", "identities",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %q in: %v", want, err)
		}
	}
}

func TestRefusesRepeatedKey(t *testing.T) {
	t.Parallel()
	if _, _, err := config.Parse([]byte("{\"data\": \"a\",\n\"data\": \"b\"}"), nil); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("got %v", err)
	}
}

func TestEnvironmentOverridesFile(t *testing.T) {
	t.Parallel()
	got, warnings, err := config.Parse(minimal(t), []string{
		"SECANT_LISTEN=127.0.0.1:9", "SECANT_LIMITS_BODY=1024", "SECANT_PACE_EVENT_LAG=5s", "SECANT_LOG_LEVEL=DEBUG",
		"SECANT_DEVELOPMENT=true", "SECANT_KEYS_TOKEN=other.pem", "SECANT_LIMITS_BODDY=1", "SECANT_CACHE=/x", "HOME=/y",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Listen != "127.0.0.1:9" || got.Limits.Body != 1024 || got.Pace.EventLag.Std().Seconds() != 5 ||
		got.Log.Level != slog.LevelDebug || !got.Development || got.Keys.Token.Path() != "other.pem" {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff([]string{"the environment variable SECANT_LIMITS_BODDY sets nothing"}, warnings); diff != "" {
		t.Error(diff)
	}
	if _, _, err := config.Parse(minimal(t), []string{"SECANT_LIMITS_BODY=lots"}); err == nil || !strings.Contains(err.Error(), "SECANT_LIMITS_BODY") {
		t.Errorf("got %v", err)
	}
}

func TestReadResolvesPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "node.json")
	if err := os.WriteFile(path, minimal(t), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _, err := config.Read(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for want, p := range map[string]string{
		"data":                got.Data,
		"data/keys/token.pem": got.Keys.Token.Path(),
		"trust.json":          got.Trust,
		"north.key":           got.Ledger.Identities["registrar"].Key.Path(),
	} {
		if p != filepath.Join(dir, want) {
			t.Errorf("got %s, want %s", p, filepath.Join(dir, want))
		}
	}
}

func TestShownConfigurationHidesKeyFiles(t *testing.T) {
	t.Parallel()
	cfg, _, err := config.Parse(minimal(t), []string{"SECANT_KEYS_VAULT=/marked/place.key"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).InfoContext(t.Context(), "configuration read", slog.Any("config", cfg))
	if strings.Contains(out.String(), "marked") || strings.Contains(out.String(), "north.key") {
		t.Errorf("a key's place is shown: %s", out.String())
	}
	var shown struct{ Config map[string]any }
	if err := json.Unmarshal(out.Bytes(), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.Config["organisation"] != "hospital-north" || shown.Config["limits"].(map[string]any)["bodyTime"] != "1m0s" {
		t.Errorf("the effective configuration is not shown: %s", out.String())
	}
}

func FuzzParse(f *testing.F) {
	f.Add(minimal(f), "SECANT_LIMITS_BODY=3")
	f.Add(withPublic(f, public), "SECANT_PUBLIC_HOST=a")
	f.Add([]byte(`{"pace":{"anchor":"1s"}}`), "SECANT_LOG_LEVEL=WARN")
	f.Fuzz(func(t *testing.T, text []byte, variable string) {
		cfg, _, err := config.Parse(text, []string{variable})
		if err != nil {
			return
		}
		b, err := cfg.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := config.Parse(b, nil)
		if err != nil {
			t.Fatalf("what was accepted is refused when written again: %v", err)
		}
		if diff := cmp.Diff(cfg, again, same); diff != "" {
			t.Error(diff)
		}
	})
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-golden +now; -update rewrites it):\n%s", path, diff)
	}
}

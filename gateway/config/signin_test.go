package config_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/gateway/config"
)

const signIn = `{"return": "https://north.example/signed-in", "provider": {"issuer": "https://login.north.example", "clientId": "secant",
"secret": "provider.secret", "claim": "groups", "roles": [{"value": "icu", "role": "nurse"}]},
"services": [{"id": "lab", "keyFile": "lab.jwks", "roles": ["integrator"]}, {"id": "etl", "keys": {"keys": []}, "roles": ["auditor"]}]}`

func withSignIn(tb testing.TB, text string) []byte {
	tb.Helper()
	return bytes.Replace(minimal(tb), []byte("{"), []byte(`{"signIn": `+text+`,`), 1)
}

func TestSignInIsReadShownAndWrittenAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "node.json")
	if err := os.WriteFile(path, withSignIn(t, signIn), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _, err := config.Read(path, []string{"SECANT_SIGN_IN_RETURN=https://other.example/", "SECANT_LIMITS_ANONYMOUS=7"})
	if err != nil {
		t.Fatal(err)
	}
	s := got.SignIn
	if s.Return != "https://other.example/" || got.Limits.Anonymous != 7 || s.Services[0].KeyFile != filepath.Join(dir, "lab.jwks") ||
		s.Provider.Secret.Path() != filepath.Join(got.Data, "provider.secret") || s.Services[1].KeyFile != "" {
		t.Errorf("reads %+v", s)
	}
	b, err := got.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := config.Parse(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.SignIn.Services[1].Keys = got.SignIn.Services[1].Keys // indented now
	if diff := cmp.Diff(got, again, same); diff != "" {
		t.Error(diff)
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).InfoContext(t.Context(), "configuration read", slog.Any("config", got))
	if strings.Contains(out.String(), "provider.secret") || !strings.Contains(out.String(), "login.north.example") || !strings.Contains(out.String(), "services.lab") {
		t.Errorf("shown as %s", out.String())
	}
}

func TestSignInThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, want string }{
		{"https://north.example/signed-in", "http://north.example/", "signIn.return"},
		{"https://north.example/signed-in", "https://north.example/#x", "signIn.return"},
		{`"return": "https://north.example/signed-in", `, "", "signIn.provider needs signIn.return"},
		{"https://login", "http://login", "signIn.provider needs issuer"},
		{`"clientId": "secant"`, `"clientId": ""`, "signIn.provider needs issuer"},
		{`"claim": "groups"`, `"claim": ""`, "signIn.provider needs issuer"},
		{`"id": "etl"`, `"id": "lab"`, "signIn.services[1]"},
		{`"keyFile": "lab.jwks"`, `"keyFile": "lab.jwks", "keys": {}`, "signIn.services[0]"},
		{`"keyFile": "lab.jwks", `, "", "signIn.services[0]"},
		{`"roles": ["auditor"]`, `"roles": []`, "signIn.services[1]"},
		{`"return"`, `"bearer": true, "return"`, "signIn.bearer"},
		{`"return"`, `"page"`, "page"},
	} {
		text := strings.Replace(signIn, c.old, c.new, 1)
		if _, _, err := config.Parse(withSignIn(t, text), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.new, err)
		}
	}
}

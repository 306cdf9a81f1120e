package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/gateway/config"
)

const wallets = `{"clients": [{"clientId": "ward", "redirects": ["org.example.ward://back", "https://ward.example/back"], "attested": true},
{"clientId": "mine", "redirects": ["http://127.0.0.1/back"]}], "makers": "makers.pem"}`

func withWallets(tb testing.TB, text string) []byte {
	tb.Helper()
	return bytes.Replace(minimal(tb), []byte("{"), []byte(`{"wallets": `+text+`,`), 1)
}

func TestWalletsAreReadAndWrittenAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "node.json")
	if err := os.WriteFile(path, withWallets(t, wallets), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _, err := config.Read(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	known := got.Wallets.Known()
	if got.Wallets.Makers != filepath.Join(dir, "makers.pem") || len(known) != 2 || !known[0].Attested || known[1].Attested {
		t.Errorf("reads %+v", got.Wallets)
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
	none, _, err := config.Parse(minimal(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if known := none.Wallets.Known(); len(known) != 1 || known[0].ID != "secant-wallet" || known[0].Redirects[0] != "http://127.0.0.1/back" {
		t.Errorf("without any: %+v", known)
	}
}

func TestWalletsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, want string }{
		{`"ward"`, `"mine"`, "wallets.clients[1] needs"},
		{`"ward"`, `""`, "wallets.clients[0] needs"},
		{`"ward"`, `"` + strings.Repeat("w", 256) + `"`, "wallets.clients[0] needs"},
		{`["http://127.0.0.1/back"]`, `[]`, "wallets.clients[1] needs"},
		{`, "makers": "makers.pem"`, ``, "wallets.clients[0] is to be attested"},
		{"http://127.0.0.1/back", "http://ward.example/back", "wallets.clients[1].redirects"},
		{"http://127.0.0.1/back", "http://localhost/back", "wallets.clients[1].redirects"},
		{"http://127.0.0.1/back", "javascript://x/%0aalert(1)", "wallets.clients[1].redirects"},
		{"http://127.0.0.1/back", "JavaScript:alert(1)", "wallets.clients[1].redirects"},
		{"http://127.0.0.1/back", "data:text/html,x", "wallets.clients[1].redirects"},
		{"http://127.0.0.1/back", "https://ward.example/back#x", "wallets.clients[1].redirects"},
		{"http://127.0.0.1/back", "https://ward@evil.example/back", "wallets.clients[1].redirects"},
		{"http://127.0.0.1/back", "https:///back", "wallets.clients[1].redirects"},
		{"http://127.0.0.1/back", "/back", "wallets.clients[1].redirects"},
		{`"attested"`, `"trusted"`, "trusted"},
	} {
		text := strings.Replace(wallets, c.old, c.new, 1)
		if _, _, err := config.Parse(withWallets(t, text), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.new, err)
		}
	}
}

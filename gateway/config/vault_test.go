package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/gateway/config"
)

func TestVaultIsReadStrictly(t *testing.T) {
	t.Parallel()
	with := func(vault string, environ ...string) (config.Config, error) {
		cfg, _, err := config.Parse(bytes.Replace(minimal(t), []byte("{"), []byte(`{"vault": `+vault+`,`), 1), environ)
		return cfg, err
	}
	got, err := with(`{"objects": "s3://bucket/a?region=x", "credentials": "s3.ini"}`, "SECANT_VAULT_KEEP=0")
	want := config.Vault{Objects: "s3://bucket/a?region=x", Credentials: "s3.ini", Segment: 64 << 20}
	if err != nil || got.Vault != want {
		t.Errorf("%+v %v", got.Vault, err)
	}
	for vault, want := range map[string]string{
		`{"objects": "http://host/bucket"}`:         "vault.objects begins with",
		`{"objects": "file://host/x"}`:              "vault.objects begins with",
		`{"objects": "s3://id:secret-of-mine@b/c"}`: "vault.objects holds no credentials",
		`{"keep": -1}`:                               "vault.keep",
		`{"segment": 1000}`:                          "vault.segment",
		`{"segment": 5368709120}`:                    "vault.segment",
		`{"bucket": "x"}`:                            "bucket",
		`{"objects": "s3://b", "secret": "of mine"}`: "secret",
	} {
		_, err := with(vault)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret-of-mine") {
			t.Errorf("%s: %v", vault, err)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "node.json")
	if err := os.WriteFile(path, bytes.Replace(minimal(t), []byte("{"), []byte(`{"vault": {"credentials": "s3.ini"},`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Read(path, nil)
	if err != nil || cfg.Vault.Credentials.Path() != filepath.Join(dir, "s3.ini") {
		t.Errorf("%q %v", cfg.Vault.Credentials.Path(), err)
	}
}

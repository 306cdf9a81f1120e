package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/gateway/config"
)

func TestFaultsOfBrokersAreListed(t *testing.T) {
	t.Parallel()
	_, _, err := config.Parse([]byte(`{
		"mqtt": [
			{"listen": "0.0.0.0:1883", "sources": [{"name": "icu/3", "networks": ["10.0.0.0/8"]}]},
			{"listen": "127.0.0.1:1883", "certificate": "a.pem", "sources": []}
		],
		"brokers": [
			{"source": "icu", "url": "mqtt://broker.example:1883", "topics": [{"topic": "a/#", "device": "x"}]},
			{"source": "icu", "url": "http://broker.example", "certificate": "a.pem", "password": "p", "topics": []},
			{"source": "or", "url": "mqtts://broker.example:8883", "topics": [
				{"topic": "a/{device}/{device}"}, {"topic": "a/b"}, {"topic": "a/{device}", "device": "x"}, {"topic": "$SYS/{device}"}, {"topic": "a/x{device}"}
			]}
		]}`), nil)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"mqtt[0] is reachable from outside", "mqtt[0].sources[0].name must not have", "mqtt[1] needs certificate and key", "mqtt[1].sources must hold",
		"brokers[0].url is not on this machine", "brokers[0].topics[0].topic must be", "brokers[1].source must be", "brokers[1].url must be",
		"brokers[1] needs certificate and key", "brokers[1].password needs a user", "brokers[1].topics must hold",
		"brokers[2].topics[0].topic must have {device} once", "brokers[2].topics[1] needs {device}", "brokers[2].topics[2] needs {device}",
		"brokers[2].topics[3].topic must be", "brokers[2].topics[4].topic must be",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %q in: %v", want, err)
		}
	}
}

func TestABrokerIsReadAndItsSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	var file map[string]any
	if err := json.Unmarshal(minimal(t), &file); err != nil {
		t.Fatal(err)
	}
	file["brokers"] = []any{map[string]any{
		"source": "icu", "url": "mqtts://broker.example:8883", "roots": "roots.pem", "certificate": "own.pem", "key": "own.key",
		"user": "node", "password": "word", "topics": []any{map[string]any{"topic": "ward/+/{device}/vitals"}, map[string]any{"topic": "g", "device": "x"}},
	}}
	b, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "node.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, _, err := config.Read(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if k := got.Brokers[0]; k.Roots != filepath.Join(dir, "roots.pem") || k.Key.Path() != filepath.Join(dir, "own.key") || k.Password.Path() != filepath.Join(dir, "word") {
		t.Errorf("%+v", k)
	}
	if shown := got.LogValue().String(); strings.Contains(shown, "own.key") || strings.Contains(shown, "/word") {
		t.Errorf("a secret's place is shown: %s", shown)
	}
}

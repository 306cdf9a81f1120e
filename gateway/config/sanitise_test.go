package config_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/secant-platform/secant/gateway/config"
)

func TestRulesOfSanitisingAreJudged(t *testing.T) {
	t.Parallel()
	said := []byte(`{"exchange":{"sanitise":{"domains":["hospital.example",""],"rules":[{"name":"ticket","pattern":"INC-[0-9]+"},{"name":"bad","pattern":"("}]}},`)
	_, _, err := config.Parse(bytes.Replace(minimal(t), []byte("{"), said, 1), nil)
	for _, want := range []string{"exchange.sanitise: name 1", "exchange.sanitise.rules[1]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "rules[0]") {
		t.Errorf("a rule that is fine is refused: %v", err)
	}
}

package govern

import (
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/lifecycle"
)

func TestPoliciesAsTheCommandTakesThem(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"majority": ledger.PolicyMajority, "any-2": ledger.PolicyOutOf(2), "any-5": ledger.PolicyOutOf(5),
	} {
		if got, err := parsePolicy(given, 5); err != nil || got != want {
			t.Errorf("%s: %q, %v", given, got, err)
		}
	}
	for _, given := range []string{"", "any", "any-", "any-1", "any-0", "any--2", "any-6", "any-two", "any-2x", "outof:2", "Majority", "all"} {
		if got, err := parsePolicy(given, 5); err == nil || !strings.Contains(err.Error(), "any-N with N from 2 to 5") {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
}

// TestCommandsRefuseContradictions gives arguments that no network is needed to
// refuse.
func TestCommandsRefuseContradictions(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"rotate"},
		{"rotate", "hospital-south", "--role", "../admin"},
		{"rotate", "hospital-south", "--role", "sharer", "--peer"},
		{"rotate", "hospital-south", "--all", "--orderer"},
		{"revoke"},
		{"revoke", "hospital-south", "sharer", "--certificate", "x.pem"},
		{"policy"},
		{"upgrade", "now"},
	} {
		dir := t.TempDir()
		c := Command(&dir)
		c.SetArgs(args)
		c.SilenceUsage, c.SilenceErrors = true, true
		if err := c.ExecuteContext(t.Context()); err == nil || strings.Contains(err.Error(), "no network") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestCommandsNeedANetwork names the way out where there is none.
func TestCommandsNeedANetwork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"rotate", "hospital-south"}, {"revoke", "hospital-south", "sharer"}, {"policy", "any-2"}, {"upgrade"},
	} {
		c := Command(&dir)
		c.SetArgs(args)
		c.SilenceUsage, c.SilenceErrors = true, true
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "secant up") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestDefinitionsAreDescribed(t *testing.T) {
	t.Parallel()
	d := launch.Deployed{After: lifecycle.Definition{Version: "ab", Sequence: 3, Policy: "outof:2"}}
	if got := describe(d.After); got != "version ab, sequence 3, policy outof:2" {
		t.Error(got)
	}
	if got := describe(lifecycle.Definition{Version: "ab", Sequence: 3}); !strings.Contains(got, "does not know") {
		t.Error(got)
	}
}

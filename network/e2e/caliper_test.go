package e2e

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// resultLine is one line of Caliper's table: name, successes, failures.
var resultLine = regexp.MustCompile(`(?m)^\| (\w+\.\w+)\s+\| (\d+)\s+\| (\d+)\s+\|`)

// TestCaliperDrivesTheChaincode has a load generator that knows nothing of this
// project call the chaincode on the live network, as README.md says how.
func TestCaliperDrivesTheChaincode(t *testing.T) {
	n := live(t)
	program := filepath.Join(t.TempDir(), "caliper")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../caliper").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), program, "--dir", n.dir, "--concurrency", "10", "--duration", "3s").CombinedOutput()
	if err != nil && strings.Contains(string(out), "no Caliper without Node and npm") {
		t.Skipf("%s", out)
	}
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]int{}
	for _, m := range resultLine.FindAllStringSubmatch(string(out), -1) {
		done[m[1]], _ = strconv.Atoi(m[2])
		if m[3] != "0" {
			t.Errorf("%s: %s failed", m[1], m[3])
		}
	}
	for _, transaction := range []string{"threat.Share", "device.RegisterModel", "risk.Publish", "identity.Get"} {
		if done[transaction] == 0 {
			t.Errorf("%s: nothing succeeded", transaction)
		}
	}
}

package e2e

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// fences finds the shell blocks of a Markdown text and what stands behind "sh".
var fences = regexp.MustCompile("(?ms)^```sh(.*?)\n(.*?)^```$")

// personal finds what README.md says of a person.
var personal = regexp.MustCompile(`"(?:given_name|family_name|staff_number)":"([^"]+)"`)

// TestReadmeCommandsRun runs the shell blocks of README.md, one after another in
// one shell, as a new user types them; only the places differ.
func TestReadmeCommandsRun(t *testing.T) {
	n := live(t)
	place := strings.NewReplacer(
		"go run . ", n.bin+" ",
		"~/.secant", n.dir,
		"/tmp/", t.TempDir()+"/",
		"127.0.0.1:70", "127.0.0.1:"+strconv.Itoa(n.port/100),
		"localhost:70", "localhost:"+strconv.Itoa(n.port/100),
	)
	var script strings.Builder
	script.WriteString("set -eux\n")
	for _, block := range fences.FindAllStringSubmatch(string(read(t, "../../README.md")), -1) {
		if block[1] == "" {
			script.WriteString(place.Replace(block[2]))
		}
	}
	for _, claim := range personal.FindAllStringSubmatch(script.String(), -1) {
		mark("a person's name", claim[1])
	}
	c := exec.CommandContext(t.Context(), "sh", "-c", script.String())
	c.Dir = filepath.Join("..", "..")
	c.Env = append(c.Environ(), "SECANT_DIR="+n.dir)
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "unchanged since") {
		t.Error("no proof was verified")
	}
	if !strings.Contains(string(out), "401 Unauthorized") {
		t.Error("a revoked credential was not felt")
	}
}

// TestReadmeMeasuresExist holds the benchmarks that README.md names to those
// that exist.
func TestReadmeMeasuresExist(t *testing.T) {
	list, err := exec.CommandContext(t.Context(), "go", "test", "-list", "Benchmark", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`-bench (\w+)`).FindAllStringSubmatch(string(read(t, "../../README.md")), -1)
	if len(named) == 0 {
		t.Fatal("README.md names no benchmark")
	}
	for _, m := range named {
		if !strings.Contains(string(list), "Benchmark"+m[1]+"\n") {
			t.Errorf("README.md names -bench %s, which matches no benchmark", m[1])
		}
	}
}

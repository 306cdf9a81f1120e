package e2e

import (
	"cmp"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
// that exist in the packages that it names them of.
func TestReadmeMeasuresExist(t *testing.T) {
	named := regexp.MustCompile(`go test (\./\S+) -run '\^\$' -bench (\S+)`).FindAllStringSubmatch(string(read(t, "../../README.md")), -1)
	if len(named) == 0 {
		t.Fatal("README.md names no benchmark")
	}
	for _, m := range named {
		wanted, err := regexp.Compile(strings.Trim(m[2], "'"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(functions(t, m[1], "Benchmark"), wanted.MatchString) {
			t.Errorf("README.md names -bench %s of %s, which matches no benchmark", m[2], m[1])
		}
	}
}

// TestReadmeTestsExist holds the tests that README.md names for each interface to
// those that exist, in gateway/app where it names no other package.
func TestReadmeTestsExist(t *testing.T) {
	named := regexp.MustCompile("`(Test\\w+)`(?: \\(`([a-z0-9/]+)`\\))?").FindAllStringSubmatch(string(read(t, "../../README.md")), -1)
	if len(named) == 0 {
		t.Fatal("README.md names no test")
	}
	for _, m := range named {
		if place := cmp.Or(m[2], "gateway/app"); !slices.Contains(functions(t, place, "Test"), m[1]) {
			t.Errorf("README.md names %s of %s, which is not there", m[1], place)
		}
	}
}

// functions names the tests or benchmarks of a package, or of all below a folder.
func functions(t *testing.T, place, kind string) (names []string) {
	t.Helper()
	root, all := strings.CutSuffix(place, "/...")
	root = filepath.Join("..", "..", root)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && !all:
			return fs.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			for _, f := range regexp.MustCompile(`(?m)^func (`+kind+`\w+)\(`).FindAllSubmatch(read(t, path), -1) {
				names = append(names, string(f[1]))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

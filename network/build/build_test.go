package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/network/process"
)

func TestFailedBuildsComeWithAdvice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ output, want string }{
		{"write /home/a/.cache/go-build/x: no space left on device", "make room"},
		{"verifying github.com/a/b@v1: checksum mismatch\nSECURITY ERROR", "do not go on"},
		{`github.com/a/b@v1: Get "https://proxy.example.org/a": dial tcp: lookup proxy.example.org: no such host`, "could not be had"},
		{"github.com/a/b@v1: reading https://proxy.example.org/x.zip: 404 Not Found", "could not be had"},
		{"go: go.mod requires go >= 1.30 (running go 1.26)", "newer Go compiler"},
		{"/usr/lib/go/pkg/tool/compile: signal: killed", "out of memory"},
		{"open /x: permission denied", "cannot be written"},
		{"./main.go:3:1: syntax error", "does not compile; run the command in /src"},
		// The more telling sign wins: a full disk also breaks downloads.
		{"reading https://x: write y: no space left on device", "make room"},
	} {
		if got := advice(c.output, "/src"); !strings.Contains(got, c.want) {
			t.Errorf("%q: advice %q, want %q", c.output, got, c.want)
		}
	}
}

func TestMissingCompilerIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := All(t.Context(), Options{Cache: t.TempDir()})
	var f *process.Failure
	if !errors.As(err, &f) || !strings.Contains(f.Do, "install Go "+goNeeded+" or later") {
		t.Errorf("got %v", err)
	}
}

// module makes a source tree that passes as this module's.
func source(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	files["go.mod"] = "// a comment\nmodule " + module + "\n\ngo 1.26\n"
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestGoNeededIsThatOfTheModule(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../go.mod")
	if err != nil || !strings.Contains(string(b), "\ngo "+goNeeded+".") {
		t.Errorf("go.mod does not ask for Go %s, %v", goNeeded, err)
	}
}

func TestUnusableCacheFolderNamesTheVariable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := unit{what: "x", digest: "x"}.ensure(t.Context(), filepath.Join(file, "build"), nil)
	if err == nil || !strings.Contains(err.Error(), "SECANT_CACHE") {
		t.Errorf("got %v", err)
	}
}

func TestSourceIsFoundFromBelow(t *testing.T) {
	root := source(t, map[string]string{"network/launch/x.go": "package launch"})
	t.Chdir(filepath.Join(root, "network", "launch"))
	got, err := findSource("")
	if err != nil {
		t.Fatal(err)
	}
	if same(t, got) != same(t, root) {
		t.Errorf("found %s, not %s", got, root)
	}
	// A folder that was asked for is not searched upwards: that would build
	// something else than was meant.
	if _, err := findSource(filepath.Join(root, "network")); err == nil {
		t.Error("accepted a folder below the module")
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "go.mod"), []byte("module example.org/other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(other)
	var f *process.Failure
	if _, err := findSource(""); !errors.As(err, &f) || !errors.Is(err, ErrNoSource) {
		t.Errorf("got %v", err)
	}
}

func same(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDigestFollowsWhatReachesAProgram(t *testing.T) {
	t.Parallel()
	root := source(t, map[string]string{"main.go": "package main", "gateway/web/dist/app.js": "1", "main_test.go": "x"})
	before, err := digestSource(root)
	if err != nil {
		t.Fatal(err)
	}
	change := func(name, content string) string {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		after, err := digestSource(root)
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	for _, name := range []string{"main_test.go", "README.md", "a/testdata/x.json", ".git/HEAD", "web/node_modules/a/index.js"} {
		if after := change(name, "changed"); after != before {
			t.Errorf("%s cannot reach a program, but asks for a build", name)
		}
	}
	for _, name := range []string{"main.go", "go.sum", "gateway/web/dist/app.js", "new/file.sql"} {
		after := change(name, "changed")
		if after == before {
			t.Errorf("%s reaches a program, but asks for no build", name)
		}
		before = after
	}
}

// hello is a unit of one tiny program.
func hello(dir, digest string) unit {
	return unit{what: "hello", digest: digest, dir: dir, targets: []target{{".", "hello"}}}
}

func TestBuiltOnceThenKept(t *testing.T) {
	t.Parallel()
	src, cache := t.TempDir(), t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(src, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module hello\n\ngo 1.26\n")
	write("main.go", "package main\n\nfunc main() { println(1) }\n")
	steps := 0
	step := func(string) func(error) { steps++; return func(error) {} }
	for range 2 {
		dir, err := hello(src, "node-1").ensure(t.Context(), cache, step)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := Digest(filepath.Join(dir, "hello")); err != nil || len(d) != 64 {
			t.Errorf("digest %q, %v", d, err)
		}
	}
	if steps != 1 {
		t.Errorf("built %d times", steps)
	}
	// A build that fails leaves nothing that passes for a program.
	write("main.go", "package main\n\nfunc main() { nonsense }\n")
	_, err := hello(src, "node-2").ensure(t.Context(), cache, step)
	var f *process.Failure
	if !errors.As(err, &f) || !strings.Contains(strings.Join(f.Tail, "\n"), "nonsense") || !strings.HasPrefix(strings.Join(f.Command, " "), "go build") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(cache, "node-2")); err == nil {
		t.Error("the failed build has a folder")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hello(src, "node-3").ensure(ctx, cache, step); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	entries, err := filepath.Glob(filepath.Join(cache, ".*"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestPruneKeepsTheNewestOfEachKind(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	at := func(name string, age time.Duration) {
		path := filepath.Join(cache, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-age)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	at("fabric-1", 1000*time.Hour)
	at("own-new", 0)
	for i, name := range []string{"own-a", "own-b", "own-c", "own-d", "own-e", "own-f"} {
		at(name, time.Duration(i+1)*time.Hour)
	}
	at(".new-killed", 2*time.Hour)
	at(".new-running", time.Minute)
	prune(cache, filepath.Join(cache, "own-new"))
	entries, err := os.ReadDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if want := ".new-running fabric-1 own-a own-b own-c own-d own-new"; strings.Join(got, " ") != want {
		t.Errorf("left %v, want %s", got, want)
	}
}

// The requirement file names the commit of the release that FabricVersion says,
// and nothing of it may come from a place that only one machine has.
func TestFabricIsPinned(t *testing.T) {
	t.Parallel()
	if !strings.Contains(string(fabricMod), "require github.com/hyperledger/fabric v1.4.0-rc1.0.20250510200036-435a7f1a780a\n") {
		t.Error("fabric.mod requires another Fabric than " + FabricVersion)
	}
	if strings.Contains(string(fabricMod), "replace") {
		t.Error("fabric.mod replaces a module")
	}
	if !strings.Contains(string(fabricSum), "github.com/hyperledger/fabric v1.4.0-rc1.0.20250510200036-435a7f1a780a h1:") {
		t.Error("fabric.sum does not bind Fabric's content")
	}
}

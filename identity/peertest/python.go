package peertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Python runs client.py of the test's folder "testdata/<folder>" with the packages of
// its requirements.txt, which are installed once into the cache folder, and returns what
// it prints. Under -short, and without Python or its package index, the test is skipped.
func Python(t *testing.T, folder string, args ...string) []byte {
	t.Helper()
	if testing.Short() {
		t.Skip("installs packages of Python's")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no other implementation to check against: python3 is not on the PATH")
	}
	folder = filepath.Join("testdata", folder)
	needed, err := os.ReadFile(filepath.Join(folder, "requirements.txt")) //nolint:gosec // the folder is the test's own
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append([]byte(python+"\n"), needed...))
	home := filepath.Join(cache, "secant", "python-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(home); err != nil { //nolint:gosec // the cache folder is the user's own
		installPython(t, python, folder, home)
	}
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), filepath.Join(home, "bin", "python"), append([]string{filepath.Join(folder, "client.py")}, args...)...) //nolint:gosec // as above
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.Bytes())
	}
	return out.Bytes()
}

// installPython makes the environment under another name and moves it, as install does.
func installPython(t *testing.T, python, folder, home string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(home), 0o750); err != nil { //nolint:gosec // the cache folder is the user's own
		t.Fatal(err)
	}
	whole, err := os.MkdirTemp(filepath.Dir(home), ".new-") //nolint:usetesting // it must be on the cache folder's file system, to be moved there
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(whole)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for _, c := range [][]string{
		{python, "-m", "venv", "--symlinks", whole},
		{filepath.Join(whole, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", filepath.Join(folder, "requirements.txt")},
	} {
		if out, err := exec.CommandContext(ctx, c[0], c[1:]...).CombinedOutput(); err != nil { //nolint:gosec // the test's own
			t.Skipf("no other implementation to check against: %s", bytes.TrimSpace(out))
		}
	}
	if err := os.Rename(whole, home); err != nil { //nolint:gosec // as above
		if _, there := os.Stat(home); there != nil { //nolint:gosec // as above; if it is there, another test was first
			t.Fatal(err)
		}
	}
}

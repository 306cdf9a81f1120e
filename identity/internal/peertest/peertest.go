// Package peertest is for tests against other people's implementations, which
// come from npm: it installs a pinned package once and drives its program.
package peertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// program is what a peer's folder must have beside its package and lock file.
const program = "peer.js"

// Peer is an installed package with a program that does jobs: it reads a JSON
// array of them from its input and writes an array of as many results.
type Peer struct{ dir string }

// Install installs the package in the test's folder "testdata/<folder>" into the
// cache folder, once for each of its versions. Under -short, and without Node, npm
// or its registry, the test is skipped.
func Install(t *testing.T, name, folder string) Peer {
	t.Helper()
	if testing.Short() {
		t.Skip("installs a package of Node's")
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no other implementation to check against: %s is not on the PATH", program)
		}
	}
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json", program} {
		b, err := os.ReadFile(filepath.Join("testdata", folder, name)) //nolint:gosec // the folder is the test's own
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
		sum.Write(b)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "secant")
	p := Peer{filepath.Join(cache, name+"-peer-"+hex.EncodeToString(sum.Sum(nil)[:8]))}
	if _, err := os.Stat(p.dir); err != nil {
		p.install(t, cache, files)
	}
	return p
}

// install makes the folder under another name and moves it, so that a run that is
// killed leaves nothing half-made.
func (p Peer) install(t *testing.T, cache string, files map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(cache, 0o750); err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp(cache, ".new-") //nolint:usetesting // it must be on the cache folder's file system, to be moved there
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(tmp, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir = tmp
	if out, err := npm.CombinedOutput(); err != nil {
		t.Skipf("no other implementation to check against: npm cannot fetch it: %v: %s", err, out)
	}
	if err := os.Rename(tmp, p.dir); err != nil {
		if _, there := os.Stat(p.dir); there != nil { // nor by another run
			t.Fatal(err)
		}
	}
}

// Do has the program do the jobs, and returns as many results.
func Do[R any](t *testing.T, p Peer, jobs ...map[string]any) []R {
	t.Helper()
	in, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", program)
	var stderr bytes.Buffer
	node.Dir, node.Stdin, node.Stderr = p.dir, bytes.NewReader(in), &stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("the peer: %v: %s", err, stderr.Bytes())
	}
	var results []R
	if err := json.Unmarshal(out, &results); err != nil || len(results) != len(jobs) {
		t.Fatalf("the peer answers %s (%v)", out, err)
	}
	return results
}

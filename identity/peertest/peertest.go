// Package peertest is for tests against other people's implementations, which
// come from npm: it installs a pinned package once and drives its program.
package peertest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// program is what a peer's folder must have beside its package and lock file.
const program = "peer.js"

// Peer is an installed package with a program that does jobs: it reads a JSON
// array of them from its input and writes an array of as many results; or it has
// arguments and writes one result; or it is started, and goes on.
type Peer struct {
	dir     string
	program string // below dir
}

// Install installs the package in the test's folder "testdata/<folder>" into the
// cache folder, once for each of its versions, and once for all programs that need
// the same. Under -short, and without Node, npm or its registry, the test is skipped.
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
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", folder, name)) //nolint:gosec // the folder is the test's own
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		files[name] = read(name)
		sum.Write(files[name])
	}
	text := read(program)
	own := sha256.Sum256(text)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "secant")
	p := Peer{filepath.Join(cache, "peer-"+hex.EncodeToString(sum.Sum(nil)[:8])), name + "-" + hex.EncodeToString(own[:8]) + ".js"}
	if _, err := os.Stat(p.dir); err != nil {
		p.install(t, cache, files)
	}
	if _, err := os.Stat(filepath.Join(p.dir, p.program)); err != nil {
		p.write(t, text)
	}
	return p
}

// write puts the program beside its package, whole or not at all.
func (p Peer) write(t *testing.T, text []byte) {
	t.Helper()
	f, err := os.CreateTemp(p.dir, ".new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(p.dir, p.program))
	}
	if err != nil {
		t.Fatal(err)
	}
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
	results := run[[]R](t, p, in)
	if len(results) != len(jobs) {
		t.Fatalf("the peer answers %d of %d", len(results), len(jobs))
	}
	return results
}

// Run has the program run with arguments, and returns what it writes.
func Run[R any](t *testing.T, p Peer, args ...string) R {
	t.Helper()
	return run[R](t, p, nil, args...)
}

func run[R any](t *testing.T, p Peer, in []byte, args ...string) (answer R) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", append([]string{p.program}, args...)...) //nolint:gosec // the test's own program
	var stderr bytes.Buffer
	node.Dir, node.Stdin, node.Stderr = p.dir, bytes.NewReader(in), &stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("the peer: %v: %s%s", err, out, stderr.Bytes())
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("the peer answers %s (%v)", out, err)
	}
	return answer
}

// Running is a program that was started: it reads a JSON value a line, and answers
// each with one.
type Running struct {
	in     io.Writer
	out    *bufio.Reader
	stderr *bytes.Buffer
}

// Start starts the program with arguments, until the test ends. It must end when its
// input does.
func Start(t *testing.T, p Peer, args ...string) *Running {
	t.Helper()
	node := exec.CommandContext(t.Context(), "node", append([]string{p.program}, args...)...) //nolint:gosec // the test's own program
	node.Dir = p.dir
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r := &Running{in, bufio.NewReader(out), &bytes.Buffer{}}
	node.Stderr = r.stderr
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = node.Wait() // it was ended with the test's context, if not by its input
		if t.Failed() && r.stderr.Len() > 0 {
			t.Logf("the peer: %s", r.stderr)
		}
	})
	return r
}

// Ask sends a value, and reads what is answered.
func Ask[R any](t *testing.T, r *Running, v any) (answer R) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.in.Write(append(b, '\n')); err != nil {
		t.Fatalf("the peer does not listen: %v", err)
	}
	return Hear[R](t, r)
}

// Hear reads what the program says by itself.
func Hear[R any](t *testing.T, r *Running) (said R) {
	t.Helper()
	line, err := r.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	if err != nil {
		t.Fatalf("the peer says %q: %v", line, err)
	}
	return said
}

// Package build makes the programs that a network consists of and keeps them in
// a cache: Fabric's own from its pinned module, and this module's. A program is
// kept under a digest of all that went into it, so that nothing is built twice
// and a running program is never overwritten.
package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/process"
)

// FabricVersion is the release whose programs are built. The module has no path
// for its major version, so the requirement names the release's commit.
const FabricVersion = "v3.1.1"

// module is the path of this module, by which its source is recognised.
const module = "github.com/secant-platform/secant"

//go:embed fabric.mod
var fabricMod []byte

//go:embed fabric.sum
var fabricSum []byte

// Programs are the paths of what was built.
type Programs struct {
	Peer        string `json:"peer"`
	Orderer     string `json:"orderer"`
	Configtxgen string `json:"configtxgen"`
	Secant      string `json:"secant"`    // the node and the command
	Chaincode   string `json:"chaincode"` // what peers run
	Builder     string `json:"builder"`   // through which peers run it
}

// Digest returns the SHA-256 of a built program, in hex, as noted when it was
// built: two builds of different source can give the same program.
func Digest(program string) (string, error) {
	b, err := os.ReadFile(program + digestSuffix) //nolint:gosec // a path of our own cache
	if err != nil {
		return "", fmt.Errorf("reading a program's digest: %w", err)
	}
	return string(b), nil
}

const digestSuffix = ".sha256"

// Options say where to build from and to.
type Options struct {
	// Cache is the folder of built programs; empty is SECANT_CACHE, else
	// "secant" below the user's cache folder.
	Cache string
	// Source is the root of this module; empty means to look for it from the
	// working directory upwards.
	Source string
	// Step is told what is being built and returns what to call when it is done
	// or failed. It is not called for what is there already.
	Step func(what string) (done func(error))
}

// target is a program to build.
type target struct {
	pkg string // import path or folder
	out string // file name
}

// unit is a set of programs that are built and kept together.
type unit struct {
	what    string
	digest  string   // of everything that goes in
	dir     string   // where the go command runs
	files   []file   // written to dir first, when dir is empty
	args    []string // for go build, before the package
	env     []string // added to the environment of go build
	targets []target
}

type file struct {
	name string
	b    []byte
}

// All builds what is missing and returns the programs.
func All(ctx context.Context, o Options) (*Programs, error) {
	if o.Step == nil {
		o.Step = func(string) func(error) { return func(error) {} }
	}
	cache, err := CacheDir(o.Cache)
	if err != nil {
		return nil, err
	}
	toolchain, err := goVersion(ctx)
	if err != nil {
		return nil, err
	}
	fabric := fabricUnit(toolchain)
	node, chaincode, err := ownUnits(o, toolchain)
	if err != nil {
		return nil, err
	}
	dirs := make([]string, 0, 3)
	for _, u := range []unit{fabric, node, chaincode} {
		dir, err := u.ensure(ctx, cache, o.Step)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	in := func(i int, name string) string { return filepath.Join(dirs[i], name) }
	return &Programs{
		Peer: in(0, "peer"), Orderer: in(0, "orderer"), Configtxgen: in(0, "configtxgen"),
		Secant: in(1, "secant"), Chaincode: in(2, "secantcc"), Builder: in(2, "ccbuilder"),
	}, nil
}

// CacheDir is the folder of built programs: asked, else SECANT_CACHE, else one
// below the user's cache folder.
func CacheDir(asked string) (string, error) {
	if asked == "" {
		asked = os.Getenv("SECANT_CACHE")
	}
	if asked == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", &process.Failure{
				What: "finding a folder for built programs", Err: err,
				Do: "set SECANT_CACHE to a folder with 2 GB of room",
			}
		}
		asked = filepath.Join(user, "secant")
	}
	dir, err := filepath.Abs(filepath.Join(asked, "build"))
	if err != nil {
		return "", fmt.Errorf("resolving the cache folder: %w", err)
	}
	return dir, nil
}

// goNeeded is the version that go.mod asks for.
const goNeeded = "1.26"

// goVersion finds the compiler. Its version is part of every digest: another
// compiler makes other programs.
func goVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOOS", "GOARCH", "GOFLAGS", "CGO_ENABLED").CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", &process.Failure{
			What: "looking for the Go compiler", Err: err,
			Do: "install Go " + goNeeded + " or later from https://go.dev/dl/ and put its bin folder on the PATH",
		}
	case err != nil:
		return "", &process.Failure{
			What: "asking the Go compiler for its version", Command: []string{"go", "env", "GOVERSION"},
			Tail: process.LastLines(out, 5), Err: err, Do: "check the installation of Go",
		}
	}
	return string(bytes.TrimSpace(out)), nil
}

// fabricUnit is built in a module of its own, made from the embedded
// requirement files: Fabric's dependencies never meet ours.
func fabricUnit(toolchain string) unit {
	const path = "github.com/hyperledger/fabric/cmd/"
	u := unit{
		what:  "Fabric " + FabricVersion + " (peer, orderer, configtxgen)",
		files: []file{{"go.mod", fabricMod}, {"go.sum", fabricSum}},
		args:  append(slices.Clone(detached), "-mod=readonly", "-ldflags=-s -w"),
		env:   static,
	}
	for _, name := range []string{"peer", "orderer", "configtxgen"} {
		u.targets = append(u.targets, target{path + name, name})
	}
	u.digest = "fabric-" + key(toolchain, u.args, string(fabricMod), string(fabricSum))
	return u
}

// ensure returns the folder that holds the unit's programs, after building them
// when it is not there.
func (u unit) ensure(ctx context.Context, cache string, step func(string) func(error)) (string, error) {
	dir := filepath.Join(cache, u.digest)
	if _, err := os.Stat(dir); err == nil {
		now := time.Now()
		_ = os.Chtimes(dir, now, now) // only says which are in use when old ones go
		return dir, nil
	}
	unlock, err := u.turn(ctx, cache, step)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // somebody else built it meanwhile
	}
	done := step("building " + u.what)
	err = u.build(ctx, cache, dir)
	done(err)
	if err == nil {
		prune(cache, dir)
	}
	return dir, err
}

// turn waits until no other process builds into the cache.
func (u unit) turn(ctx context.Context, cache string, step func(string) func(error)) (func(), error) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	var done func(error)
	for {
		unlock, err := disk.Lock(filepath.Join(cache, "lock"), "building "+u.what)
		var held *disk.Held
		if !errors.As(err, &held) {
			if done != nil {
				done(err)
			}
			if err != nil {
				return nil, &process.Failure{
					What: "using the cache folder " + cache, Err: err,
					Do: "set SECANT_CACHE to a folder of yours with 2 GB of room",
				}
			}
			return unlock, nil
		}
		if done == nil {
			done = step("waiting for another build: " + held.Error())
		}
		select {
		case <-ctx.Done():
			done(ctx.Err())
			return nil, fmt.Errorf("waiting for another build: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}

// build makes the programs beside their place and moves them there at once.
func (u unit) build(ctx context.Context, cache, dir string) error {
	tmp, err := os.MkdirTemp(cache, ".new-")
	if err != nil {
		return fmt.Errorf("making a build folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	at := u.dir
	if at == "" {
		if at, err = os.MkdirTemp(cache, ".src-"); err != nil {
			return fmt.Errorf("making a build folder: %w", err)
		}
		defer os.RemoveAll(at)
		for _, f := range u.files {
			if err := os.WriteFile(filepath.Join(at, f.name), f.b, 0o600); err != nil {
				return fmt.Errorf("writing a build file: %w", err)
			}
		}
	}
	// Programs of one folder are built by one command, so that it can share work.
	args := append([]string{"build", "-buildvcs=false"}, u.args...)
	args = append(args, "-o", tmp+string(filepath.Separator))
	for _, t := range u.targets {
		args = append(args, t.pkg)
	}
	if err := run(ctx, u.what, at, args, u.env); err != nil {
		return err
	}
	for _, t := range u.targets {
		if err := noteDigest(filepath.Join(tmp, t.out)); err != nil {
			return fmt.Errorf("building %s: %w", u.what, err)
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil { //nolint:gosec // programs, no secrets
		return fmt.Errorf("opening the build folder: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("moving built programs to their place: %w", err)
	}
	return nil
}

func noteDigest(program string) error {
	f, err := os.Open(program) //nolint:gosec // just built
	if err != nil {
		return fmt.Errorf("the compiler left no program: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("reading a built program: %w", err)
	}
	if err := os.WriteFile(program+digestSuffix, []byte(hex.EncodeToString(h.Sum(nil))), 0o644); err != nil { //nolint:gosec // no secret
		return fmt.Errorf("noting a program's digest: %w", err)
	}
	return nil
}

// How programs are built that must not depend on the machine: nothing of its
// paths in them, and CGO off, so that they need nothing but the kernel and their
// build no C compiler.
var (
	detached = []string{"-trimpath"}
	static   = []string{"CGO_ENABLED=0"}
)

// run runs the go command.
func run(ctx context.Context, what, dir string, args, env []string) error {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are ours
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), env...)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &process.Failure{
		What: "building " + what, Command: append([]string{"go"}, args...),
		Tail: process.LastLines(out, 15), Err: err, Do: advice(string(out), dir),
	}
}

// prune removes what was built long ago, but keeps the newest few of each kind:
// switching between two versions of the source must not build each time.
func prune(cache, keep string) {
	const few = 5
	kind, _, _ := strings.Cut(filepath.Base(keep), "-")
	entries, err := os.ReadDir(cache)
	if err != nil {
		return
	}
	type old struct {
		path string
		used time.Time
	}
	var olds []old
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue
		}
		path := filepath.Join(cache, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), ".") && time.Since(info.ModTime()) > time.Hour:
			_ = os.RemoveAll(path) // a build that was killed
		case strings.HasPrefix(e.Name(), kind+"-") && path != keep:
			olds = append(olds, old{path, info.ModTime()})
		}
	}
	slices.SortFunc(olds, func(a, b old) int { return b.used.Compare(a.used) })
	for i, o := range olds {
		if i >= few-1 {
			_ = os.RemoveAll(o.path) // a running program keeps its file
		}
	}
}

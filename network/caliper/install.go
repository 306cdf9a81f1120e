package main

import (
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
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/network/build"
	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/process"
)

// The lock file takes the place of `caliper bind`, which fetches whatever
// satisfies its own list that day, of releases with known faults.
var (
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	packageLock []byte
)

// nodeNeeded is the oldest major version of Node that the connector supports.
const nodeNeeded = 20

// errNoNode means that there is no Node here that could run Caliper, or that npm
// could not fetch it.
var errNoNode = errors.New("no Caliper without Node and npm")

// tool is an installed Caliper.
type tool struct {
	node    string // the program
	caliper string // Caliper's entry
	dir     string // holds its modules
}

// ready finds Node and installs Caliper into the cache folder, once.
func ready(ctx context.Context, out io.Writer) (tool, error) {
	node, err := findNode(ctx)
	if err != nil {
		return tool{}, err
	}
	cache, err := build.CacheDir("")
	if err != nil {
		return tool{}, fmt.Errorf("finding the cache folder: %w", err)
	}
	sum := sha256.Sum256(append(append([]byte{}, packageJSON...), packageLock...))
	dir := filepath.Join(cache, "caliper-"+hex.EncodeToString(sum[:8]))
	t := tool{node: node, dir: dir, caliper: filepath.Join(dir, "node_modules", "@hyperledger", "caliper-cli", "caliper.js")}
	if _, err := os.Stat(t.caliper); err == nil {
		return t, nil
	}
	fmt.Fprintln(out, "fetching Caliper with npm, once (130 MB, in the cache folder)")
	return t, install(ctx, cache, dir)
}

// findNode finds a Node that is new enough.
func findNode(ctx context.Context) (string, error) {
	const do = "install Node 20 or later (https://nodejs.org) and put node and npm on the PATH"
	path, err := exec.LookPath("node")
	if err != nil {
		return "", &process.Failure{What: "looking for Node", Err: fmt.Errorf("%w: %w", errNoNode, err), Do: do}
	}
	b, err := exec.CommandContext(ctx, path, "--version").Output() //nolint:gosec // the Node on the PATH
	if err != nil {
		return "", &process.Failure{What: "asking Node for its version", Err: fmt.Errorf("%w: %w", errNoNode, err), Do: do}
	}
	if v := strings.TrimSpace(string(b)); major(v) < nodeNeeded {
		return "", &process.Failure{What: "looking for Node", Err: fmt.Errorf("%w: Node is %s", errNoNode, v), Do: do}
	}
	return path, nil
}

// major is the first number of a version like "v20.11.1"; zero when it has none.
func major(version string) int {
	first, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}

// install fetches Caliper beside its place and moves it there at once: a run
// that is killed leaves nothing half-made.
func install(ctx context.Context, cache, dir string) error {
	const do = "see whether npm reaches its registry, then run the command again"
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // programs, no secrets
		return fmt.Errorf("making the cache folder: %w", err)
	}
	tmp, err := os.MkdirTemp(cache, ".new-")
	if err != nil {
		return fmt.Errorf("making a folder for Caliper: %w", err)
	}
	defer os.RemoveAll(tmp)
	for name, b := range map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock} {
		if err := disk.WriteFile(filepath.Join(tmp, name), b, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	// No scripts: nothing that is fetched runs before Caliper itself does.
	args := []string{"ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "npm", args...)
	c.Dir = tmp
	if b, err := c.CombinedOutput(); err != nil {
		return &process.Failure{
			What: "fetching Caliper", Command: append([]string{"npm"}, args...), Tail: process.LastLines(b, 12),
			Err: fmt.Errorf("%w: %w", errNoNode, err), Do: do,
		}
	}
	err = os.Rename(tmp, dir)
	if _, there := os.Stat(filepath.Join(dir, "node_modules")); err != nil && there != nil {
		return fmt.Errorf("moving Caliper to its place: %w", err) // not there by another run either
	}
	return nil
}

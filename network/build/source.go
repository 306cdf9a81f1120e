package build

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secant-platform/secant/network/process"
)

// ownUnits are this module's programs, under a digest of its source: the node,
// and the chaincode with its builder.
func ownUnits(o Options, toolchain string) (node, chaincode unit, err error) {
	root, err := findSource(o.Source)
	if err != nil {
		return unit{}, unit{}, err
	}
	sum, err := digestSource(root)
	if err != nil {
		return unit{}, unit{}, fmt.Errorf("reading the source in %s: %w", root, err)
	}
	node = unit{
		what: "the node", dir: root,
		// No flags that reach the compiler: "go run" has compiled every package
		// this way a moment ago, and only linking is left.
		args:    []string{"-ldflags=-s -w"},
		targets: []target{{module, "secant"}},
	}
	chaincode = unit{
		what: "the chaincode and its builder", dir: root,
		// The chaincode's digest is its package id, the same for all who build
		// it: nothing of the build's place or time may be in it.
		args: append(slices.Clone(detached), "-ldflags=-s -w -buildid="), env: static,
		targets: []target{
			{module + "/chaincode/cmd/secantcc", "secantcc"},
			{module + "/network/ccbuilder", "ccbuilder"},
		},
	}
	node.digest = "node-" + key(toolchain, node.args, sum)
	chaincode.digest = "chaincode-" + key(toolchain, chaincode.args, sum)
	return node, chaincode, nil
}

// key is a short digest of all that goes into a unit.
func key(toolchain string, args []string, source ...string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n%q\n", toolchain, args, source)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// ErrNoSource means that the source of this module is not where it was looked
// for.
var ErrNoSource = errors.New("no go.mod of that module")

// findSource returns the root of this module.
func findSource(asked string) (string, error) {
	start := asked
	if start == "" {
		wd, err := os.Getwd()
		if err != nil {
			return "", fmt.Errorf("asking for the working directory: %w", err)
		}
		start = wd
	}
	start, err := filepath.Abs(start)
	if err != nil {
		return "", fmt.Errorf("resolving the source folder: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if isModule(dir) {
			return dir, nil
		}
		if asked != "" || dir == filepath.Dir(dir) {
			return "", &process.Failure{
				What: "looking for the source of " + module + " in " + start,
				Err:  ErrNoSource,
				Do:   "run the command inside a clone of the repository",
			}
		}
	}
}

func isModule(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "go.mod")) //nolint:gosec // the user's own source folder
	if err != nil {
		return false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "module "); ok {
			return strings.TrimSpace(name) == module
		}
	}
	return false
}

// largeFile is the size in bytes from which a file counts by its size and time
// only: it is data that somebody put into the clone, and not to be read each time.
const largeFile = 32 << 20

// digestSource digests every file that can reach a program: not tests, not
// documents, not hidden folders. Files that are embedded may have any name.
func digestSource(root string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".md") || strings.HasPrefix(name, ".") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return fmt.Errorf("naming a source file: %w", err)
		}
		info, err := d.Info()
		if err == nil && info.Size() > largeFile {
			fmt.Fprintf(h, "%s %d %d\n", filepath.ToSlash(rel), info.Size(), info.ModTime().UnixNano())
			return nil
		}
		f, err := os.Open(path) //nolint:gosec // below the source folder
		if errors.Is(err, fs.ErrNotExist) {
			return nil // an editor's temporary file
		}
		if err != nil {
			return fmt.Errorf("opening a source file: %w", err)
		}
		defer f.Close()
		fh := sha256.New()
		if _, err := io.Copy(fh, f); err != nil {
			return fmt.Errorf("reading %s: %w", rel, err)
		}
		fmt.Fprintf(h, "%s %x\n", filepath.ToSlash(rel), fh.Sum(nil))
		return nil
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

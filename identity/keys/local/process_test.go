package local_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys/local"
)

// These variables make the test program another process on a store.
const (
	childDir  = "SECANT_TEST_KEY_FOLDER"
	childTask = "SECANT_TEST_KEY_TASK"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childTask)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child opens the store and makes its first keys, or rotates one until it is
// killed.
func child(dir, task string) error {
	s, err := local.Open(dir, secret)
	if err != nil {
		return err
	}
	key, err := s.Signer("issuer", verify.AlgES256)
	if err != nil {
		return err
	}
	lasting, err := s.Lasting("issuer")
	if err != nil {
		return err
	}
	fmt.Println(key.JWK().Thumbprint() + lasting.JWK().Thumbprint())
	for range 10000 {
		if task != "rotate" {
			return nil
		}
		if key, err = s.Rotate("issuer", verify.AlgES256); err != nil {
			return err
		}
		fmt.Println(key.ID() + " " + key.JWK().Thumbprint())
	}
	return nil
}

func command(t *testing.T, dir, task string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program)
	c.Env = append(os.Environ(), childDir+"="+dir, childTask+"="+task)
	return c
}

func TestProcessesThatOpenAtOnceShareTheirKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const processes = 4
	said := make([]string, processes)
	var all sync.WaitGroup
	for i := range said {
		all.Go(func() {
			out, err := command(t, dir, "").CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			said[i] = string(out)
		})
	}
	all.Wait()
	if slices.Sort(said); len(slices.Compact(said)) != 1 {
		t.Errorf("they have keys of their own: %v", said)
	}
}

// TestAKilledProcessLeavesWholeKeys: a process that is killed while it makes keys
// leaves each that it spoke of, and no other file that counts.
func TestAKilledProcessLeavesWholeKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 3 {
		c := command(t, dir, "rotate")
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		spoken := map[string]bool{}
		for range 3 + 2*round {
			if lines.Scan() {
				spoken[lines.Text()] = true
			}
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what was under way
			spoken[lines.Text()] = true
		}
		_ = c.Wait() // it was killed

		s := open(t, dir)
		list, err := s.Generations("issuer")
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, generation := range list {
			key, err := s.At("issuer", generation)
			if err != nil {
				t.Errorf("generation %d: %v", generation, err)
				continue
			}
			found[key.ID()+" "+key.JWK().Thumbprint()] = true
		}
		for line := range spoken {
			if !found[line] && len(line) < 80 { // the first line names two keys
				t.Errorf("lost: %s", line)
			}
		}
		if len(spoken) < 3 {
			t.Errorf("it spoke of %d keys", len(spoken))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) > 3 {
		t.Errorf("%d files left behind by 3 processes", len(left))
	}
}

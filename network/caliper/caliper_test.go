package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/secant-platform/secant/network/topology"
)

// printed is what Caliper 0.6.0 prints at the end of a run.
const printed = `2026.01.01-10:00:00.000 info  [caliper] [default-observer] 	[threat.Share Round 0 Transaction Info] - Submitted: 5 Succ: 4 Fail:1 Unfinished:0
| Name         | Succ | Fail | Send Rate (TPS) | Max Latency (s) | Min Latency (s) | Avg Latency (s) | Throughput (TPS) |
| threat.Share | 1    | 0    | 1               | 1               | 1               | 1               | 1                |
2026.01.01-10:00:01.000 info  [caliper] [report-builder] 	### All test results ###
2026.01.01-10:00:01.000 info  [caliper] [report-builder] 	
+--------------+------+------+-----------------+-----------------+-----------------+-----------------+------------------+
| Name         | Succ | Fail | Send Rate (TPS) | Max Latency (s) | Min Latency (s) | Avg Latency (s) | Throughput (TPS) |
|--------------|------|------|-----------------|-----------------|-----------------|-----------------|------------------|
| threat.Share | 198  | 2    | 38.4            | 0.72            | 0.20            | 0.33            | 37.4             |
|--------------|------|------|-----------------|-----------------|-----------------|-----------------|------------------|
| identity.Get | 2261 | 0    | 461.1           | 0.05            | 0.00            | 0.01            | -                |
+--------------+------+------+-----------------+-----------------+-----------------+-----------------+------------------+

2026.01.01-10:00:02.000 info  [caliper] [report-builder] 	Generated report with path report.html
`

func TestResultsAreThoseOfTheLastTable(t *testing.T) {
	t.Parallel()
	table, got, err := results(printed)
	if err != nil {
		t.Fatal(err)
	}
	want := []round{{"threat.Share", 198, 2}, {"identity.Get", 2261, 0}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if strings.Count(table, "\n") != 7 || strings.Contains(table, "info") {
		t.Errorf("not the table alone:\n%s", table)
	}
	for _, log := range []string{"", "### All test results ###\n", strings.Split(printed, "###")[0]} {
		if _, _, err := results(log); !errors.Is(err, errNoResult) {
			t.Errorf("a log without a result: %v", err)
		}
	}
}

func TestRelayPassesOnRoundsAndFewErrors(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := &relay{out: &out}
	for range 3 * mostErrors {
		_, _ = io.WriteString(r, "10:00 error [caliper] no\n10:00 info other\n")
	}
	_, _ = io.WriteString(r, "10:00 info Started rou")
	_, _ = io.WriteString(r, "nd 1\n")
	if n := strings.Count(out.String(), "\n"); n != mostErrors+1 || !strings.Contains(out.String(), "Started round 1\n") {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
	if strings.Count(r.tail(), "\n") != 19 {
		t.Errorf("the tail has %d lines", 1+strings.Count(r.tail(), "\n"))
	}
}

func TestMajorVersionOfNode(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{"v20.11.1": 20, "v18.0.0": 18, "v8": 8, "": 0, "node": 0} {
		if got := major(version); got != want {
			t.Errorf("%q: %d, want %d", version, got, want)
		}
	}
}

func TestNodeThatIsMissingOrTooOldIsSaid(t *testing.T) {
	for name, script := range map[string]string{"missing": "", "too old": "#!/bin/sh\necho v18.20.0\n", "broken": "#!/bin/sh\nexit 1\n"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if script != "" {
				if err := os.WriteFile(filepath.Join(dir, "node"), []byte(script), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", dir)
			_, err := ready(t.Context(), io.Discard)
			if !errors.Is(err, errNoNode) || !strings.Contains(err.Error(), "install Node 20 or later") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestEverythingRenderedNamesWhatIsThere renders a run and follows its references.
func TestEverythingRenderedNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	n, err := topology.New(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o, err := parse([]string{"--dir", n.Dir, "--concurrency", "7", "--duration", "3s"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(dir, n, o); err != nil {
		t.Fatal(err)
	}
	var network struct {
		Organizations []struct {
			MSPID             string
			ConnectionProfile struct{ Path string }
			Identities        struct{ Certificates []struct{ Name string } }
		}
	}
	decode(t, filepath.Join(dir, networkFile), &network)
	roles := map[string]map[string]bool{}
	for _, org := range network.Organizations {
		roles[org.MSPID] = map[string]bool{}
		for _, c := range org.Identities.Certificates {
			if roles[org.MSPID][c.Name] {
				t.Errorf("%s has two identities %s", org.MSPID, c.Name)
			}
			roles[org.MSPID][c.Name] = true
		}
		var profile struct {
			Peers map[string]struct{ GRPCOptions map[string]string }
		}
		decode(t, filepath.Join(dir, org.ConnectionProfile.Path), &profile)
		for name, p := range profile.Peers {
			if p.GRPCOptions["ssl-target-name-override"] != topology.Host {
				t.Errorf("%s: its certificate's name is not given", name)
			}
		}
	}
	var benchmark struct {
		Test struct {
			Rounds []struct {
				TxDuration int
				Workload   struct {
					Module    string
					Arguments struct {
						Role    string
						Callers []string
					}
				}
			}
		}
	}
	decode(t, filepath.Join(dir, benchmarkFile), &benchmark)
	if len(benchmark.Test.Rounds) == 0 {
		t.Fatal("no round")
	}
	for _, r := range benchmark.Test.Rounds {
		if _, err := os.Stat(filepath.Join(dir, r.Workload.Module)); err != nil {
			t.Error(err)
		}
		if r.TxDuration != 3 || len(r.Workload.Arguments.Callers) == 0 {
			t.Errorf("%+v", r)
		}
		for _, org := range r.Workload.Arguments.Callers {
			if !roles[org][r.Workload.Arguments.Role] {
				t.Errorf("%s: %s has no identity %s", r.Workload.Module, org, r.Workload.Arguments.Role)
			}
		}
	}
}

func decode(t *testing.T, path string, out any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestVersionsAreExact keeps a range out of package.json: a run of next year must
// measure with what this one did.
func TestVersionsAreExact(t *testing.T) {
	t.Parallel()
	var p struct{ Dependencies map[string]string }
	if err := json.Unmarshal(packageJSON, &p); err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct {
			Version, Integrity string
			Optional           bool
		}
	}
	if err := json.Unmarshal(packageLock, &lock); err != nil {
		t.Fatal(err)
	}
	exact := regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	for name, version := range p.Dependencies {
		if !exact.MatchString(version) || lock.Packages["node_modules/"+name].Version != version {
			t.Errorf("%s: %s, locked to %s", name, version, lock.Packages["node_modules/"+name].Version)
		}
	}
	for name, locked := range lock.Packages {
		if name != "" && locked.Integrity == "" {
			t.Errorf("%s has no digest in the lock file", name)
		}
	}
}

func TestBadFlagsAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--concurrency", "0"},
		{"--workers", "0"},
		{"--workers", "9", "--concurrency", "8"},
		{"--duration", "10ms"},
		{"more"},
		{"--colour", "red"},
		{"--dir", ""},
	} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
	if err := run(context.Background(), []string{"--dir", t.TempDir()}, io.Discard); !errors.Is(err, topology.ErrNoNetwork) {
		t.Errorf("a directory without a network: %v", err)
	}
	if err := run(context.Background(), []string{"--help"}, io.Discard); err != nil {
		t.Errorf("help: %v", err)
	}
}

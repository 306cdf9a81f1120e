// Command caliper drives the chaincode of a running network with Hyperledger
// Caliper, a load generator that knows nothing of this project, and prints
// Caliper's report:
//
//	go run ./network/caliper --dir DIR
//
// The workload stands beside this file; the connection profiles, the identities
// and the benchmark are rendered from the state directory. Caliper itself is
// fetched by npm, once, in the exact versions of package-lock.json, into the
// cache folder. It needs Node 20 or later.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/secant-platform/secant/network/topology"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // this is main
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "caliper: %v\n", err)
		os.Exit(1) //nolint:forbidigo,gocritic // this is main; stop only undoes the signal handler
	}
}

// options say how hard and how long to drive the network.
type options struct {
	dir         string
	concurrency int           // transactions under way at a time, over all workers
	workers     int           // processes that send
	duration    time.Duration // of each round
	html        string        // where Caliper's own page is kept; empty: nowhere
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("caliper", flag.ContinueOnError)
	f.SetOutput(out)
	def := os.Getenv("SECANT_DIR")
	if def == "" {
		def, _ = topology.DefaultDir() // without a home --dir must say
	}
	f.StringVar(&o.dir, "dir", def, "where the running network lives (SECANT_DIR)")
	f.IntVar(&o.concurrency, "concurrency", 50, "transactions under way at a time")
	f.IntVar(&o.workers, "workers", 2, "processes that send")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "of each round, in whole seconds")
	f.StringVar(&o.html, "html", "", "keep Caliper's report page in this file, too")
	if err := f.Parse(args); err != nil {
		return o, fmt.Errorf("reading the flags: %w", err)
	}
	switch {
	case o.dir == "":
		return o, errors.New("say with --dir where the network lives")
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is not understood", f.Arg(0))
	case o.workers < 1 || o.concurrency < o.workers:
		return o, errors.New("there must be a worker, and a transaction under way for each")
	case o.duration < time.Second:
		return o, errors.New("a round must last a second at least")
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	n, err := topology.Load(o.dir)
	if err != nil {
		return fmt.Errorf("loading the network: %w", err)
	}
	tool, err := ready(ctx, out)
	if err != nil {
		return err
	}
	// Below the folder that holds Caliper, so that the workload finds its modules.
	dir, err := os.MkdirTemp(tool.dir, "run-")
	if err != nil {
		return fmt.Errorf("making a folder for the run: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := write(dir, n, o); err != nil {
		return err
	}
	table, rounds, err := tool.launch(ctx, dir, out)
	if err != nil {
		return err
	}
	if o.html != "" {
		if err := keep(o.html, filepath.Join(dir, reportFile)); err != nil {
			return err
		}
	}
	fmt.Fprint(out, table)
	for _, r := range rounds {
		if r.failed > 0 || r.succeeded == 0 {
			return fmt.Errorf("%s: %d succeeded, %d failed", r.name, r.succeeded, r.failed)
		}
	}
	return nil
}

func keep(to, from string) error {
	b, err := os.ReadFile(from) //nolint:gosec // a file of our own run
	if err != nil {
		return fmt.Errorf("reading Caliper's report page: %w", err)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil { //nolint:gosec // a report for people
		return fmt.Errorf("keeping Caliper's report page: %w", err)
	}
	return nil
}

// launch runs Caliper on what was written to dir and returns what it reports.
func (t tool) launch(ctx context.Context, dir string, out io.Writer) (table string, rounds []round, err error) {
	c := exec.CommandContext(ctx, t.node, t.caliper, "launch", "manager", //nolint:gosec // a program that we installed
		"--caliper-workspace", dir, "--caliper-networkconfig", networkFile, "--caliper-benchconfig", benchmarkFile,
		"--caliper-report-path", reportFile, "--caliper-flow-only-test",
		"--caliper-logging-formats-colorize=false", "--caliper-progress-reporting-interval", strconv.Itoa(5000))
	c.Dir = dir
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // it ends its workers
	c.WaitDelay = 10 * time.Second
	log := &relay{out: out}
	c.Stdout, c.Stderr = log, log
	err = c.Run()
	if ctx.Err() != nil {
		return "", nil, context.Cause(ctx)
	}
	if err != nil {
		return "", nil, fmt.Errorf("running Caliper: %w\n%s", err, log.tail())
	}
	return results(log.all.String())
}

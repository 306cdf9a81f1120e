// Command cost measures what settings of the network cost: transactions a second
// and processor time a transaction, by kind of process.
//
//	go run ./network/cost                          every variant, three rounds
//	go run ./network/cost -only base,interval-50ms -rounds 5
//
// Each variant is a network of its own, in a temporary folder, of which one runs
// at a time. Before and after each variant the settings as they are have their
// turn, within the same minute: on a machine that does other things, too, only
// the ratio of neighbours means something.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/secant-platform/secant/network/launch"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // this is main
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "cost: %v\n", err)
		os.Exit(1) //nolint:forbidigo,gocritic // this is main; stop only undoes the signal handler
	}
}

// options say what is measured and how long.
type options struct {
	variants      []variant
	rounds        int
	concurrencies []int
	warm, measure time.Duration
	port          int
	dir           string
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	var only, concurrencies string
	f := flag.NewFlagSet("cost", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&only, "only", "", "these variants instead of all, separated by commas; base is always among them")
	f.StringVar(&concurrencies, "concurrency", "100", "transactions under way at a time; several, separated by commas")
	f.IntVar(&o.rounds, "rounds", 3, "how often each variant is measured")
	f.DurationVar(&o.warm, "warm", 3*time.Second, "load before each measurement")
	f.DurationVar(&o.measure, "measure", 8*time.Second, "each measurement")
	f.IntVar(&o.port, "port", 21500, "first of the 100 ports that the networks use")
	f.StringVar(&o.dir, "dir", os.TempDir(), "where a folder for the networks is made")
	if err := f.Parse(args); err != nil {
		return o, fmt.Errorf("reading the flags: %w", err)
	}
	for c := range strings.SplitSeq(concurrencies, ",") {
		n, err := strconv.Atoi(c)
		if err != nil || n < 1 {
			return o, fmt.Errorf("%q is no number of transactions under way", c)
		}
		o.concurrencies = append(o.concurrencies, n)
	}
	if f.NArg() > 0 || o.rounds < 1 || o.measure < time.Second {
		return o, errors.New("there must be a round, and a second to measure in each")
	}
	var err error
	o.variants, err = choose(only)
	return o, err
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp(o.dir, "secant-cost-"); err != nil {
		return fmt.Errorf("making a folder for the networks: %w", err)
	}
	defer os.RemoveAll(o.dir)
	var all []sample
	for at, v := range turns(o) {
		got, err := turn(ctx, o, v, at)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", v.name, err)
		}
		for _, s := range got {
			fmt.Fprintln(out, s)
		}
		all = append(all, got...)
	}
	fmt.Fprint(out, summary(o, all))
	return nil
}

// turns is the order of measuring: base before, between and after the others.
func turns(o options) []variant {
	i := slices.IndexFunc(o.variants, func(v variant) bool { return v.name == base })
	out := []variant{o.variants[i]}
	for range o.rounds {
		for _, v := range o.variants {
			if v.name != base {
				out = append(out, v, o.variants[i])
			}
		}
	}
	return out
}

// turn starts a variant's network, measures it and stops it.
func turn(ctx context.Context, o options, v variant, at int) (out []sample, err error) {
	dir := filepath.Join(o.dir, v.name)
	tuning := v.tuning
	_, statErr := os.Stat(dir)
	begin := time.Now()
	if _, err := launch.Up(ctx, launch.Options{Dir: dir, Port: o.port, NoNodes: true, Tuning: &tuning}); err != nil {
		return nil, fmt.Errorf("starting: %w", err)
	}
	took := time.Since(begin)
	if statErr != nil {
		took = 0 // the first start makes everything: not comparable
	}
	defer func() {
		// Also when ctx has ended: nothing may stay behind.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, launch.Down(clean, dir, io.Discard))
	}()
	if v.endorsers > 0 {
		if err := endorseBy(ctx, dir, v.endorsers); err != nil {
			return nil, err
		}
	}
	m, err := newMeter(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer m.close()
	idle, err := m.idle(ctx, o.warm)
	if err != nil {
		return nil, err
	}
	for _, c := range o.concurrencies {
		s, err := m.measure(ctx, c, o.warm, o.measure)
		if err != nil {
			return nil, err
		}
		s.variant, s.at, s.idle, s.start = v.name, at, idle, took
		out = append(out, s)
	}
	return out, nil
}

// choose returns the variants that were asked for, with base first.
func choose(only string) ([]variant, error) {
	if only == "" {
		return variants, nil
	}
	names := strings.Split(only, ",")
	for _, name := range names {
		if !slices.ContainsFunc(variants, func(v variant) bool { return v.name == name }) {
			return nil, fmt.Errorf("there is no variant %q", name)
		}
	}
	var out []variant
	for _, v := range variants {
		if v.name == base || slices.Contains(names, v.name) {
			out = append(out, v)
		}
	}
	return out, nil
}

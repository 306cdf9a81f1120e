package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sample is one measurement.
type sample struct {
	variant     string
	at          int // place in the order of measuring
	concurrency int
	tps         float64            // transactions committed a second
	p50, p95    time.Duration      // from proposal to commit
	failed      int                // or of unknown outcome
	cpu         map[string]float64 // milliseconds a transaction, by kind
	memory      int                // bytes of the whole network under load
	idle        float64            // milliseconds a second of the whole network without load
	start       time.Duration      // of a network that was up before; zero when it was not
}

// kinds whose processor time makes up a transaction's cost. The client's is
// shown beside it: it competes for the same cores here, and nowhere else.
var kinds = []string{"orderer", "peer", "chaincode"}

// total is the network's processor time a transaction, in milliseconds.
func (s sample) total() float64 {
	var sum float64
	for _, k := range kinds {
		sum += s.cpu[k]
	}
	return sum
}

// String is one line for the log.
func (s sample) String() string {
	return fmt.Sprintf("%-22s turn %3d, %3d at a time: %6.1f tx/s, p50 %4d ms, p95 %4d ms, %5.1f CPU-ms a tx (orderers %.1f, peers %.1f, chaincode %.1f; client %.1f), %d MB, idle %.0f ms/s, started in %.1f s, %d failed",
		s.variant, s.at+1, s.concurrency, s.tps, s.p50.Milliseconds(), s.p95.Milliseconds(), s.total(),
		s.cpu["orderer"], s.cpu["peer"], s.cpu["chaincode"], s.cpu["client"], s.memory>>20, s.idle, s.start.Seconds(), s.failed)
}

// summary renders medians, and the medians of the ratios to base right before and
// after.
func summary(o options, all []sample) string {
	var b strings.Builder
	for _, c := range o.concurrencies {
		fmt.Fprintf(&b, "\n%d at a time, median of %d; ratios to base right before and after\n", c, o.rounds)
		fmt.Fprintf(&b, "%-22s %8s %7s %8s %8s %8s %7s %9s %8s %7s %8s %7s %7s\n", "VARIANT", "tx/s", "ratio", "p50 ms", "p95 ms",
			"CPU-ms", "ratio", "orderers", "peers", "cc", "idle/s", "MB", "start s")
		for _, v := range o.variants {
			mine := of(all, v.name, c)
			if len(mine) == 0 {
				continue
			}
			against := of(all, base, c)
			get := func(f func(sample) float64) float64 { return median(mine, f) }
			fmt.Fprintf(&b, "%-22s %8.1f %7.2f %8.0f %8.0f %8.1f %7.2f %9.1f %8.1f %7.1f %8.0f %7.0f %7.1f\n", v.name,
				get(func(s sample) float64 { return s.tps }), ratio(mine, against, func(s sample) float64 { return s.tps }),
				get(func(s sample) float64 { return float64(s.p50.Milliseconds()) }),
				get(func(s sample) float64 { return float64(s.p95.Milliseconds()) }),
				get(sample.total), ratio(mine, against, sample.total),
				get(func(s sample) float64 { return s.cpu["orderer"] }),
				get(func(s sample) float64 { return s.cpu["peer"] }),
				get(func(s sample) float64 { return s.cpu["chaincode"] }),
				get(func(s sample) float64 { return s.idle }),
				get(func(s sample) float64 { return float64(s.memory >> 20) }),
				median(restarts(mine), func(s sample) float64 { return s.start.Seconds() }))
		}
	}
	return b.String()
}

func of(all []sample, variant string, concurrency int) []sample {
	var out []sample
	for _, s := range all {
		if s.variant == variant && s.concurrency == concurrency {
			out = append(out, s)
		}
	}
	return out
}

// restarts are the samples of networks that were up before.
func restarts(all []sample) []sample {
	return slices.DeleteFunc(slices.Clone(all), func(s sample) bool { return s.start == 0 })
}

func median(all []sample, f func(sample) float64) float64 {
	values := make([]float64, 0, len(all))
	for _, s := range all {
		values = append(values, f(s))
	}
	return middle(values)
}

func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// ratio is the median of the ratios of samples to the mean of their neighbours
// among against; base against itself is 1.
func ratio(mine, against []sample, f func(sample) float64) float64 {
	var values []float64
	for _, a := range mine {
		sum, neighbours := 0.0, 0
		for _, b := range against {
			if d := a.at - b.at; d >= -1 && d <= 1 && f(b) > 0 {
				sum, neighbours = sum+f(b), neighbours+1
			}
		}
		if neighbours > 0 {
			values = append(values, f(a)*float64(neighbours)/sum)
		}
	}
	return middle(values)
}

// ownCPU is what this process has used so far.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// readPEM reads a file and decodes it.
func readPEM[T any](path string, decode func([]byte) (T, error)) (T, error) {
	var none T
	b, err := os.ReadFile(path) //nolint:gosec // a path of our own layout
	if err != nil {
		return none, fmt.Errorf("reading an identity: %w", err)
	}
	v, err := decode(b)
	if err != nil {
		return none, fmt.Errorf("reading %s: %w", path, err)
	}
	return v, nil
}

package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRatiosCompareWithNeighbours(t *testing.T) {
	t.Parallel()
	// The machine is half as fast at the end: the ratios know it not.
	all := []sample{
		{variant: base, at: 0, concurrency: 100, tps: 100, p50: 2 * time.Second, cpu: map[string]float64{"peer": 10, "orderer": 5, "client": 9}},
		{variant: "x", at: 1, concurrency: 100, tps: 150, cpu: map[string]float64{"peer": 7.5, "orderer": 3.75}},
		{variant: base, at: 2, concurrency: 100, tps: 50, cpu: map[string]float64{"peer": 20, "orderer": 10}},
		{variant: base, at: 7, concurrency: 100, tps: 50, cpu: map[string]float64{"peer": 20, "orderer": 10}},
		{variant: "x", at: 8, concurrency: 100, tps: 100, cpu: map[string]float64{"peer": 10, "orderer": 5}},
	}
	mine, against := of(all, "x", 100), of(all, base, 100)
	if got := ratio(mine, against, func(s sample) float64 { return s.tps }); got != 2 {
		t.Errorf("throughput ratio %v, want 2", got)
	}
	if got := ratio(mine, against, sample.total); got != 0.5 {
		t.Errorf("cost ratio %v, want 0.5", got)
	}
	if got := all[0].total(); got != 15 {
		t.Errorf("the client's own time counts: %v", got)
	}
	if len(of(all, "x", 50)) != 0 {
		t.Error("another concurrency counts")
	}
	table := summary(options{rounds: 2, concurrencies: []int{100}, variants: []variant{{name: base}, {name: "x"}, {name: "unmeasured"}}}, all)
	if strings.Count(table, "\n") != 5 || !strings.Contains(table, "2.00") {
		t.Errorf("%s", table)
	}
}

func TestMiddle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{9, 1, 2}, 2}} {
		if got := middle(tt.values); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.values, got, tt.want)
		}
	}
}

func TestVariantsAreChosenWithBase(t *testing.T) {
	t.Parallel()
	got, err := choose("interval-50ms")
	if err != nil || len(got) != 2 || got[0].name != base || got[1].name != "interval-50ms" {
		t.Errorf("%+v, %v", got, err)
	}
	var order []string
	for _, v := range turns(options{rounds: 2, variants: got}) {
		order = append(order, v.name)
	}
	if want := []string{base, "interval-50ms", base, "interval-50ms", base}; !slices.Equal(order, want) {
		t.Errorf("measured in the order %v", order)
	}
	if _, err := choose("interval-50ms,no-such"); err == nil {
		t.Error("chose a variant that does not exist")
	}
	seen := map[string]bool{}
	for _, v := range variants {
		if seen[v.name] {
			t.Errorf("two variants are called %s", v.name)
		}
		seen[v.name] = true
		for _, env := range slices.Concat(v.tuning.Peer, v.tuning.Orderer) {
			key, value, ok := strings.Cut(env, "=")
			if !ok || value == "" || key != strings.ToUpper(key) {
				t.Errorf("%s: %q is no setting", v.name, env)
			}
		}
	}
}

func TestBadFlagsAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-rounds", "0"}, {"-concurrency", "1,x"}, {"-only", "no-such"}, {"-measure", "10ms"}, {"more"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
	o, err := parse([]string{"-concurrency", "50,100"}, io.Discard)
	if err != nil || !slices.Equal(o.concurrencies, []int{50, 100}) || len(o.variants) != len(variants) {
		t.Errorf("%+v, %v", o, err)
	}
}

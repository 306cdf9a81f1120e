package classify

import (
	"cmp"
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds of what is trained with.
const (
	MaxExamples = 250_000
	MaxLabels   = 2_000
)

// Example is a sentence and what it speaks of.
type Example struct {
	Text  string
	Label string // a technique's id; empty: of none
	// Document is what the sentence stands in. Those of one document are never on both
	// sides of a split.
	Document string
	// Weight is how much the example counts, above 0. A sentence of a report that a
	// person labelled has 1, one that explains a technique less. Probabilities are fitted
	// to those with 1 or more, where there are enough.
	Weight float32
}

// Options are how a model is trained.
type Options struct {
	Seed uint64
	// MinWeight is what the examples of a label must weigh together for it to be learnt, so
	// how many sentences that a person labelled; default DefaultMinWeight.
	MinWeight float32
}

// DefaultMinWeight leaves labels of which little is known to their names and ids: all of
// ATT&CK's would make training and labelling many times slower, for techniques that
// sentences hardly ever speak of. TestTRAM measures what is left.
const DefaultMinWeight = 10

// epochs is how often each example is looked at, cost what an example on the wrong side
// of the margin costs against large weights. Both were chosen on reports that are in no
// test of the package, and the result hardly depends on them.
const (
	epochs = 6
	cost   = 1.0
)

// fewest is how many labelled sentences kept out of training suffice to fit probabilities.
const fewest = 30

// Train makes a model. It fails with a problem (invalid, too_large) when there is nothing
// to learn of the examples, and with the context's error.
func Train(ctx context.Context, examples []Example, o Options) (*Model, error) {
	if o.MinWeight <= 0 {
		o.MinWeight = DefaultMinWeight
	}
	examples, labels, err := order(examples, o.MinWeight)
	if err != nil {
		return nil, err
	}
	rest, out := split(examples, o.Seed)
	first, err := fit(ctx, Apart(rest, out), labels, o.Seed)
	if err != nil {
		return nil, err
	}
	m, err := fit(ctx, examples, labels, o.Seed)
	if err != nil {
		return nil, err
	}
	m.Calibration = calibrate(first, out)
	m.Seed, m.Examples = o.Seed, len(examples)
	return m, nil
}

// order puts examples into an order of their own, once each, and leaves out labels whose
// examples weigh too little. The first label is that of none.
func order(examples []Example, least float32) ([]Example, []string, error) {
	if len(examples) > MaxExamples {
		return nil, nil, ledger.Problemf(ledger.CodeTooLarge, "there are more than %d examples; leave some out", MaxExamples)
	}
	all := slices.Clone(examples)
	slices.SortFunc(all, func(a, b Example) int {
		return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Document, b.Document), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Weight, b.Weight))
	})
	all = slices.Compact(all)
	have := map[string]float32{}
	for i := range all {
		if all[i].Weight <= 0 || all[i].Weight > 100 {
			return nil, nil, ledger.Problemf(ledger.CodeInvalid, "an example's weight must be above 0 and at most 100")
		}
		have[all[i].Label] += all[i].Weight
	}
	labels := []string{""}
	for label, weight := range have {
		if label != "" && weight >= least {
			labels = append(labels, label)
		}
	}
	slices.Sort(labels)
	if len(labels) < 3 || len(labels) > MaxLabels {
		return nil, nil, ledger.Problemf(ledger.CodeInvalid, "there must be 2 to %d labels with at least %g sentences each, of which those that explain count less; there are %d", MaxLabels-1, least, len(labels)-1)
	}
	all = slices.DeleteFunc(all, func(e Example) bool { return e.Label != "" && have[e.Label] < least })
	return all, labels, nil
}

// split keeps a fifth of the documents out, of those with labelled sentences where that
// leaves enough, and a fifth of the sentences that speak of nothing.
func split(examples []Example, seed uint64) (rest, out []Example) {
	for _, heavy := range []bool{true, false} {
		var documents []string
		for i := range examples {
			if !heavy || examples[i].Weight >= 1 || examples[i].Label == "" {
				documents = append(documents, examples[i].Document)
			}
		}
		slices.Sort(documents)
		documents = slices.Compact(documents)
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // the same for the same seed
		random.Shuffle(len(documents), func(i, j int) { documents[i], documents[j] = documents[j], documents[i] })
		kept := map[string]bool{}
		for _, d := range documents[:(len(documents)+4)/5] {
			kept[d] = true
		}
		rest, out = nil, nil
		labelled := 0
		for i := range examples {
			e := examples[i]
			switch {
			case !kept[e.Document]:
				rest = append(rest, e)
			case !heavy || e.Weight >= 1 || e.Label == "":
				out = append(out, e)
				if e.Label != "" {
					labelled++
				}
			}
		}
		if labelled >= fewest {
			break
		}
	}
	return rest, out
}

// matrix is the vectors of examples, one behind the other.
type matrix struct {
	at    []uint16
	value []float32
	start []int
	norm  []float32 // of each, squared, and one for the bias
}

func (x *matrix) row(i int) ([]uint16, []float32) {
	return x.at[x.start[i]:x.start[i+1]], x.value[x.start[i]:x.start[i+1]]
}

func vectors(examples []Example) (*matrix, []float32) {
	all := make([][]counted, len(examples))
	var scratch []uint16
	for i := range examples {
		all[i], scratch = count(examples[i].Text, scratch)
	}
	rarity := rarities(all)
	x := &matrix{start: []int{0}}
	for _, found := range all {
		square := float32(1)
		for _, f := range weigh(found, rarity) {
			x.at, x.value = append(x.at, f.at), append(x.value, f.value)
			square += float32(f.value * f.value)
		}
		x.start, x.norm = append(x.start, len(x.at)), append(x.norm, square)
	}
	return x, rarity
}

// fit trains every label against all others.
func fit(ctx context.Context, examples []Example, labels []string, seed uint64) (*Model, error) {
	x, rarity := vectors(examples)
	rows := make([]sparse, len(labels))
	next := make(chan int)
	var group sync.WaitGroup
	for range max(1, runtime.GOMAXPROCS(0)-1) { // one is left to whoever labels meanwhile
		group.Go(func() {
			w := make([]float32, features+1)
			for c := range next {
				if ctx.Err() != nil {
					continue
				}
				clear(w)
				oneAgainstRest(x, examples, labels[c], w, rand.New(rand.NewPCG(seed, uint64(c)+2))) //nolint:gosec // the same for the same seed
				rows[c] = thin(w)
			}
		})
	}
	for c := range labels {
		next <- c
	}
	close(next)
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return assemble(labels, rarity, rows), nil
}

// oneAgainstRest trains a support vector machine with squared hinge loss by dual
// coordinate descent (Hsieh et al., ICML 2008, algorithm 1) into w, whose last place is
// the bias. Examples of no weight in the dual are looked at seldom.
func oneAgainstRest(x *matrix, examples []Example, label string, w []float32, random *rand.Rand) {
	n := len(examples)
	dual := make([]float32, n)
	at := random.Perm(n)
	for epoch := range epochs {
		random.Shuffle(n, func(i, j int) { at[i], at[j] = at[j], at[i] })
		for _, i := range at {
			if epoch > 0 && dual[i] == 0 && random.IntN(3) > 0 {
				continue
			}
			e := &examples[i]
			sign := float32(-1)
			if e.Label == label {
				sign = 1
			}
			places, values := x.row(i)
			values = values[:len(places)]
			sum := w[features]
			for k, p := range places {
				sum += float32(w[p] * values[k])
			}
			slack := 1 / (2 * cost * e.Weight)
			gradient := float32(sign*sum) - 1 + float32(dual[i]*slack)
			if dual[i] == 0 && gradient >= 0 {
				continue
			}
			now := max(0, dual[i]-gradient/(x.norm[i]+slack))
			step := float32((now - dual[i]) * sign)
			dual[i] = now
			if step == 0 {
				continue
			}
			for k, p := range places {
				w[p] += float32(step * values[k])
			}
			w[features] += step
		}
	}
}

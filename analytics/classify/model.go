package classify

import (
	"cmp"
	"math"
	"slices"
)

// Model labels sentences. It may be used by many at once.
type Model struct {
	// Labels are what the model knows, sorted; the first is empty: of none.
	Labels      []string
	Seed        uint64
	Examples    int
	Calibration Calibration

	rarity []float32
	bias   []float32 // of each label
	scale  []float32 // of each label: what one step of its weights is
	// Weights by feature: those of feature f are at start[f] to start[f+1].
	start  []uint32
	label  []uint16
	weight []int8
}

// Label is what a sentence speaks of.
type Label struct {
	ID          string `json:"id"`
	Probability int    `json:"probability"` // basis points, calibrated
}

// sparse are a label's weights that are not nearly nothing.
type sparse struct {
	at     []uint16
	weight []int8
	scale  float32
	bias   float32
}

// little is the part of the largest weight, of 127, under which one is left out.
const little = 4

func thin(w []float32) sparse {
	s := sparse{bias: w[features]}
	largest := float32(0)
	for _, v := range w[:features] {
		largest = max(largest, v, -v)
	}
	if largest == 0 {
		return s
	}
	s.scale = largest / 127
	for i, v := range w[:features] {
		if q := math.Round(float64(v / s.scale)); q >= little || q <= -little {
			s.at, s.weight = append(s.at, uint16(i)), append(s.weight, int8(q))
		}
	}
	return s
}

// assemble turns weights by label into weights by feature.
func assemble(labels []string, rarity []float32, rows []sparse) *Model {
	m := &Model{Labels: labels, rarity: rarity, start: make([]uint32, features+1)}
	for _, r := range rows {
		m.bias, m.scale = append(m.bias, r.bias), append(m.scale, r.scale)
		for _, at := range r.at {
			m.start[int(at)+1]++
		}
	}
	for i := range features {
		m.start[i+1] += m.start[i]
	}
	m.label, m.weight = make([]uint16, m.start[features]), make([]int8, m.start[features])
	next := slices.Clone(m.start)
	for c, r := range rows {
		for k, at := range r.at {
			m.label[next[at]], m.weight[next[at]] = uint16(c), r.weight[k]
			next[at]++
		}
	}
	return m
}

// margins are how far on the side of each label a sentence is, -1 to 1 about.
func (m *Model) margins(sentence string, scratch []uint16) ([]float32, []uint16) {
	found, scratch := count(sentence, scratch)
	sums := make([]float32, len(m.Labels))
	for _, f := range weigh(found, m.rarity) {
		from, to := m.start[f.at], m.start[int(f.at)+1]
		label, weight := m.label[from:to], m.weight[from:to]
		for k, c := range label {
			sums[c] += float32(f.value * float32(weight[k]))
		}
	}
	for c := range sums {
		sums[c] = float32(sums[c]*m.scale[c]) + m.bias[c]
	}
	return sums, scratch
}

// Classifier labels one sentence after the other; one goroutine at a time uses it.
type Classifier struct {
	model   *Model
	scratch []uint16
}

// Classifier returns a classifier with memory of its own.
func (m *Model) Classifier() *Classifier { return &Classifier{model: m} }

// Classify returns the labels whose probability is at least that, in basis points, the
// surest first. A sentence that speaks of none has none.
func (c *Classifier) Classify(sentence string, atLeast int) []Label {
	sums, scratch := c.model.margins(sentence, c.scratch)
	c.scratch = scratch
	p := c.model.Calibration.probabilities(sums)
	var all []Label
	for i, id := range c.model.Labels {
		if b := int(math.Round(p[i] * 10_000)); id != "" && b > 0 && b >= atLeast {
			all = append(all, Label{id, b})
		}
	}
	slices.SortFunc(all, func(a, b Label) int {
		return cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.ID, b.ID))
	})
	return all
}

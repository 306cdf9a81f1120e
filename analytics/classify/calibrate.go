package classify

import "math"

// Calibration turns margins into probabilities: exp(margin/T) of each label, against all
// of them and exp(None/T) for whatever the model does not know.
type Calibration struct {
	Temperature float64 `json:"temperature"` // T, above 0
	None        float64 `json:"none"`        // the margin that a label must pass
	Sentences   int     `json:"sentences"`   // kept out of training, to which both were fitted
	// Error is the expected calibration error over those, in basis points: how far the
	// probability of the surest label is from how often it is right, by ten equal steps.
	Error int `json:"error"`
}

// probabilities gives each label's; the first is that of none.
func (c *Calibration) probabilities(margins []float32) []float64 {
	most := c.None
	for _, v := range margins {
		most = max(most, float64(v))
	}
	p := make([]float64, len(margins))
	rest := math.Exp((c.None - most) / c.Temperature)
	sum := rest
	for i, v := range margins {
		p[i] = math.Exp((float64(v) - most) / c.Temperature)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	p[0] += rest / sum
	return p
}

// calibrate finds the temperature and the margin under which what was kept out of
// training is least surprising, on a grid that is made finer twice.
func calibrate(m *Model, out []Example) Calibration {
	margins, truth := make([][]float32, 0, len(out)), make([]int, 0, len(out))
	var scratch []uint16
	index := map[string]int{}
	for i, l := range m.Labels {
		index[l] = i
	}
	for i := range out {
		var sums []float32
		sums, scratch = m.margins(out[i].Text, scratch)
		margins, truth = append(margins, sums), append(truth, index[out[i].Label])
	}
	best, least := Calibration{Temperature: 0.2, None: -0.5}, math.Inf(1)
	step, narrow := 1.5, 0.25
	for range 4 {
		from := best
		for a := -3; a <= 3; a++ {
			for b := -3; b <= 3; b++ {
				c := Calibration{Temperature: from.Temperature * math.Pow(step, float64(a)), None: from.None + narrow*float64(b)}
				if s := surprise(&c, margins, truth); s < least {
					best, least = c, s
				}
			}
		}
		step, narrow = math.Sqrt(step), narrow/2
	}
	best.Sentences = len(out)
	var reached Reliability
	for i, sums := range margins {
		p := best.probabilities(sums)
		at := 0
		for k := range p {
			if p[k] > p[at] {
				at = k
			}
		}
		reached.Add(p[at], at == truth[i])
	}
	best.Error = int(math.Round(reached.Error() * 10_000))
	return best
}

// surprise is the mean of -ln of the probability that the truth was given.
func surprise(c *Calibration, margins [][]float32, truth []int) float64 {
	sum := 0.0
	for i, sums := range margins {
		sum -= math.Log(max(1e-9, c.probabilities(sums)[truth[i]]))
	}
	return sum / float64(max(1, len(margins)))
}

// Reliability compares probabilities with what came of them, in ten equal steps.
type Reliability struct {
	n, right [10]int
	said     [10]float64
}

// Add counts a prediction that was made with a probability of 0 to 1.
func (r *Reliability) Add(probability float64, right bool) {
	i := min(9, int(probability*10))
	r.n[i]++
	r.said[i] += probability
	if right {
		r.right[i]++
	}
}

// Error is the expected calibration error, 0 to 1: the mean distance between what was
// said and what came, weighed by how often it was said.
func (r *Reliability) Error() float64 {
	sum, n := 0.0, 0
	for i := range r.n {
		n += r.n[i]
		sum += math.Abs(r.said[i] - float64(r.right[i]))
	}
	return sum / float64(max(1, n))
}

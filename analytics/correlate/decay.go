package correlate

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxModelBytes bounds a decaying model, which has a page.
const maxModelBytes = 256 << 10

// Decay is a model of how confidence in an indicator fades (MISP, "decaying models",
// formula Polynomial; Mokaddem et al., arXiv:1902.03914): after t the score is
// base * (1 - (t / lifetime) ^ (1 / speed)), and below the threshold the indicator is
// no longer believed.
type Decay struct {
	Name      string
	Lifetime  time.Duration
	Speed     float64            // above 0; the greater, the slower at first
	Threshold int                // basis points
	Base      int                // basis points, where nothing says how sure anybody is
	Weights   map[string]float64 // of taxonomies in the base score, by "namespace" or "namespace:predicate"
	Types     []string           // MISP's names of the values that it is for; empty: all
}

// NIDS is MISP's model for network intrusion detection: 120 days, speed 2, threshold
// 30 %, base 80 %. It holds where no other was imported.
var NIDS = Decay{
	Name: "NIDS Simple Decaying Model", Lifetime: 120 * day, Speed: 2, Threshold: 3_000, Base: 8_000,
	Weights: map[string]float64{
		"estimative-language:confidence-in-analytic-judgment": 0.1667, "estimative-language:likelihood-probability": 0.1667,
		"false-positive:risk": 0.1667, "priority-level": 0.1667,
	},
}

const day = 24 * time.Hour

// ParseDecay reads a model in MISP's format.
func ParseDecay(b []byte) (*Decay, error) {
	if err := strictjson.Check("the decaying model", b, strictjson.Limits{Bytes: maxModelBytes, Depth: 8, Values: 10_000}); err != nil {
		return nil, err
	}
	var raw struct {
		Name       string   `json:"name"`
		Formula    string   `json:"formula"`
		Types      []string `json:"attribute_types"`
		Parameters struct {
			Lifetime  float64            `json:"lifetime"`
			Speed     float64            `json:"decay_speed"`
			Threshold float64            `json:"threshold"`
			Base      float64            `json:"default_base_score"`
			Weights   map[string]float64 `json:"base_score_config"`
		} `json:"parameters"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the decaying model is not in MISP's format")
	}
	p := raw.Parameters
	switch {
	case !strings.EqualFold(raw.Formula, "polynomial"):
		return nil, ledger.Problemf(ledger.CodeInvalid, "the decaying model's formula must be polynomial: other ones are programs")
	case !(p.Lifetime > 0 && p.Lifetime <= 36_500):
		return nil, ledger.Problemf(ledger.CodeInvalid, "the decaying model's lifetime must be more than 0 and at most 36500 days")
	case !(p.Speed > 0 && p.Speed <= 1_000):
		return nil, ledger.Problemf(ledger.CodeInvalid, "the decaying model's decay_speed must be more than 0 and at most 1000")
	case !(p.Threshold >= 0 && p.Threshold <= 100) || !(p.Base >= 0 && p.Base <= 100):
		return nil, ledger.Problemf(ledger.CodeInvalid, "the decaying model's threshold and default_base_score must be 0 to 100")
	}
	for _, w := range p.Weights {
		if !(w >= 0 && w <= 1_000) {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the decaying model's weights must be 0 to 1000")
		}
	}
	return &Decay{
		Name: line(raw.Name, maxTitle), Lifetime: time.Duration(p.Lifetime * float64(day)), Speed: p.Speed,
		Threshold: int(math.Round(p.Threshold * 100)), Base: int(math.Round(p.Base * 100)), Weights: p.Weights, Types: raw.Types,
	}, nil
}

// Score is what is left of a base score after so long, in basis points.
func (d *Decay) Score(base int, after time.Duration) int {
	if after <= 0 {
		return base
	}
	if after >= d.Lifetime {
		return 0
	}
	gone := math.Pow(float64(after)/float64(d.Lifetime), 1/d.Speed)
	return int(math.Round(float64(base) * (1 - gone)))
}

// For tells whether the model is for a value.
func (d *Decay) For(v Value) bool {
	return (&Warninglist{Attributes: d.Types}).concerns(v)
}

// numbers are the numerical values of machine tags (MISP taxonomies admiralty-scale,
// estimative-language, false-positive and priority-level), 0 to 100. Source reliability
// is NATO's scale: A is reliable, E is not, F cannot be judged, G deceives.
var numbers = map[string]map[string]int{
	"admiralty-scale:source-reliability":      {"a": 100, "b": 75, "c": 50, "d": 25, "e": 0, "f": 50, "g": 0},
	"admiralty-scale:information-credibility": {"1": 100, "2": 75, "3": 50, "4": 25, "5": 0, "6": 50},
	"estimative-language:likelihood-probability": {
		"almost-no-chance": 0, "very-unlikely": 5, "unlikely": 20, "roughly-even-chance": 45, "likely": 55, "very-likely": 80, "almost-certain": 95,
	},
	"estimative-language:confidence-in-analytic-judgment": {"low": 0, "moderate": 55, "high": 95},
	"false-positive:risk": {"low": 75, "medium": 50, "high": 25, "cannot-be-judged": 25},
	"priority-level": {
		"emergency": 100, "severe": 90, "high": 85, "medium": 75, "low": 50, "baseline-minor": 25, "baseline-negligible": 0,
	},
}

// Weights of what says how sure somebody is and stands in no model.
const (
	weightAdmiralty  = 0.25
	weightConfidence = 0.5
)

// BaseOf is the base score of an indicator, basis points: the weighted mean of what its
// tags and its confidence say, and the model's own where they say nothing.
func (d *Decay) BaseOf(e *Entry) int {
	var sum, weights float64
	add := func(weight float64, value int) {
		sum, weights = float64(sum)+float64(weight*float64(value)), weights+weight
	}
	labels := slices.Clone(e.Labels)
	slices.Sort(labels)
	for _, l := range labels {
		space, value := machineTag(l)
		n, known := numbers[space][value]
		if !known {
			continue
		}
		weight, weighted := d.Weights[space]
		if !weighted {
			whole, _, _ := strings.Cut(space, ":")
			weight = d.Weights[whole]
		}
		if weight == 0 && strings.HasPrefix(space, "admiralty-scale:") {
			weight = weightAdmiralty
		}
		add(weight, n)
	}
	if e.Confidence != UnknownConfidence {
		add(weightConfidence, e.Confidence)
	}
	if weights == 0 {
		return d.Base
	}
	return int(math.Round(100 * sum / weights))
}

// machineTag splits namespace:predicate="value", or namespace:value.
func machineTag(s string) (space, value string) {
	s = strings.ToLower(s)
	if space, value, ok := strings.Cut(s, "="); ok {
		return space, strings.Trim(value, `"`)
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", ""
	}
	return s[:i], s[i+1:]
}

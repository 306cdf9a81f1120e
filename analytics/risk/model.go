// Package risk judges how exposed a device is, by a model that anyone can run
// again: inputs in, basis points and reasons out, in exact integer arithmetic,
// so that every machine gives the same score for the same inputs.
//
// The model "secant-exposure-v1" answers one question: how likely is it that at
// least one known weakness of this unit matters? Each factor i counts as a
// chance p(i), and
//
//	score = 1 - product of (1 - p(i))
//
// which is the noisy-OR of Pearl (Probabilistic Reasoning in Intelligent
// Systems, 1988, section 4.3.2): exact when the factors act independently. They
// do not quite: two reports of one campaign say less than two unrelated ones.
// So the result carries bounds that hold however the factors depend on each
// other (Frechet): at least the largest factor, at most their sum.
//
// What it is not: the weights below are this project's judgement, not measured
// frequencies, and the score is an order among units of one kind, not a
// probability to take to an insurer. It knows nothing of the network around a
// unit, of how an outage spreads, or of harm to patients.
package risk

import (
	"fmt"
	"math/big"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Model names this model on the ledger. Any change to the formula or a weight is
// another model.
const Model = "secant-exposure-v1"

// The weights of the model, in basis points.
const (
	weightService      = 100 // each service that listens: something to attack, though nothing is known against it
	weightUncertified  = 500 // nobody has assessed the unit
	weightUnknownParts = 500 // no bill of materials: what it contains cannot be compared with any report

	countedServices = 20 // more listen as one would expect of a port list that was not kept up
)

// Bounds on inputs.
const (
	MaxFindings = 5_000
	MaxBytes    = 1 << 20 // of the inputs as JSON
)

// Inputs is all that a score depends on. Its canonical JSON (RFC 8785) is what
// the ledger's input digest is made of.
type Inputs struct {
	V             int       `json:"v"`             // 1
	Model         string    `json:"model"`         // Model
	Unit          string    `json:"unit"`          // unit id, hex
	State         string    `json:"state"`         // ledger state of the unit; only one in service is exposed
	Certification string    `json:"certification"` // as on the ledger
	Services      int       `json:"services"`      // number of services that listen, as its owner's inventory has them
	Components    int       `json:"components"`    // number of components in the bill of materials of its release; 0: there is none
	Findings      []Finding `json:"findings"`      // by threat, ascending, each threat once
}

// Finding is a shared report that concerns the unit.
type Finding struct {
	Threat     string `json:"threat"`     // digest of the report's body, hex
	Severity   int    `json:"severity"`   // basis points
	Confidence int    `json:"confidence"` // basis points that it concerns the unit
}

// Result is a score with its reasons.
type Result struct {
	Value   int      `json:"value"`   // basis points, 0 to ledger.MaxScore
	Lower   int      `json:"lower"`   // bound that holds for any dependence between the factors
	Upper   int      `json:"upper"`   // the same from above
	Reasons []Reason `json:"reasons"` // in a fixed order: findings as given, then the unit's own
	Digest  string   `json:"digest"`  // of the canonical inputs, as on the ledger
	Inputs  []byte   `json:"-"`       // canonical JSON
}

// Reason is one factor of a score.
type Reason struct {
	Text   string `json:"text"`
	Points int    `json:"points"` // what it would score alone, in basis points
}

// scale is the unit of exact chances: a severity times a confidence, each in
// basis points.
const scale = ledger.MaxScore * ledger.MaxScore

// factor is one chance in units of 1/scale.
type factor struct {
	chance int64
	text   string
}

// judge runs the model on valid inputs.
func judge(in *Inputs) Result {
	if in.State != ledger.StateInService {
		return Result{Reasons: []Reason{{Text: "not in service: nothing reaches it"}}}
	}
	factors := in.factors()
	// All products are exact, and the one rounding comes last: the order of the
	// factors cannot matter, and a larger factor can never lower the score.
	escape, whole, unit := big.NewInt(1), big.NewInt(1), big.NewInt(scale)
	var largest, sum int64
	r := Result{Reasons: make([]Reason, 0, len(factors))}
	for _, f := range factors {
		escape.Mul(escape, big.NewInt(scale-f.chance))
		whole.Mul(whole, unit)
		largest, sum = max(largest, f.chance), min(sum+f.chance, scale)
		r.Reasons = append(r.Reasons, Reason{Text: f.text, Points: points(f.chance)})
	}
	r.Value = ledger.MaxScore - portion(escape, whole)
	r.Lower, r.Upper = points(largest), points(sum)
	return r
}

// portion returns part/whole in basis points, halves rounded down, so that what
// remains of it is rounded half up.
func portion(part, whole *big.Int) int {
	n := new(big.Int).Mul(part, big.NewInt(2*ledger.MaxScore))
	n.Add(n, whole).Sub(n, big.NewInt(1))
	n.Quo(n, new(big.Int).Mul(whole, big.NewInt(2)))
	return int(n.Int64())
}

// points rounds a chance to basis points, half up.
func points(chance int64) int { return int((chance + ledger.MaxScore/2) / ledger.MaxScore) }

func (in *Inputs) factors() []factor {
	all := make([]factor, 0, len(in.Findings)+3)
	for _, f := range in.Findings {
		all = append(all, factor{
			int64(f.Severity) * int64(f.Confidence),
			fmt.Sprintf("report %s concerns it: severity %s, confidence %s", f.Threat[:12], percent(f.Severity), percent(f.Confidence)),
		})
	}
	if n := min(in.Services, countedServices); n > 0 {
		all = append(all, factor{several(n), fmt.Sprintf("%d services listen", in.Services)})
	}
	if in.Certification == ledger.CertificationNone {
		all = append(all, factor{weightUncertified * ledger.MaxScore, "nobody has certified it"})
	}
	if in.Components == 0 {
		all = append(all, factor{weightUnknownParts * ledger.MaxScore, "no bill of materials says what it contains"})
	}
	return all
}

// several is the noisy-OR of n services, rounded half up to 1/scale.
func several(n int) int64 {
	escape, whole := big.NewInt(scale), big.NewInt(1)
	for range n {
		escape.Mul(escape, big.NewInt(ledger.MaxScore-weightService))
		whole.Mul(whole, big.NewInt(ledger.MaxScore))
	}
	escape.Add(escape, new(big.Int).Rsh(whole, 1))
	return scale - escape.Quo(escape, whole).Int64()
}

// percent renders basis points without rounding, as in "62.5 %".
func percent(points int) string {
	switch {
	case points%100 == 0:
		return fmt.Sprintf("%d %%", points/100)
	case points%10 == 0:
		return fmt.Sprintf("%d.%d %%", points/100, points%100/10)
	}
	return fmt.Sprintf("%d.%02d %%", points/100, points%100)
}

package demo

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// recompute runs the scoring model on published inputs, from its description
// alone: score = 1 - product of (1 - p), with p = severity x confidence for each
// finding, 1 % for each of at most 20 services (joined first, to 1e-8), 5 % for a unit
// without certification and 5 % for one without a bill of materials; 0 for a
// unit that is not in service. It returns the basis points and the digest of the
// inputs.
func recompute(inputs []byte) (value int, digest string, err error) {
	var in struct {
		Model         string `json:"model"`
		State         string `json:"state"`
		Certification string `json:"certification"`
		Services      int    `json:"services"`
		Components    int    `json:"components"`
		Findings      []struct {
			Severity   int64 `json:"severity"`
			Confidence int64 `json:"confidence"`
		} `json:"findings"`
	}
	if err := json.Unmarshal(inputs, &in); err != nil {
		return 0, "", fmt.Errorf("reading risk inputs: %w", err)
	}
	if in.Model != "secant-exposure-v1" {
		return 0, "", fmt.Errorf("the inputs are for the model %q, which is not known here", in.Model)
	}
	digest = ledger.Digest("risk-inputs", inputs)
	if in.State != ledger.StateInService {
		return 0, digest, nil
	}
	one := big.NewRat(1, 1)
	escape := big.NewRat(1, 1)
	factor := func(p *big.Rat) { escape.Mul(escape, new(big.Rat).Sub(one, p)) }
	for _, f := range in.Findings {
		factor(big.NewRat(f.Severity*f.Confidence, 1e8))
	}
	if n := min(in.Services, 20); n > 0 {
		quiet := big.NewRat(1, 1)
		for range n {
			quiet.Mul(quiet, big.NewRat(99, 100))
		}
		factor(new(big.Rat).Sub(one, rounded(quiet, 1e8)))
	}
	if in.Certification == ledger.CertificationNone {
		factor(big.NewRat(5, 100))
	}
	if in.Components == 0 {
		factor(big.NewRat(5, 100))
	}
	score := rounded(new(big.Rat).Sub(one, escape), ledger.MaxScore)
	return int(new(big.Int).Quo(new(big.Int).Mul(score.Num(), big.NewInt(ledger.MaxScore)), score.Denom()).Int64()), digest, nil
}

// rounded rounds to the nearest multiple of 1/unit, half up.
func rounded(x *big.Rat, unit int64) *big.Rat {
	n := new(big.Rat).Mul(x, new(big.Rat).SetInt64(2*unit))
	n.Add(n, big.NewRat(1, 1))
	whole := new(big.Int).Quo(n.Num(), n.Denom())
	return new(big.Rat).SetFrac(whole.Rsh(whole, 1), big.NewInt(unit))
}

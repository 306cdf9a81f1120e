package risk

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

var limits = strictjson.Limits{Bytes: MaxBytes, Depth: 4, Values: 8 * (MaxFindings + 10)}

// Compute scores a unit. It fills in the version and the model, and sorts the
// findings, so that the same facts give the same digest however they were
// gathered; the caller's slice is left alone. A unit's findings beyond
// MaxFindings are the caller's to drop.
func Compute(in Inputs) (*Result, error) {
	in.V, in.Model = 1, Model
	in.Findings = slices.Clone(in.Findings)
	if in.Findings == nil {
		in.Findings = []Finding{}
	}
	slices.SortFunc(in.Findings, func(a, b Finding) int { return strings.Compare(a.Threat, b.Threat) })
	return score(&in)
}

// Recompute runs the model again on inputs that someone else published, and
// returns their digest with the score: both must equal what stands on the
// ledger. It refuses inputs that are not exactly of this model's form, since two
// forms of one fact would be two digests.
func Recompute(inputs []byte) (*Result, error) {
	if err := strictjson.Check("the risk inputs", inputs, limits); err != nil {
		return nil, err
	}
	var in Inputs
	d := json.NewDecoder(bytes.NewReader(inputs))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the risk inputs are not of the form of %s", Model)
	}
	r, err := score(&in)
	if err != nil {
		return nil, err
	}
	// Names in another case and omitted members decode as well; only what
	// encodes to the same canonical bytes is the same document.
	given, err := jcs.Transform(inputs)
	if err != nil || !bytes.Equal(given, r.Inputs) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the risk inputs are not of the form of %s", Model)
	}
	return r, nil
}

func score(in *Inputs) (*Result, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	plain, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encoding risk inputs: %w", err)
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		return nil, fmt.Errorf("making risk inputs canonical: %w", err)
	}
	r := judge(in)
	r.Inputs, r.Digest = canonical, ledger.Digest("risk-inputs", canonical)
	return &r, nil
}

// validate returns a Problem that lists every fault, up to a bound.
func (in *Inputs) validate() error {
	if len(in.Findings) > MaxFindings {
		return ledger.Problemf(ledger.CodeTooLarge, "the risk inputs hold more than %d findings", MaxFindings)
	}
	var faults []ledger.Fault
	fail := func(field, detail string) {
		if len(faults) < 50 {
			faults = append(faults, ledger.Fault{Field: field, Detail: detail})
		}
	}
	if in.V != 1 {
		fail("v", "must be 1")
	}
	if in.Model != Model {
		fail("model", "must be "+Model)
	}
	if !digest(in.Unit) {
		fail("unit", "must be 64 lower-case hexadecimal digits")
	}
	if in.State == "" || len(in.State) > 64 {
		fail("state", "must be 1 to 64 characters")
	}
	if in.Certification == "" || len(in.Certification) > 64 {
		fail("certification", "must be 1 to 64 characters")
	}
	if in.Services < 0 || in.Services > 65535 {
		fail("services", "must be 0 to 65535")
	}
	if in.Components < 0 || in.Components > 1_000_000 {
		fail("components", "must be 0 to 1000000")
	}
	if in.Findings == nil {
		fail("findings", "must be a list")
	}
	for i, f := range in.Findings {
		at := fmt.Sprintf("findings[%d]", i)
		switch {
		case !digest(f.Threat):
			fail(at+".threat", "must be 64 lower-case hexadecimal digits")
		case i > 0 && in.Findings[i-1].Threat >= f.Threat:
			fail(at+".threat", "must come after the one before it, each threat once")
		}
		if f.Severity < 0 || f.Severity > ledger.MaxScore {
			fail(at+".severity", "must be 0 to 10000 basis points")
		}
		if f.Confidence < 0 || f.Confidence > ledger.MaxScore {
			fail(at+".confidence", "must be 0 to 10000 basis points")
		}
	}
	if len(faults) > 0 {
		return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the risk inputs are not valid", Faults: faults}
	}
	return nil
}

func digest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && strings.ToLower(s) == s
}

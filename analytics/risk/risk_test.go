package risk

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var update = flag.Bool("update", false, "write the golden files")

func threat(b byte) string { return strings.Repeat(string("0123456789abcdef"[b%16]), 64) }

func example() Inputs {
	return Inputs{
		Unit: threat(7), State: ledger.StateInService, Certification: ledger.CertificationNone,
		Services: 3, Components: 4,
		Findings: []Finding{{threat(9), 5_000, 4_000}, {threat(2), 8_000, 8_500}},
	}
}

// TestGolden pins inputs, digest and score: a change here is another model.
func TestGolden(t *testing.T) {
	t.Parallel()
	r, err := Compute(example())
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(struct {
		Inputs json.RawMessage `json:"inputs"`
		Result *Result         `json:"result"`
	}{r.Inputs, r}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", "score.golden.json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// By hand: 1 - (1-.2)(1-.68)(1-.029701)(1-.05) = .76403...
	hand := 1 - (1-.5*.4)*(1-.8*.85)*math.Pow(.99, 3)*.95
	if want := int(math.Round(hand * 10_000)); r.Value != want {
		t.Errorf("value %d, by hand %d", r.Value, want)
	}
}

func TestRecomputeGivesTheSame(t *testing.T) {
	t.Parallel()
	r, err := Compute(example())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Recompute(r.Inputs)
	if err != nil {
		t.Fatal(err)
	}
	if again.Value != r.Value || again.Digest != r.Digest {
		t.Errorf("got %d %s, want %d %s", again.Value, again.Digest, r.Value, r.Digest)
	}
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, r.Inputs, "", " "); err != nil {
		t.Fatal(err)
	}
	if again, err := Recompute(spaced.Bytes()); err != nil || again.Digest != r.Digest {
		t.Errorf("white space changed the digest: %v", err)
	}
}

func TestRecomputeRefusesOtherForms(t *testing.T) {
	t.Parallel()
	r, err := Compute(example())
	if err != nil {
		t.Fatal(err)
	}
	good := string(r.Inputs)
	swap := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in %s", old, good)
		}
		return strings.Replace(good, old, with, 1)
	}
	for name, in := range map[string]string{
		"empty":             "",
		"null":              "null",
		"another model":     swap(Model, "secant-exposure-v2"),
		"another version":   swap(`"v":1`, `"v":2`),
		"unknown member":    swap(`"v":1`, `"v":1,"x":1`),
		"another case":      swap(`"services"`, `"Services"`),
		"both cases":        swap(`"services":3`, `"Services":9,"services":3`),
		"missing member":    swap(`"services":3,`, ``),
		"twice":             swap(`"services":3`, `"services":3,"services":3`),
		"fraction":          swap(`"services":3`, `"services":3.5`),
		"negative":          swap(`"services":3`, `"services":-3`),
		"severity too high": swap(`"severity":8000`, `"severity":10001`),
		"unit in capitals":  swap(threat(7), strings.Repeat("A", 64)),
		"wrong order":       swap(threat(2), threat(10)),
		"one threat twice":  swap(threat(2), threat(9)),
		"null findings":     `{"certification":"x","components":0,"findings":null,"model":"` + Model + `","services":0,"state":"x","unit":"` + threat(7) + `","v":1}`,
	} {
		if _, err := Recompute([]byte(in)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Recompute(bytes.Repeat([]byte(" "), MaxBytes+1)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("too long: %v", err)
	}
}

func TestOnlyUnitsInServiceAreExposed(t *testing.T) {
	t.Parallel()
	in := example()
	in.State = ledger.StateRegistered
	r, err := Compute(in)
	if err != nil || r.Value != 0 || len(r.Reasons) != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestCertainty(t *testing.T) {
	t.Parallel()
	in := example()
	in.Findings = append(in.Findings, Finding{threat(1), 10_000, 10_000})
	r, err := Compute(in)
	if err != nil || r.Value != ledger.MaxScore || r.Lower != ledger.MaxScore {
		t.Errorf("got %+v, %v", r, err)
	}
}

func genInputs(t *rapid.T) Inputs {
	in := Inputs{
		Unit:  threat(1),
		State: ledger.StateInService, Certification: rapid.SampledFrom([]string{ledger.CertificationNone, "certified"}).Draw(t, "certification"),
		Services: rapid.IntRange(0, 40).Draw(t, "services"), Components: rapid.IntRange(0, 3).Draw(t, "components"),
	}
	n := rapid.IntRange(0, 12).Draw(t, "findings")
	for i := range n {
		in.Findings = append(in.Findings, Finding{
			threat(byte(i)), rapid.IntRange(0, 10_000).Draw(t, "severity"), rapid.IntRange(0, 10_000).Draw(t, "confidence"),
		})
	}
	return in
}

func compute(t *rapid.T, in Inputs) *Result {
	r, err := Compute(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestScoresAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := compute(t, genInputs(t))
		if r.Value < 0 || r.Value > ledger.MaxScore || r.Value < r.Lower || r.Value > r.Upper {
			t.Fatalf("%d is not within %d and %d", r.Value, r.Lower, r.Upper)
		}
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := genInputs(t)
		before := compute(t, in)
		in.Findings = rapid.Permutation(in.Findings).Draw(t, "order")
		kept := slices.Clone(in.Findings)
		after := compute(t, in)
		if after.Value != before.Value || after.Digest != before.Digest {
			t.Fatalf("%d %s became %d %s", before.Value, before.Digest, after.Value, after.Digest)
		}
		if !slices.Equal(kept, in.Findings) {
			t.Fatal("the caller's findings were reordered")
		}
	})
}

func TestMoreNeverScoresLess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := genInputs(t)
		before := compute(t, in)
		switch what := rapid.IntRange(0, 4).Draw(t, "what"); {
		case what == 0 && len(in.Findings) > 0:
			i := rapid.IntRange(0, len(in.Findings)-1).Draw(t, "finding")
			in.Findings[i].Severity = rapid.IntRange(in.Findings[i].Severity, 10_000).Draw(t, "worse")
		case what == 1 && len(in.Findings) > 0:
			i := rapid.IntRange(0, len(in.Findings)-1).Draw(t, "finding")
			in.Findings[i].Confidence = rapid.IntRange(in.Findings[i].Confidence, 10_000).Draw(t, "surer")
		case what == 2:
			in.Findings = append(in.Findings, Finding{threat(15), rapid.IntRange(0, 10_000).Draw(t, "severity"), 5_000})
		case what == 3:
			in.Services += rapid.IntRange(0, 30).Draw(t, "more")
		default:
			in.Certification, in.Components = ledger.CertificationNone, 0
		}
		if after := compute(t, in); after.Value < before.Value {
			t.Fatalf("%d fell to %d", before.Value, after.Value)
		}
	})
}

// TestManyFindings keeps the exact arithmetic affordable at its bound.
func TestManyFindings(t *testing.T) {
	t.Parallel()
	in := example()
	in.Findings = nil
	for i := range MaxFindings {
		in.Findings = append(in.Findings, Finding{ledger.BodyDigest([]byte{byte(i), byte(i >> 8)}), 1, 9_999})
	}
	r, err := Compute(in)
	if err != nil {
		t.Fatal(err)
	}
	want := 1 - math.Pow(1-.9999e-4, MaxFindings)*math.Pow(.99, 3)*.95
	if got := float64(r.Value) / 10_000; math.Abs(got-want) > .0001 {
		t.Errorf("got %v, want %v", got, want)
	}
	in.Findings = append(in.Findings, Finding{threat(1), 1, 1})
	if _, err := Compute(in); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("one more: %v", err)
	}
}

func FuzzRecompute(f *testing.F) {
	r, err := Compute(example())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r.Inputs)
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Recompute(b)
		if err != nil {
			if ledger.CodeOf(err) == ledger.CodeInternal {
				t.Errorf("not a problem: %v", err)
			}
			return
		}
		if r.Value < 0 || r.Value > ledger.MaxScore {
			t.Errorf("value %d", r.Value)
		}
		if again, err := Recompute(r.Inputs); err != nil || again.Digest != r.Digest || again.Value != r.Value {
			t.Errorf("recomputing gave something else: %v", err)
		}
	})
}

package compliance_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestTheSameFactsAreTheSameBytes, in whatever order they were gathered, and who has
// the document recomputes it.
func TestTheSameFactsAreTheSameBytes(t *testing.T) {
	t.Parallel()
	f := good()
	f.Exceptions = []compliance.Exception{except("NW-1", ledger.ExceptTolerated, now.Add(day)), except("AU-1", ledger.ExceptNotApplicable, now.Add(day))}
	first := evaluate(t, f)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		g := good()
		g.Exceptions = slices.Clone(f.Exceptions)
		r.Shuffle(len(g.Evidence), func(i, j int) { g.Evidence[i], g.Evidence[j] = g.Evidence[j], g.Evidence[i] })
		r.Shuffle(len(g.Exceptions), func(i, j int) { g.Exceptions[i], g.Exceptions[j] = g.Exceptions[j], g.Exceptions[i] })
		g.At = g.At.Add(time.Duration(r.IntN(59)) * time.Second)
		again := evaluate(t, g)
		if diff := cmp.Diff(string(first.Document()), string(again.Document())); diff != "" {
			t.Fatal(diff)
		}
	}
	again, err := compliance.Recompute(compliance.BuiltIn(), first.Document())
	if err != nil || again.Digest() != first.Digest() || again.InputDigest() != first.InputDigest() {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"another score":   {`"score":` + scoreOf(first), `"score":9999`},
		"another verdict": {`"verdict":"` + first.Verdict, `"verdict":"certifiee`},
		"another fact":    {`"lot":"L1"`, `"lot":"L2"`},
		"spaces":          {`"facts":{`, `"facts": {`},
	} {
		damaged := bytes.Replace(first.Document(), []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(damaged, first.Document()) {
			t.Fatalf("%s: nothing changed", name)
		}
		if name == "another fact" {
			continue // is consistent only if nothing depends on it: the digest is another
		}
		if _, err := compliance.Recompute(compliance.BuiltIn(), damaged); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What was judged by something else is not called forged.
	for name, change := range map[string][2]string{
		"another method":    {`"method":"` + compliance.Method, `"method":"secant-compliance/1`},
		"another catalogue": {first.CatalogueDigest, ledger.BodyDigest(nil)},
	} {
		other := bytes.Replace(first.Document(), []byte(change[0]), []byte(change[1]), 1)
		if _, err := compliance.Recompute(compliance.BuiltIn(), other); ledger.CodeOf(err) != ledger.CodeConflict {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func scoreOf(a *compliance.Assessment) string {
	b, _ := json.Marshal(a.Score)
	return string(b)
}

func FuzzParseFacts(f *testing.F) {
	b, err := func() ([]byte, error) { g := good(); return g.Canonical() }()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := compliance.ParseFacts(b)
		if err != nil {
			if ledger.CodeOf(err) == ledger.CodeInternal {
				t.Errorf("%v", err)
			}
			return
		}
		a, err := compliance.Evaluate(compliance.BuiltIn(), *facts)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Inputs(), b) {
			t.Error("facts have two forms")
		}
		if _, err := compliance.Recompute(compliance.BuiltIn(), a.Document()); err != nil {
			t.Errorf("an assessment is not recomputed: %v", err)
		}
	})
}

package ledger

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProblemsSurviveAPeer(t *testing.T) {
	t.Parallel()
	for _, p := range []*Problem{
		{Code: CodeNotFound, Detail: "the unit does not exist"},
		{Code: CodeInvalid, Detail: "the model is not valid", Faults: []Fault{{"di", "must not be empty"}, {"components[3].name", "must be: short; really"}}},
		{Code: CodeConflict, Detail: "odd; but no fault"},
		{Code: CodeBusy, Detail: ""},
	} {
		for _, prefix := range []string{"", "chaincode response 500, ", "[1a2b] odd [not a code] text: "} {
			got, ok := ParseProblem(prefix + p.Error())
			if !ok {
				t.Errorf("%q is not found", prefix+p.Error())
				continue
			}
			if got.Error() != p.Error() || got.Code != p.Code {
				t.Errorf("%q reads as %q", p.Error(), got.Error())
			}
		}
	}
}

func TestFaultsAreReadBack(t *testing.T) {
	t.Parallel()
	want := &Problem{Code: CodeInvalid, Detail: "the model is not valid", Faults: []Fault{{"di", "must not be empty"}, {"name", "must be short"}}}
	got, ok := ParseProblem("x: " + want.Error())
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Error(diff)
	}
}

func TestTextWithoutACodeIsNoProblem(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "[", "[]", "[invalid]", "[Invalid] x", "[unheard_of] x", "invalid] x"} {
		if p, ok := ParseProblem(s); ok {
			t.Errorf("%q reads as %v", s, p)
		}
	}
}

func TestProblemsCompareByCode(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("doing: %w", Problemf(CodeDenied, "the unit is another organisation's"))
	if !errors.Is(err, &Problem{Code: CodeDenied}) || errors.Is(err, &Problem{Code: CodeBusy}) || errors.Is(err, &Problem{Code: CodeDenied, Detail: "other"}) {
		t.Error("a problem is equal to its code alone")
	}
	if CodeOf(err) != CodeDenied || CodeOf(io.EOF) != CodeInternal || CodeOf(nil) != "" {
		t.Error("codes are found in the chain; anything else is internal")
	}
}

func FuzzParseProblem(f *testing.F) {
	for _, s := range []string{
		"chaincode response 500, [already_exists] the unit exists", "[invalid] x; di: y", "[invalid] ; : ", "[busy] \x00", "[[gone] ] ",
		"[invalid] a; b: c; d", strings.Repeat("[", 50) + "busy] x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := ParseProblem(s)
		if !ok {
			return
		}
		again, ok := ParseProblem(p.Error())
		if !ok || again.Error() != p.Error() || again.Code != p.Code {
			t.Errorf("%q reads as %q, then as %v", s, p.Error(), again)
		}
	})
}

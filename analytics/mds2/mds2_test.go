package mds2

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func full() Statement {
	s := Statement{Edition: Edition, Date: "2026-11-30", Answers: map[string]Answer{}}
	for _, q := range questions {
		s.Answers[q] = Answer{Answer: "no"}
	}
	return s
}

func TestStatements(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, q := range questions {
		if seen[q] {
			t.Errorf("%s stands twice", q)
		}
		seen[q] = true
	}
	t.Logf("%d questions", len(questions))
	for name, c := range map[string]struct {
		spoil func(*Statement)
		code  ledger.Code
	}{
		"full":         {func(*Statement) {}, ""},
		"edition":      {func(s *Statement) { s.Edition = "2013" }, ledger.CodeInvalid},
		"date":         {func(s *Statement) { s.Date = "today" }, ledger.CodeInvalid},
		"missing":      {func(s *Statement) { delete(s.Answers, "AUDT-2.8.1") }, ledger.CodeInvalid},
		"unknown":      {func(s *Statement) { s.Answers["AUDT-99"] = Answer{Answer: "no"} }, ledger.CodeInvalid},
		"answer":       {func(s *Statement) { s.Answers["ALOF-1"] = Answer{Answer: "maybe"} }, ledger.CodeInvalid},
		"no note":      {func(s *Statement) { s.Answers["ALOF-1"] = Answer{Answer: "see-note"} }, ledger.CodeInvalid},
		"bell in note": {func(s *Statement) { s.Answers["ALOF-1"] = Answer{Answer: "no", Note: "\a"} }, ledger.CodeInvalid},
		"note":         {func(s *Statement) { s.Answers["ALOF-1"] = Answer{Answer: "see-note", Note: "After ten minutes."} }, ""},
	} {
		s := full()
		s.Answers = maps.Clone(s.Answers)
		c.spoil(&s)
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Parse(b)
		if (err == nil) != (c.code == "") || err != nil && ledger.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	b, _ := json.Marshal(full())
	f.Add(b)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Parse(b); err == nil && len(s.Answers) != len(questions) {
			t.Error("a statement with a hole was taken")
		}
	})
}

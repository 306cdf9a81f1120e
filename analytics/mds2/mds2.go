// Package mds2 knows the questions of the Manufacturer Disclosure Statement for
// Medical Device Security (HN 1-2019) by their numbers, and judges a maker's
// answers to them. The questions' wording is not here: it is its publishers'.
package mds2

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxNote bounds a note, in bytes.
const MaxNote = 4000

var limits = strictjson.Limits{Bytes: 1 << 20, Depth: 4, Values: 5000}

// numbers are the questions, section by section. DOC-1 to DOC-7 describe the
// statement itself and have a note for an answer.
const numbers = `
DOC 1 2 3 4 5 6 7 8 9 10 11 11.1 11.2 11.3 11.4
MPII 1 2 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 2.9 3 3.1 3.2 3.3 3.4 3.5 3.6 3.7 3.8 3.9 3.10
ALOF 1 2
AUDT 1 1.1 1.2 2 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 2.8.1 2.8.2 2.9 2.10 2.11 3 4 4.1 4.1.1 5 5.1 5.2 5.3 5.4 6 7 7.1 8
AUTH 1 1.1 1.2 1.3 2 3 4 5
CSUP 1 2 2.1 2.2 2.3 2.4 3 3.1 3.2 3.3 3.4 4 4.1 4.2 4.3 4.4 5 5.1 5.2 5.3 5.4 6 6.1 6.2 6.3 6.4 7 8 9 10 10.1 11 11.1 11.2
DIDT 1 1.1
DTBK 1 2 3 4 5 6
EMRG 1
IGAU 1 2
MLDP 1 2 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 3 4 5 5.1 5.2
NAUT 1 2 2.1 3
CONN 1 1.1 1.1.1 1.1.2 1.1.3 1.1.4 1.2 1.2.1 1.2.2 1.2.3 1.2.4 2 3 4 5 6 7 7.1 8
PAUT 1 1.1 2 3 4 5 6 7 8 9 10 11 12 13 14 14.1
PLOK 1 2 3 4
RDMP 1 2 3 4
SBOM 1 2 2.1 2.2 2.3 2.4 3 4
SAHD 1 2 3 3.1 3.2 4 5 5.1 6 6.1 6.2 7 8 9 10 11 12 13 14 14.1 15 16
SGUD 1 2 3 3.1 4
STCF 1 1.1 1.2 1.3 2 3 4
TXCF 1 2 2.1 3 4 5
TXIG 1 2
RMOT 1 1.1 1.2 1.3 2 3`

var questions = list()

func list() []string {
	var all []string
	for line := range strings.SplitSeq(strings.TrimSpace(numbers), "\n") {
		words := strings.Fields(line)
		for _, n := range words[1:] {
			all = append(all, words[0]+"-"+n)
		}
	}
	return all
}

// Questions are the ids of all questions, in the statement's order.
func Questions() []string { return slices.Clone(questions) }

// Answer is a maker's answer to one question.
type Answer struct {
	Answer string `json:"answer"` // yes, no, n/a or see-note
	Note   string `json:"note,omitempty"`
}

// Statement is a maker's answers to all questions.
type Statement struct {
	Edition string            `json:"edition"` // HN 1-2019
	Date    string            `json:"date"`    // as 2026-11-30
	Answers map[string]Answer `json:"answers"` // by question, as AUDT-2.8.1
}

// Edition is the one that is known here.
const Edition = "HN 1-2019"

// Parse judges a statement: every question of the edition answered, no other, a
// note where the answer says to see it. Problems: invalid with every fault,
// too_large.
func Parse(b []byte) (*Statement, error) {
	if err := strictjson.Check("the statement", b, limits); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var s Statement
	if err := d.Decode(&s); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the statement must be an object with edition, date and answers, and each answer one with answer and note")
	}
	var faults []ledger.Fault
	fault := func(at, detail string) { faults = append(faults, ledger.Fault{Field: at, Detail: detail}) }
	if s.Edition != Edition {
		fault("edition", "must be "+Edition)
	}
	if !isDate(s.Date) {
		fault("date", "must be a date, as 2026-11-30")
	}
	known := 0
	for _, q := range questions {
		a, ok := s.Answers[q]
		if !ok {
			fault("answers."+q, "is missing")
			continue
		}
		known++
		if detail := a.fault(); detail != "" {
			fault("answers."+q, detail)
		}
	}
	if known < len(s.Answers) {
		fault("answers", fmt.Sprintf("has %d answers to questions that %s does not have", len(s.Answers)-known, Edition))
	}
	if len(faults) > 0 {
		return nil, &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the statement is not one that can be taken", Faults: faults}
	}
	return &s, nil
}

func (a *Answer) fault() string {
	switch {
	case !slices.Contains([]string{"yes", "no", "n/a", "see-note"}, a.Answer):
		return "must be answered by yes, no, n/a or see-note"
	case a.Answer == "see-note" && strings.TrimSpace(a.Note) == "":
		return "needs the note that it says to see"
	case len(a.Note) > MaxNote || strings.ContainsFunc(a.Note, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }):
		return "has a note that is too long, or not of printable characters"
	}
	return ""
}

// Package report writes an assessment as a page that an auditor reads and prints:
// one HTML document with pictures in it, without scripts and without anything from
// elsewhere.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"time"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/chaincode/ledger"
)

//go:embed report.html
var page string

// Input is what the page tells.
type Input struct {
	Catalogue  *compliance.Catalogue
	Assessment *compliance.Assessment
	Unit       ledger.Unit
	ModelName  string
	Maker      string // its organisation's name
	Owner      string
	Node       string    // the organisation whose node wrote the page
	Written    time.Time // when

	Changes     []ledger.UnitChange        // of the unit's state, newest first
	Assessments []ledger.ControlAssessment // on the ledger, newest first
	Exceptions  []ledger.Exception         // that concern the unit
}

// view is Input with what the pictures need.
type view struct {
	Input
	Verdict   string
	Lead      string
	Dial      dial
	Areas     []area
	Life      timeline
	Scores    curve
	Rows      []row
	Counts    []count
	Open      []row
	AreasTall int
}

// area is the controls of one area, as a bar.
type area struct {
	Title    string
	Segments []segment
	Y        int
	Reached  string // of the weight that applies
}

type segment struct {
	X, Width int
	Class    string
	Title    string
}

type row struct {
	compliance.Control
	Class, Word, Reason, Exception string
	Shown                          []string // digests of the evidence
}

type count struct {
	Word, Class string
	N           int
}

var verdicts = map[string][2]string{
	ledger.VerdictCertified:      {"Can be certified", "Enough controls are met, all critical ones among them."},
	ledger.VerdictConditional:    {"Can be certified on conditions", "What is listed as open has to be mended while the certificate stands."},
	ledger.VerdictRefused:        {"Not enough is met", "No critical control fails, and too many others are not met or unknown."},
	ledger.VerdictNotCertifiable: {"Cannot be certified", "A critical control fails, or nothing shows that it is met."},
}

// labels are what results are called, in the order of a legend.
var labels = []count{
	{"met", "pass", 0},
	{"met in part", "partial", 0},
	{"borne with", "tolerated", 0},
	{"not met", "fail", 0},
	{"unknown", "unknown", 0},
	{"does not apply", "not_applicable", 0},
}

// attested says what an attestation came to.
var attested = map[string]string{
	compliance.AttestationAffirming:       "it runs what its maker published",
	compliance.AttestationContraindicated: "it does not run what its maker published",
	compliance.AttestationUnknown:         "nothing was shown either way",
}

var pages = template.Must(template.New("report").Funcs(template.FuncMap{
	"day": func(t time.Time) string {
		if t.IsZero() {
			return "–"
		}
		return t.UTC().Format("2 January 2006")
	},
	"minute":   func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
	"percent":  percent,
	"attested": func(verdict string) string { return attested[verdict] },
	"words":    inWords,
	"short":    func(s string) string { return s[:min(len(s), 16)] },
}).Parse(page))

// percent writes basis points.
func percent(points int) string { return fmt.Sprintf("%d.%d %%", points/100, points%100/10) }

// HTML writes the page.
func HTML(in Input) ([]byte, error) {
	v := view{Input: in}
	said := verdicts[in.Assessment.Verdict]
	v.Verdict, v.Lead = said[0], said[1]
	v.Counts = append(v.Counts, labels...)
	for i, r := range in.Assessment.Results {
		one := row{in.Catalogue.Controls[i], r.Result, "", r.Reason, r.Exception, r.Evidence}
		for k := range v.Counts {
			if v.Counts[k].Class == r.Result {
				v.Counts[k].N++
				one.Word = v.Counts[k].Word
			}
		}
		v.Rows = append(v.Rows, one)
		if r.Result != "pass" && r.Result != "not_applicable" {
			v.Open = append(v.Open, one)
		}
	}
	v.Dial = newDial(in.Assessment.Score, in.Assessment.Verdict)
	v.Areas = newAreas(in.Catalogue, v.Rows)
	v.AreasTall = len(v.Areas) * barPitch
	v.Life = newTimeline(&in)
	v.Scores = newCurve(in.Assessments, in.Assessment)
	var b bytes.Buffer
	if err := pages.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("writing a report: %w", err)
	}
	return b.Bytes(), nil
}

package report_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/analytics/compliance/compliancetest"
	"github.com/secant-platform/secant/analytics/compliance/report"
	"github.com/secant-platform/secant/chaincode/ledger"
)

var write = flag.String("write", "", "write the sample page to this file, to look at")

func sample(t *testing.T) report.Input {
	t.Helper()
	c := compliance.BuiltIn()
	a, err := compliance.Evaluate(c, compliancetest.Mixed())
	if err != nil {
		t.Fatal(err)
	}
	at := compliancetest.At
	in := report.Input{
		Catalogue: c, Assessment: a, ModelName: "Bedside monitor", Maker: "Medtech", Owner: "North Hospital", Node: "hospital-north", Written: at.Add(time.Minute),
		Unit: ledger.Unit{
			ID: a.Facts.Unit.ID, DI: a.Facts.Model.DI, Lot: "L2026-11", Release: "4.2.1", State: ledger.StateHeld, Holds: []string{ledger.HoldControl},
			Assessment: &ledger.Assessment{Verdict: ledger.VerdictConditional, Score: 7812, Assessor: "authority", Time: at.AddDate(0, -1, 0), ValidTo: at.AddDate(0, 2, 0)},
		},
	}
	for i, s := range []string{ledger.StateRegistered, ledger.StateCertified, ledger.StateInService, ledger.StateHeld, ledger.StateInService} {
		in.Changes = append(in.Changes, ledger.UnitChange{To: s, Revision: i + 1, Time: at.AddDate(0, -8+2*i, 0)})
	}
	for i, score := range []int{6100, 7400, 8800, 8100} {
		verdict := ledger.VerdictConditional
		if score > 8500 {
			verdict = ledger.VerdictCertified
		} else if score < 7000 {
			verdict = ledger.VerdictRefused
		}
		in.Assessments = append(in.Assessments, ledger.ControlAssessment{
			Score: score, Verdict: verdict, Assessor: "authority", Party: ledger.PartyAuthority, Time: at.AddDate(0, -8+2*i, 0), ResultDigest: ledger.BodyDigest([]byte{byte(i)}),
		})
	}
	return in
}

// TestThePageStandsAlone: no script, nothing from elsewhere, and each control on it.
func TestThePageStandsAlone(t *testing.T) {
	t.Parallel()
	in := sample(t)
	b, err := report.HTML(in)
	if err != nil {
		t.Fatal(err)
	}
	if *write != "" {
		if err := os.WriteFile(*write, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := string(b)
	for _, foreign := range []string{"<script", "src=", "href=", "url(", "@import", "http://", "https://", "ZgotmplZ", "%!"} {
		if strings.Contains(text, foreign) {
			t.Errorf("the page holds %s", foreign)
		}
	}
	for _, c := range in.Catalogue.Controls {
		if !strings.Contains(text, "<b>"+c.ID+"</b>") {
			t.Errorf("%s is not on the page", c.ID)
		}
	}
	if !strings.Contains(text, "<dd>held, for: critical control</dd>") {
		t.Error("the state is not said in words")
	}
	if strings.Count(text, "<svg") < 4 || !strings.Contains(text, in.Assessment.Digest()) {
		t.Error("pictures or digests are missing")
	}
}

// TestThePagePrints: as a document of some pages of A4, each with its number.
func TestThePagePrints(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not on the PATH")
	}
	b, err := report.HTML(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	from, to := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.pdf")
	if err := os.WriteFile(from, b, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-pdf-header-footer",
		"--user-data-dir="+filepath.Join(dir, "browser"), "--print-to-pdf="+to, from)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("printing: %v %s", err, out)
	}
	pdf, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	count := regexp.MustCompile(`/Count (\d+)`).FindSubmatch(pdf)
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || count == nil || len(count[1]) != 1 || count[1][0] < '2' {
		t.Errorf("it prints as %d bytes with %q pages", len(pdf), count)
	}
	// A4 is 595 by 842 points, of which browsers write fractions.
	box := regexp.MustCompile(`/MediaBox \[0 0 59\d(\.\d+)? 84\d(\.\d+)?\]`)
	if !box.Match(pdf) {
		t.Error("its pages are not of A4")
	}
}

func TestAttestationsOnThePage(t *testing.T) {
	t.Parallel()
	for verdict, want := range map[string]string{
		compliance.AttestationAffirming: "it runs what its maker published", compliance.AttestationContraindicated: "does not run",
		compliance.AttestationUnknown: "nothing was shown", "": "nothing of this release",
	} {
		in := sample(t)
		if in.Assessment.Facts.Attestation.Verdict = verdict; verdict == "" {
			in.Assessment.Facts.Attestation = nil
		}
		b, err := report.HTML(in)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), want) {
			t.Errorf("of one that is %q the page does not say that %s", verdict, want)
		}
	}
}

// TestWhatOthersWroteIsText: names come from other organisations.
func TestWhatOthersWroteIsText(t *testing.T) {
	t.Parallel()
	in := sample(t)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>`
	in.ModelName, in.Maker, in.Owner, in.Node, in.Unit.Lot = evil, evil, evil, evil, evil
	in.Unit.Holds = []string{evil}
	in.Changes[0].To = evil
	in.Assessments[0].Verdict, in.Assessments[0].Assessor = evil, evil
	in.Exceptions = []ledger.Exception{{Control: evil, Effect: evil, By: evil}}
	b, err := report.HTML(in)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "<script") || strings.Contains(string(b), "<img") {
		t.Error("what others wrote is markup")
	}
}

// TestAUnitWithoutAnything has a page, too.
func TestAUnitWithoutAnything(t *testing.T) {
	t.Parallel()
	a, err := compliance.Evaluate(compliance.BuiltIn(), compliance.Facts{
		At: compliancetest.At, Unit: compliance.Unit{ID: "u"}, Model: compliance.Model{DI: "d"}, Bill: compliance.Bill{State: compliance.BillAbsent},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := report.HTML(report.Input{Catalogue: compliance.BuiltIn(), Assessment: a, Written: compliancetest.At}); err != nil {
		t.Error(err)
	}
}

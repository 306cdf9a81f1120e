package holder_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/holder"
)

var (
	unit    = strings.Repeat("ab", 32)
	results = ledger.BodyDigest([]byte("results"))
)

// explained makes a statement about a request, with what it is about.
func explained(tb testing.TB, function string, request any, record ledger.Key, revision int) *holder.Explained {
	tb.Helper()
	b, err := holder.Encode(request)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := holder.NewStatement(holder.Order{
		Network: "dev", Channel: "secant", Function: function, Request: b, Record: record, Revision: revision,
		Expires: time.Date(2026, 1, 5, 8, 5, 0, 0, time.UTC),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return &holder.Explained{Statement: *s, Request: string(b)}
}

func TestAStatementSaysWhatItIsAbout(t *testing.T) {
	t.Parallel()
	for function, c := range map[string]struct {
		request  any
		record   ledger.Key
		revision int
		want     []string
	}{
		ledger.DeviceRelease: {ledger.ReleaseUnit{ID: unit, Revision: 3}, ledger.UnitKey(unit), 3, []string{
			"Release the device " + unit + ": it is held or in quarantine, as of its revision 3, and may be used again.", "No evidence is named.",
			"It takes 2 persons of as many organisations, with a credential DeviceReleaser, for the ledger dev/secant, until 2026-01-05 08:05:00 UTC.",
		}},
		ledger.DeviceClear: {ledger.ClearUnit{ID: unit, Revision: 3, Kind: "lot", Recall: 2, Evidence: results}, ledger.UnitKey(unit), 3, []string{
			"Clear the device " + unit + ", as of its revision 3, of the recall of its lot, revision 2: it was mended and may be used again.",
			"The evidence has the SHA-256 digest " + results + ".",
			"It takes 2 persons of as many organisations, with a credential DeviceReleaser, for the ledger dev/secant, until 2026-01-05 08:05:00 UTC.",
		}},
		ledger.DeviceLiftRecall: {ledger.LiftRecall{DI: "DI-1", Kind: "lot", Value: "L1", Revision: 2}, ledger.RecallKey("DI-1", "lot", "L1"), 2, []string{
			"Lift the recall, revision 2, of the lot L1 of the model DI-1: all its devices may be used again.",
			"It takes 2 persons of as many organisations, with a credential DeviceReleaser, for the ledger dev/secant, until 2026-01-05 08:05:00 UTC.",
		}},
		ledger.DeviceCertify: {ledger.CertifyUnit{
			ID: unit, Revision: 1, Catalogue: "secant-controls/1", Score: 9100, Verdict: ledger.VerdictCertified, ResultDigest: results,
			ValidTo: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
		}, ledger.UnitKey(unit), 1, []string{
			"Assess the device " + unit + ", as of its revision 1, by secant-controls/1: it is certified, with 9100 of 10000 points.",
			"The certification ends at 2026-10-01 00:00:00 UTC.", "The results have the SHA-256 digest " + results + ".",
			"One person signs this, with a credential DeviceAssessor, for the ledger dev/secant, until 2026-01-05 08:05:00 UTC.",
		}},
		ledger.ComplianceGrantException: {ledger.GrantException{
			SubjectKind: ledger.SubjectModel, Subject: "DI-1", Catalogue: "secant-controls/1", Control: "AU-1", Effect: ledger.ExceptTolerated,
			ReasonDigest: results, Until: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
		}, ledger.ExceptionKey(ledger.SubjectModel, "DI-1", "AU-1", results), 0, []string{
			"Except all devices of the model DI-1: the control AU-1 of secant-controls/1 need not be met, and is borne with, until 2026-10-01 00:00:00 UTC.",
			"The reason has the SHA-256 digest " + results + ".",
			"One person signs this, with a credential DeviceAssessor, for the ledger dev/secant, until 2026-01-05 08:05:00 UTC.",
		}},
	} {
		got, err := explained(t, function, c.request, c.record, c.revision).Says()
		if err != nil {
			t.Fatalf("%s: %v", function, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", function, diff)
		}
	}
}

// TestNobodyIsShownSomethingElse than what they sign.
func TestNobodyIsShownSomethingElse(t *testing.T) {
	t.Parallel()
	request := ledger.ReleaseUnit{ID: unit, Revision: 3}
	other := strings.Repeat("cd", 32)
	for name, change := range map[string]func(*holder.Explained){
		"another request":                  func(e *holder.Explained) { e.Request = strings.ReplaceAll(e.Request, "ab", "cd") },
		"a request in another form":        func(e *holder.Explained) { e.Request += " " },
		"a name in capitals":               func(e *holder.Explained) { e.Request = strings.Replace(e.Request, `"id"`, `"ID"`, 1) },
		"a name twice":                     func(e *holder.Explained) { e.Request = strings.Replace(e.Request, `{`, `{"id":"`+other+`",`, 1) },
		"an unknown name":                  func(e *holder.Explained) { e.Request = strings.Replace(e.Request, `{`, `{"x":1,`, 1) },
		"more behind":                      func(e *holder.Explained) { e.Request += "{}" },
		"no JSON":                          func(e *holder.Explained) { e.Request = "{" },
		"nothing":                          func(e *holder.Explained) { e.Request = "" },
		"a long one":                       func(e *holder.Explained) { e.Request = strings.Repeat(" ", ledger.MaxRequest+1) },
		"an invalid one":                   func(e *holder.Explained) { e.Request = `{"id":"x","revision":3}` },
		"a record that it is not about":    func(e *holder.Explained) { e.Statement.Record = ledger.KeyDigest(ledger.UnitKey(other)) },
		"another revision":                 func(e *holder.Explained) { e.Statement.Revision = 2 },
		"another transaction":              func(e *holder.Explained) { e.Statement.Function = ledger.DeviceRetire },
		"another transaction with persons": func(e *holder.Explained) { e.Statement.Function = ledger.DeviceClear },
		"a statement that is none":         func(e *holder.Explained) { e.Statement.Nonce = "" },
	} {
		e := explained(t, ledger.DeviceRelease, request, ledger.UnitKey(unit), 3)
		if change(e); true {
			if says, err := e.Says(); err == nil || says != nil {
				t.Errorf("%s: it says %q", name, says)
			}
		}
	}
}

// FuzzStepOf: what is read is in its one form, and is about one record.
func FuzzStepOf(f *testing.F) {
	f.Add(ledger.DeviceRelease, `{"id":"`+unit+`","revision":3}`)
	f.Add(ledger.DeviceLiftRecall, `{"di":"DI-1","kind":"lot","value":"L1","revision":2}`)
	f.Add(ledger.DeviceCertify, `{"id":"x","validTo":"2026-01-05T08:05:00.000Z"}`)
	f.Fuzz(func(t *testing.T, function, request string) {
		s, err := holder.StepOf(function, []byte(request))
		if err != nil {
			return
		}
		if s.Record.Type == "" || s.Count < 1 || len(s.Says) == 0 || !json.Valid([]byte(request)) || strings.ContainsFunc(strings.Join(s.Says, ""), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q reads as %+v", request, s)
		}
	})
}

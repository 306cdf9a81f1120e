package adapt

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// hostile are texts that would end a field, an event or a message if they could.
var hostile = []string{
	`a|b\|c`, `src=203.0.113.9 dst\=`, "two\nlines\r<13>x", "tab\there", `ends in \`, `\n`, "CEF:0|a|b|c|d|e|9|", "\x00\x1b[2J", "Grüße ✓", "=", "|",
}

func exampleRecord() Record {
	return Record{
		Kind: KindAlert, Time: time.Date(2026, 3, 2, 9, 0, 0, 123e6, time.UTC), Title: "ET USER_AGENTS Go HTTP Client", Severity: 2_500,
		Rule: "suricata:1:2024897", CVEs: []string{"CVE-2021-44228"}, Techniques: []string{"T1190", "T1110.003"},
		Observables: []Observable{
			{Type: TypeIPv4, Property: "value", Value: "203.0.113.9", Role: RoleSource},
			{Type: TypeIPv6, Property: "value", Value: "2001:db8::5", Role: RoleDestination},
			{Type: TypeDomain, Property: "value", Value: "update.example.org"},
			{Type: TypeURL, Property: "value", Value: "http://update.example.org/a?b=c|d"},
			{Type: TypeFile, Property: "SSDEEP", Value: "3:a+JraNvsgzsVqSwHq9:tJuOgzsko"},
		},
	}
}

// TestEventsForTheSIEM holds the events to what a reader of each form expects.
func TestEventsForTheSIEM(t *testing.T) {
	t.Parallel()
	r := exampleRecord()
	golden(t, "siem.golden.txt", bytes.Join([][]byte{
		CEF(r), LEEF(r), Syslog("gateway.example.org", r.Time, r.Severity, CEF(r)), Syslog("", time.Time{}, 9_500, LEEF(r)), nil,
	}, []byte("\n")))
}

// roundTrip writes a record in both forms, framed and bare, and reads it again by
// the readers that take foreign events.
func roundTrip(t interface{ Fatalf(string, ...any) }, r Record) {
	want := r
	want.Title, want.Rule = shortTitle(r.Title), lineOfRule(r)
	for name, event := range map[string][]byte{"CEF": CEF(r), "LEEF": LEEF(r)} {
		if bytes.ContainsAny(event, "\r\n") {
			t.Fatalf("%s has an end of a line within: %q", name, event)
		}
		message := Syslog("gateway", r.Time, r.Severity, event)
		for _, in := range [][]byte{event, message, append(bytes.Clone(message), message...)} {
			f, _ := Lookup("syslog")
			var got []Record
			err := f.Read(context.Background(), bytes.NewReader(in), func(r Record) error { got = append(got, r); return nil },
				func(b []byte, why error) { t.Fatalf("%s: %q: %v", name, b, why) })
			if err != nil || len(got) == 0 {
				t.Fatalf("%s: %d records, %v", name, len(got), err)
			}
			for _, g := range got {
				g.Original, g.Asset = nil, Asset{}
				if diff := cmp.Diff(want, g, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("%s (-written +read):\n%s\n%s", name, diff, in)
				}
			}
		}
	}
}

func TestEventsComeBack(t *testing.T) {
	t.Parallel()
	r := exampleRecord()
	r.Techniques = sorted(r.Techniques)
	roundTrip(t, r)
	for _, s := range hostile {
		r.Title, r.Rule = s+"x", s
		roundTrip(t, r)
	}
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, Record{
			Kind: KindAlert, Severity: rapid.IntRange(0, 10_000).Draw(t, "severity"),
			Title: "x" + rapid.String().Draw(t, "title"), Rule: rapid.String().Draw(t, "rule"),
			Time: time.UnixMilli(rapid.Int64Range(1e10, 4e12).Draw(t, "time")).UTC(),
		})
	})
}

// TestEventsAreBounded writes a record with more than an event may hold.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	r := exampleRecord()
	for i := range 1_000 {
		o, _ := Domain(strings.Repeat("a", 50) + string(rune('a'+i%26)) + ".example.org")
		r.Observables = append(r.Observables, o)
	}
	for _, event := range [][]byte{CEF(r), LEEF(r)} {
		if len(event) > 6_000 {
			t.Errorf("%d bytes", len(event))
		}
	}
}

func FuzzEventsComeBack(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, s, s, 5_000, int64(1772442000123))
	}
	f.Fuzz(func(t *testing.T, title, rule, value string, severity int, ms int64) {
		value = value[:min(len(value), 500)] // what is listed is bounded
		r := Record{
			Kind: KindAlert, Title: "x" + title, Rule: rule, Severity: min(max(severity, 0), 10_000),
			Time: time.UnixMilli(min(max(ms, 1e10), 4e12)).UTC(), CVEs: cves(value), Techniques: techniques(value),
		}
		r.observeAny(value, RoleSource)
		r.observeWords(value)
		roundTrip(t, r)
	})
}

package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// tellsOf lists the tables with a value in which a secret stands.
func tellsOf(t *testing.T, s *Store, secret string) (telling []string) {
	t.Helper()
	for _, name := range tableNames(t, s) {
		if !strings.HasPrefix(name, "intelligence_text") && tells(t, s, name, secret) {
			telling = append(telling, name)
		}
	}
	return telling
}

func tells(t *testing.T, s *Store, table, secret string) bool {
	t.Helper()
	rows, err := s.reading.QueryContext(t.Context(), fmt.Sprintf("SELECT * FROM %q", table))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for rows.Next() {
		values := make([]sql.RawBytes, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			found = found || bytes.Contains(v, []byte(secret))
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// onDisk reports whether SQLite's files hold a secret.
func onDisk(t *testing.T, s *Store, secret string) bool {
	t.Helper()
	if err := s.derive(t.Context(), func(context.Context, *txn) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var seq, file string
	var name string
	if err := s.reading.QueryRowContext(t.Context(), "PRAGMA database_list").Scan(&seq, &name, &file); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writing.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(b, []byte(secret))
}

// TestOfAWithdrawnSealedReportNothingStays, in whatever table it or what was made of it
// stood, and not even if it is withdrawn while something is made of it.
func TestOfAWithdrawnSealedReportNothingStays(t *testing.T) {
	t.Parallel()
	const secret = "zqxsecret"
	digest := strings.Repeat("ab", 32)
	s := openStore(t, Options{Organisation: north})
	apply(t, s, 0, tx(t, "unit", medtech, start, inService(1, "d", medtech)))
	apply(t, s, 1, tx(t, "shared", south, start, &ledger.Threat{V: 1, Digest: digest, Sharer: south, Marking: ledger.TLPAmber}))
	if err := s.PutSealed(t.Context(), &fact.SealedReport{Digest: digest, Sharer: south, Wrapped: []byte("w"), Sealed: []byte("s"), Stored: start}, nil); err != nil {
		t.Fatal(err)
	}
	due, _ := unassessed(t, s, 1)
	if len(due) != 1 {
		t.Fatal("the report is not to be assessed")
	}
	o := indicator(1, secret, "pump "+secret)
	o.Collection, o.Report = "sealed", digest
	match := fact.IndicatorMatch{Alert: 1, Indicator: o.ID, Collection: "sealed", Report: digest, Time: start, Found: correlate.Judged{Sentence: secret}}
	var added int64
	steps := []func() error{
		func() error {
			return s.PutAssessment(t.Context(), due[0], fact.Assessment{Title: secret, Matches: []fact.Match{{Unit: "u", Reasons: []string{secret}}}})
		},
		func() error {
			value := correlate.Value{Type: "domain-name", Property: "value", Text: secret}
			_, err := s.PutCorrelation(t.Context(), []fact.Correlated{{Object: added, Entry: correlate.Entry{
				ID: o.ID, Type: "indicator", Ways: []correlate.Alternative{{Values: []correlate.Value{value}}}, Links: []correlate.Link{{Source: secret, Target: "x", Kind: "y"}},
			}}}, added, []fact.IndicatorMatch{match})
			return err
		},
		func() error { return s.PutAlertMatches(t.Context(), 1, nil, []fact.IndicatorMatch{match}) },
		func() error {
			return s.PutLabels(t.Context(), "b", added, []int64{added}, []fact.TextLabel{{Object: o.ID, Collection: "sealed", Vocabulary: "v", Node: "n", Sentence: secret, Added: added}})
		},
		func() error {
			return s.PutCandidates(t.Context(), [][]byte{fmt.Appendf(nil, `{"term":%q,"seen":[%q]}`, secret, digest), []byte(`{"term":"stays"}`)})
		},
	}
	all := func() {
		t.Helper()
		for i, step := range steps {
			if err := step(); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
	}
	addSTIX(t, s, o)
	indexed(t, s)
	if err := s.reading.QueryRowContext(t.Context(), "SELECT added FROM stix_object").Scan(&added); err != nil {
		t.Fatal(err)
	}
	all()
	if got := tellsOf(t, s, secret); len(got) < 8 {
		t.Fatalf("only %v tell of it", got)
	}
	if !storetest.PostgreSQL() && !onDisk(t, s, secret) {
		t.Fatal("what is kept is not on the disk")
	}

	apply(t, s, 2, tx(t, "withdrawn", south, start, &ledger.Withdrawal{V: 1, Digest: digest, Sharer: south, Reason: ledger.WithdrawnError, Time: start}))
	if err := s.SealedErased(t.Context(), digest, start); err != nil {
		t.Fatal(err)
	}
	gone := func(what string) {
		t.Helper()
		// What the memory holds it is told of, and then forgets.
		values, err := s.GoneValues(t.Context(), 9)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if err := s.ForgetValues(t.Context(), v.ID); err != nil {
				t.Fatal(err)
			}
		}
		indexed(t, s)
		if got := tellsOf(t, s, secret); len(got) > 0 {
			t.Errorf("%s: %v tell of it", what, got)
		}
		if !storetest.PostgreSQL() && onDisk(t, s, secret) {
			t.Errorf("%s: it stands on the disk", what)
		}
	}
	gone("withdrawn")
	addSTIX(t, s, o)
	all()
	gone("withdrawn while it was judged")
	if got, err := s.Candidates(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("what does not quote it goes, too: %s %v", got, err)
	}
}

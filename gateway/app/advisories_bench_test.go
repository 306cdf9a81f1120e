package app

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// park fills a store with units of a hospital: so many releases, each with a bill of
// materials of 500 components of its own.
func park(tb testing.TB, units, releases int) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), storetest.Place(tb), store.Options{Organisation: "hospital-north"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	var writes []ledger.Write
	put := func(r interface{ Key() ledger.Key }) {
		b, err := json.Marshal(r)
		if err != nil {
			tb.Fatal(err)
		}
		writes = append(writes, ledger.Write{Key: r.Key(), Value: b})
	}
	put(&ledger.Organisation{V: 1, ID: "medtech", Name: "Medtech", Kind: ledger.KindManufacturer})
	const perModel = 20
	for i := range releases {
		di, version := fmt.Sprintf("DI-%d", i/perModel), fmt.Sprintf("1.%d", i%perModel)
		if i%perModel == 0 {
			put(&ledger.Model{V: 2, DI: di, Name: fmt.Sprintf("Bedside monitor %d", i/perModel), ModelNumber: fmt.Sprintf("BM-%d", 100+i/perModel), Manufacturer: "medtech", RiskClass: "IIb"})
		}
		type component struct {
			Type    string `json:"type"`
			Name    string `json:"name"`
			Version string `json:"version"`
			PURL    string `json:"purl"`
		}
		bill := struct {
			Format     string      `json:"bomFormat"`
			Spec       string      `json:"specVersion"`
			Version    int         `json:"version"`
			Components []component `json:"components"`
		}{"CycloneDX", "1.5", 1, nil}
		for j := range 500 {
			v := fmt.Sprintf("%d.%d.%d", j%7, i%30, j%11)
			name := fmt.Sprintf("library-%d", j)
			bill.Components = append(bill.Components, component{"library", name, v, "pkg:generic/" + name + "@" + v})
		}
		text, err := json.Marshal(bill)
		if err != nil {
			tb.Fatal(err)
		}
		digest := ledger.BodyDigest(text)
		put(&ledger.Release{V: 2, DI: di, Version: version, SBOMDigest: digest, SBOMFormat: ledger.FormatCycloneDX})
		if err := s.PutDocument(tb.Context(), fact.Document{Kind: fact.DocumentSBOM, Digest: digest, MediaType: "application/json", Body: text}); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range units {
		r := i % releases
		put(&ledger.Unit{
			V: 2, ID: fmt.Sprintf("%064x", i), DI: fmt.Sprintf("DI-%d", r/perModel), Release: fmt.Sprintf("1.%d", r%perModel), Lot: "L1",
			Manufacturer: "medtech", Owner: "hospital-north", State: ledger.StateInService, Certification: ledger.CertificationNone, Revision: 1,
		})
	}
	const perTx = 1_000
	for n := 0; len(writes) > 0; n++ {
		part := writes[:min(perTx, len(writes))]
		writes = writes[len(part):]
		b := &ledger.Block{Number: uint64(n), Txs: []ledger.Tx{{ID: fmt.Sprintf("%064x", n), Name: "test:Write", Creator: "medtech", Time: time.Now(), Valid: true, Writes: part}}}
		if _, err := s.Apply(tb.Context(), b); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// BenchmarkAdvisoryToList measures the time from an advisory's bytes to the first
// page of the units that it concerns, at a node that knows 10,000 units with bills
// of 500 components: for a node that has matched before, and for one that just
// started and reads all bills.
func BenchmarkAdvisoryToList(b *testing.B) {
	for _, releases := range []int{20, 1_000} {
		s := park(b, 10_000, releases)
		a := newAdvisor(s, newAssessor(s, "hospital-north"))
		n := 0
		run := func(b *testing.B, a *advisor) {
			b.Helper()
			n++
			body := fmt.Appendf(nil, `{"id":"OSV-%d-%d","modified":"2026-11-02T10:00:00Z","affected":[{"package":{"ecosystem":"","name":"library-7","purl":"pkg:generic/library-7"},
				"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0.15.0"}]}]}]}`, releases, n)
			got, err := a.Import(b.Context(), body)
			if err != nil || got[0].Units == 0 {
				b.Fatalf("%+v %v", got, err)
			}
			page, err := s.AffectedUnits(b.Context(), fact.AffectedFilter{Advisory: got[0].ID}, ledger.PageRequest{Size: 50})
			if err != nil || len(page.Items) != 50 {
				b.Fatal(len(page.Items), err)
			}
			b.ReportMetric(float64(got[0].Units), "units")
		}
		run(b, a)
		b.Run(fmt.Sprintf("releases=%d/warm", releases), func(b *testing.B) {
			for b.Loop() {
				run(b, a)
			}
		})
		b.Run(fmt.Sprintf("releases=%d/started", releases), func(b *testing.B) {
			for b.Loop() {
				run(b, newAdvisor(s, newAssessor(s, "hospital-north")))
			}
		})
	}
}

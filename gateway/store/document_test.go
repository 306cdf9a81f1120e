package store

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// drain postpones all that a holder has due and returns it, in order.
func drain(t *testing.T, s *Store, holder string, later time.Time) (all []fact.Fetch, next time.Time) {
	t.Helper()
	for {
		f, next, err := s.Wanted(t.Context(), holder, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if f == nil {
			return all, next
		}
		all = append(all, *f)
		if err := s.Postpone(t.Context(), *f, later); err != nil {
			t.Fatal(err)
		}
	}
}

func inService(id int, di, maker string) *ledger.Unit {
	return &ledger.Unit{V: 1, ID: hex32(id), DI: di, Release: "1", Owner: north, Manufacturer: maker, State: ledger.StateInService}
}

func TestDocumentsAreWantedUntilTheyAreHere(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	body, sbom := []byte("report"), []byte("bill")
	threat := ledger.Threat{V: 1, Digest: ledger.BodyDigest(body), Sharer: south, Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 6}
	own := ledger.Threat{V: 1, Digest: hex32(5), Sharer: north}
	release := ledger.Release{V: 1, DI: "a/b", Version: "1", SBOMDigest: ledger.BodyDigest(sbom)}
	apply(t, s, 0, tx(t, "a", south, start, &threat), tx(t, "b", north, start, &own), tx(t, "c", medtech, start, &release))
	registered := *inService(1, "a/b", medtech)
	registered.State = ledger.StateRegistered
	foreign := *inService(2, "a/b", medtech)
	foreign.Owner = south
	apply(t, s, 1, tx(t, "d", medtech, start, &registered, &foreign))
	if holders, err := s.Holders(t.Context()); err != nil || !slices.Equal(holders, []string{south}) {
		t.Errorf("holders %v, %v; want the sharer alone while no own unit is in service", holders, err)
	}
	apply(t, s, 2, tx(t, "e", north, start, inService(1, "a/b", medtech)))
	later := fromMillis(millis(time.Now().Add(time.Hour)))
	for holder, want := range map[string]fact.Fetch{
		south:   {Kind: fact.DocumentReport, Digest: threat.Digest, MediaType: ledger.MediaTypeSTIX, Size: 6, Holder: south, Path: "/v1/threats/" + threat.Digest + "/body", Next: fromMillis(0)},
		medtech: {Kind: fact.DocumentSBOM, Digest: release.SBOMDigest, Holder: medtech, Path: "/v1/models/a%2Fb/releases/1/sbom", Next: fromMillis(0)},
	} {
		due, next := drain(t, s, holder, later)
		if d := cmp.Diff([]fact.Fetch{want}, due); d != "" || !next.Equal(later) {
			t.Errorf("wanted from %s, again at %v (-want +got):\n%s", holder, next, d)
		}
	}
	wrong := fact.Document{Kind: fact.DocumentReport, Digest: threat.Digest, Body: []byte("other")}
	if err := s.PutDocument(t.Context(), wrong); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("another body: %v, want invalid", err)
	}
	for _, d := range []fact.Document{
		{Kind: fact.DocumentReport, Digest: threat.Digest, MediaType: "m", Body: body}, {Kind: fact.DocumentSBOM, Digest: release.SBOMDigest, Body: sbom},
	} {
		if err := s.PutDocument(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	// What is here is wanted from nobody, whatever happens next.
	again := threat
	again.Sharer = medtech
	apply(t, s, 3, tx(t, "f", north, start, inService(1, "a/b", medtech)), tx(t, "g", medtech, start, &again))
	if holders, err := s.Holders(t.Context()); err != nil || len(holders) != 0 {
		t.Errorf("what is here is wanted from %v, %v", holders, err)
	}
}

// Whoever is the first to name a digest cannot keep the others from being asked.
func TestEveryHolderOfADocumentIsAsked(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	body, sbom := []byte("report"), []byte("bill")
	report, bill := ledger.BodyDigest(body), ledger.BodyDigest(sbom)
	for i, org := range []string{south, medtech} {
		di := fmt.Sprint("d", i)
		apply(t, s, uint64(i), tx(t, org, org, start,
			&ledger.Threat{V: 1, Digest: report, Sharer: org, Size: int64(len(body) + i)},
			&ledger.Release{V: 1, DI: di, Version: "1", SBOMDigest: bill}, inService(i, di, org)))
	}
	for i, org := range []string{south, medtech} {
		due, _ := drain(t, s, org, time.Now().Add(time.Hour))
		if len(due) != 2 || due[0].Digest != report || due[0].Size != int64(len(body)+i) || due[1].Digest != bill {
			t.Errorf("wanted from %s: %+v; want the report and the bill", org, due)
		}
	}
	for _, d := range []fact.Document{{Kind: fact.DocumentReport, Digest: report, Body: body}, {Kind: fact.DocumentSBOM, Digest: bill, Body: sbom}} {
		if err := s.PutDocument(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if holders, err := s.Holders(t.Context()); err != nil || len(holders) != 0 {
		t.Errorf("after they came from one, they are wanted from %v, %v", holders, err)
	}
}

func TestAHoldersDocumentsComeInTheOrderOfTheLedger(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	order := []int{7, 3, 9, 1}
	for i, n := range order {
		apply(t, s, uint64(i), tx(t, strconv.Itoa(n), south, start, &ledger.Threat{V: 1, Digest: hex32(n), Sharer: south}))
	}
	due, _ := drain(t, s, south, time.Now().Add(time.Hour))
	for i, n := range order {
		if due[i].Digest != hex32(n) {
			t.Errorf("document %d is %s, want %s", i, due[i].Digest, hex32(n))
		}
	}
}

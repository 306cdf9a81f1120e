package store

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestTheRosterIsTheNewestOne(t *testing.T) {
	s := openStore(t, Options{Organisation: north})
	if _, err := s.Roster(t.Context()); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("before anyone registered: %v", err)
	}
	first := &ledger.Roster{V: 1, Organisations: []string{north, south}, Revision: 1}
	second := &ledger.Roster{V: 1, Organisations: []string{north}, Removed: []string{south}, Revision: 2}
	for i, r := range []*ledger.Roster{first, second} {
		apply(t, s, uint64(i), tx(t, "r", north, start, r))
		got, err := s.Roster(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(*r, got.Record); d != "" || got.Origin.Block != uint64(i) {
			t.Errorf("in block %d (-want +got):\n%s", got.Origin.Block, d)
		}
	}
}

// registered lists what a filter leaves, by key.
func registered[T any, P interface {
	*T
	Key() ledger.Key
}](t *testing.T, p fact.Page[T], err error,
) (keys []string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Items {
		keys = append(keys, strings.Join(P(&p.Items[i].Record).Key().Parts, " "))
	}
	return keys
}

func TestTheRegistryIsListedByWhatItSays(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	a, b := ledger.IssuerDID("n", north, "i"), ledger.IssuerDID("n", south, "i")
	apply(t, s, 0, tx(t, "a", north, start,
		&ledger.TrustRow{V: 1, Issuer: a, CredentialType: "T", State: ledger.TrustAccepted, Revision: 1},
		&ledger.TrustRow{V: 1, Issuer: a, CredentialType: "U", State: ledger.TrustStruck, Revision: 2},
		&ledger.TrustRow{V: 1, Issuer: b, CredentialType: "T", State: ledger.TrustStruck, Revision: 2},
		&ledger.Schema{V: 1, CredentialType: "T", Version: "1", Author: north}, &ledger.Schema{V: 1, CredentialType: "U", Version: "1", Author: north},
		&ledger.DID{V: 1, ID: a, Kind: ledger.DIDIssuer, Organisation: north, Revision: 1}, &ledger.DID{V: 1, ID: b, Kind: ledger.DIDIssuer, Organisation: south, Revision: 1},
		&ledger.DID{V: 1, ID: "did:secant:n:" + north, Kind: ledger.DIDOrganisation, Organisation: north, Revision: 1},
		&ledger.DIDVersion{V: 1, Document: ledger.DID{ID: a, Revision: 1}, Proof: "p"},
		&ledger.StatusList{V: 1, Issuer: a, List: "1", Version: 3}, &ledger.StatusList{V: 1, Issuer: b, List: "1", Version: 1}))
	trust := func(f fact.TrustFilter) []string {
		p, err := s.TrustRows(t.Context(), f, ledger.PageRequest{})
		return registered(t, p, err)
	}
	dids := func(f fact.DIDFilter) []string {
		p, err := s.DIDs(t.Context(), f, ledger.PageRequest{})
		return registered(t, p, err)
	}
	schemas := func(of string) []string {
		p, err := s.Schemas(t.Context(), of, ledger.PageRequest{})
		return registered(t, p, err)
	}
	lists := func(of string) []string {
		p, err := s.StatusLists(t.Context(), of, ledger.PageRequest{})
		return registered(t, p, err)
	}
	for name, c := range map[string]struct{ got, want []string }{
		"all rows":             {trust(fact.TrustFilter{}), []string{a + " T", a + " U", b + " T"}},
		"of an issuer":         {trust(fact.TrustFilter{Issuer: a}), []string{a + " T", a + " U"}},
		"of a type":            {trust(fact.TrustFilter{CredentialType: "T"}), []string{a + " T", b + " T"}},
		"accepted":             {trust(fact.TrustFilter{State: ledger.TrustAccepted}), []string{a + " T"}},
		"all at once":          {trust(fact.TrustFilter{Issuer: b, CredentialType: "T", State: ledger.TrustAccepted}), nil},
		"all DIDs":             {dids(fact.DIDFilter{}), []string{"did:secant:n:" + north, a, b}},
		"issuers":              {dids(fact.DIDFilter{Kind: ledger.DIDIssuer}), []string{a, b}},
		"issuers of the south": {dids(fact.DIDFilter{Kind: ledger.DIDIssuer, Organisation: south}), []string{b}},
		"schemas":              {schemas(""), []string{"T 1", "U 1"}},
		"schemas of a type":    {schemas("U"), []string{"U 1"}},
		"lists":                {lists(""), []string{a + " 1", b + " 1"}},
		"lists of an issuer":   {lists(b), []string{b + " 1"}},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for name, err := range map[string]error{
		"trust":   second(s.Trust(t.Context(), a, "T")),
		"DID":     second(s.DID(t.Context(), b)),
		"version": second(s.DIDVersion(t.Context(), a, 1)),
		"list":    second(s.StatusList(t.Context(), a, "1")),
		"schema":  second(s.Schema(t.Context(), "T", "1")),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := second(s.DIDVersion(t.Context(), a, 2)); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("a version that there is not: %v", err)
	}
}

func TestSchemasOfOthersAreWanted(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	body := []byte("{}")
	apply(t, s, 0, tx(t, "a", north, start,
		&ledger.Schema{V: 1, CredentialType: "https://x.example/T", Version: "1", Digest: ledger.BodyDigest(body), Author: south},
		&ledger.Schema{V: 1, CredentialType: "U", Version: "1", Digest: hex32(1), Author: north}))
	if holders, err := s.Holders(t.Context()); err != nil || len(holders) != 1 {
		t.Errorf("holders %v, %v", holders, err)
	}
	f, _, err := s.Wanted(t.Context(), south, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if f == nil || f.Kind != fact.DocumentSchema || f.Path != "/v1/schemas/https:%2F%2Fx.example%2FT/1" || f.Size != fact.MaxSchema {
		t.Errorf("%+v", f)
	}
	if err := s.PutDocument(t.Context(), fact.Document{Kind: fact.DocumentSchema, Digest: ledger.BodyDigest(body), MediaType: "application/schema+json", Body: body}); err != nil {
		t.Fatal(err)
	}
	if f, _, err := s.Wanted(t.Context(), south, time.Now()); f != nil || err != nil {
		t.Errorf("still wanted: %+v %v", f, err)
	}
}

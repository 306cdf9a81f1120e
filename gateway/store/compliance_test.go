package store

import (
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestNobodyCrowdsOutWhatOthersSay: however much evidence of a control one organisation
// records, what another says of it is found.
func TestNobodyCrowdsOutWhatOthersSay(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{Organisation: north})
	evidence := func(n int, by, claim string) *ledger.Evidence {
		return &ledger.Evidence{
			V: 1, SubjectKind: ledger.SubjectModel, Subject: "DI-1", Catalogue: "c/1", Control: "CE-1", Claim: claim, Digest: hex32(n), By: by, Time: start,
		}
	}
	apply(t, s, 0, tx(t, "0", north, start, evidence(0, north, ledger.ClaimNotMet)))
	const limit = 10
	for n := 1; n <= limit; n++ {
		apply(t, s, uint64(n), tx(t, hex32(n), medtech, start, evidence(n, medtech, ledger.ClaimMet)))
	}
	got, err := s.Evidence(t.Context(), hex32(1), "DI-1", limit)
	if err != nil || len(got) != 2 || got[0].Record.Digest != hex32(limit) || got[1].Record.By != north {
		t.Errorf("%+v %v", got, err)
	}
}

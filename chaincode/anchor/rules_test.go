package anchor

import (
	"crypto/rand"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestOnlyTheOwnerCommits(t *testing.T) {
	t.Parallel()
	s := &ledger.Stream{Owner: "hospital-north"}
	if err := mayCommit(s, "hospital-north"); err != nil {
		t.Error(err)
	}
	if err := mayCommit(s, "hospital-south"); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("another organisation commits: %v", err)
	}
}

func TestAStreamIsNamedByItsKey(t *testing.T) {
	t.Parallel()
	_, verifier, err := note.GenerateKey(rand.Reader, "secant/test/hospital-north")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	s, err := open(ledger.OpenStream{Verifier: verifier}, "hospital-north", now)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID != ledger.StreamID(verifier) || s.Origin != "secant/test/hospital-north" || s.Owner != "hospital-north" || !s.Opened.Equal(now) {
		t.Errorf("the stream is %+v", s)
	}
	if _, err := open(ledger.OpenStream{Verifier: "no key"}, "hospital-north", now); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("a stream without a key: %v", err)
	}
	for _, org := range []string{"hospital-south", "north", "test/hospital-northern", ""} {
		if _, err := open(ledger.OpenStream{Verifier: verifier}, org, now); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%q opens a stream under another's name: %v", org, err)
		}
	}
}

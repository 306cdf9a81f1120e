package anchor

import (
	"testing"
	"time"

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
	const verifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
	now := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	s, err := open(ledger.OpenStream{Verifier: verifier}, "hospital-north", now)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID != ledger.StreamID(verifier) || s.Origin != "PeterNeumann" || s.Owner != "hospital-north" || !s.Opened.Equal(now) {
		t.Errorf("the stream is %+v", s)
	}
	if _, err := open(ledger.OpenStream{Verifier: "no key"}, "hospital-north", now); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("a stream without a key: %v", err)
	}
}

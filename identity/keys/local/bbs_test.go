package local_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

func TestKeysForBBSComeBackAndRotate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := open(t, dir).BBS("issuer-bbs")
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	again, err := s.BBS("issuer-bbs")
	if err != nil || !bytes.Equal(again.PublicKey(), first.PublicKey()) || again.ID() != "issuer-bbs-1" {
		t.Fatalf("the key comes back as %s, %v", again.ID(), err)
	}
	second, err := s.RotateBBS("issuer-bbs")
	if err != nil || second.Generation != 2 || bytes.Equal(second.PublicKey(), first.PublicKey()) {
		t.Errorf("the next one is %+v, %v", second, err)
	}
	old, err := s.BBSAt("issuer-bbs", 1)
	if err != nil || !bytes.Equal(old.PublicKey(), first.PublicKey()) {
		t.Errorf("the first is another (%v)", err)
	}
	if list, err := s.BBSGenerations("issuer-bbs"); err != nil || !slices.Equal(list, []int{1, 2}) {
		t.Errorf("%v %v", list, err)
	}
	if list, err := s.Generations("issuer-bbs"); err != nil || len(list) > 0 {
		t.Errorf("they count as signing keys: %v (%v)", list, err)
	}
	_, err = s.BBS("../x")
	want(t, ledger.CodeInvalid, err)
}

// TestNoKeyStandsInForOneOfBBS: neither another generation nor a signing key.
func TestNoKeyStandsInForOneOfBBS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.BBS("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Signer("a", verify.AlgEdDSA); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"a.1.bbs": "a.2.bbs", "a.1.signer": "b.1.bbs"} {
		b, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir)
	for _, purpose := range []string{"a", "b"} {
		_, err := s.BBS(purpose)
		want(t, ledger.CodeInternal, err, "backup")
	}
}

package wallet_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/wallet"
)

func TestSessionsAreKeptSealedAndApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret, err := wallet.NewKeyFile(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "w")
	w, err := wallet.Create(home, secret, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	const north, south = "https://north.example", "https://south.example"
	s := wallet.Session{
		Node: north, Access: "access-secret", Refresh: "refresh-secret", Role: "nurse",
		Until: time.Unix(1000, 0).UTC(), Expires: time.Unix(2000, 0).UTC(),
	}
	for _, err := range []error{w.KeepSession(s), w.ForgetSession(north), errOf(w.Session(north))} {
		if !errors.Is(err, &ledger.Problem{Code: ledger.CodeNotFound}) {
			t.Errorf("at a node that is not known: %v", err)
		}
	}
	first, err := w.NodeKey(north)
	if err != nil {
		t.Fatal(err)
	}
	other, err := w.NodeKey(south)
	if err != nil {
		t.Fatal(err)
	}
	if first.JWK() == other.JWK() {
		t.Error("two nodes know the holder by one key")
	}
	if err := w.KeepSession(s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	b, err := os.ReadFile(filepath.Join(home, "wallet.sealed"))
	if err != nil || strings.Contains(string(b), "secret") {
		t.Errorf("the file tells of the tokens (%v)", err)
	}
	if by, err := wallet.ByKeyFile(home); err != nil || !by {
		t.Errorf("opens by a key file: %v, %v", by, err)
	}
	if _, err := wallet.ByKeyFile(dir); !errors.Is(err, &ledger.Problem{Code: ledger.CodeNotFound}) {
		t.Errorf("of no wallet: %v", err)
	}
	if w, err = wallet.Open(home, secret, time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	again, err := w.NodeKey(north)
	if err != nil || again.JWK() != first.JWK() {
		t.Errorf("the key for a node changes (%v)", err)
	}
	got, err := w.Session(north)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, *got); diff != "" {
		t.Error(diff)
	}
	if list := w.Sessions(); len(list) != 1 {
		t.Errorf("%d sessions", len(list))
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v", s, got)} {
		if strings.Contains(text, "secret") {
			t.Errorf("printed: %s", text)
		}
	}
	if err := w.ForgetSession(north); err != nil || len(w.Sessions()) != 0 {
		t.Errorf("after it is forgotten: %v, %v", w.Sessions(), err)
	}
	if again, err = w.NodeKey(north); err != nil || again.JWK() != first.JWK() {
		t.Errorf("the key goes with the session (%v)", err)
	}
}

func errOf[T any](_ T, err error) error { return err }

func TestAWalletKnowsSoManyNodes(t *testing.T) {
	t.Parallel()
	secret, err := wallet.NewKeyFile(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := wallet.Create(t.TempDir(), secret, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	for i := range 64 {
		if _, err := w.NodeKey(fmt.Sprintf("https://n%d.example", i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.NodeKey("https://one-more.example"); !errors.Is(err, &ledger.Problem{Code: ledger.CodeTooLarge}) {
		t.Errorf("one more: %v", err)
	}
}

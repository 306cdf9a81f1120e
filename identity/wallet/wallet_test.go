package wallet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/wallet"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func now() time.Time { return start }

// keyFile makes a secret that costs nothing to open.
func keyFile(t *testing.T) (string, wallet.Secret) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	s, err := wallet.NewKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, s
}

// create makes a wallet that is closed at the test's end.
func create(t *testing.T) *wallet.Wallet {
	t.Helper()
	_, s := keyFile(t)
	w, err := wallet.Create(filepath.Join(t.TempDir(), "w"), s, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

const staffType = "https://credentials.example/staff"

// card issues a credential to a new key of the wallet.
func card(t *testing.T, w *wallet.Wallet, curve string) (c *wallet.Credential, issuer keys.Signer) {
	t.Helper()
	issuer, err := create(t).NewKey(ledger.CurveP256)
	if err != nil {
		t.Fatal(err)
	}
	key, err := w.NewKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	token, err := sdjwt.Issue(issuer, sdjwt.Credential{
		Issuer: "did:web:issuer.example", KeyID: "did:web:issuer.example#1", Type: staffType, Holder: key.JWK(),
		Issued: start, Expires: start.Add(time.Hour), Hidden: map[string]any{"given_name": "Ada", "role": "nurse"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c, err = w.Add(oid4vp.FormatSDJWT, token, key.JWK().Thumbprint(), "Staff card"); err != nil {
		t.Fatal(err)
	}
	return c, issuer
}

func TestAWalletComesBackAsItWas(t *testing.T) {
	t.Parallel()
	path, secret := keyFile(t)
	pass, err := wallet.Passphrase("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	again, err := wallet.KeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string][2]wallet.Secret{"passphrase": {pass, pass}, "key file": {secret, again}} {
		dir := filepath.Join(t.TempDir(), "w")
		w, err := wallet.Create(dir, s[0], now)
		if err != nil {
			t.Fatal(err)
		}
		one, _ := card(t, w, ledger.CurveEd25519)
		card(t, w, ledger.CurveP256)
		want := w.List()
		if _, err := wallet.Open(dir, s[1], now); !errors.Is(err, &ledger.Problem{Code: ledger.CodeBusy}) {
			t.Errorf("%s: open twice: %v", name, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if w, err = wallet.Open(dir, s[1], now); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, w.List()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		_, claims, err := w.Show(one.ID)
		if err != nil || claims["given_name"] != "Ada" {
			t.Errorf("%s: %v %v", name, claims, err)
		}
		if err := w.Delete(one.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Key(one.Key); !errors.Is(err, &ledger.Problem{Code: ledger.CodeNotFound}) {
			t.Errorf("%s: the key of a credential that is gone: %v", name, err)
		}
		if got := w.List(); len(got) != 1 {
			t.Errorf("%s: %v", name, got)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNothingLiesOpen: neither claims nor keys stand in a file, which is one that
// others cannot read, and a secret does not print.
func TestNothingLiesOpen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "w")
	secret, err := wallet.Passphrase("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	w, err := wallet.Create(dir, secret, now)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	card(t, w, ledger.CurveP256)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", e.Name(), info.Mode())
		}
		for _, word := range []string{"Ada", "nurse", "issuer.example", "credentials", "P-256", "horse"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s holds %q", e.Name(), word)
			}
		}
	}
	for _, s := range []string{fmt.Sprint(secret), fmt.Sprintf("%+v %#v %s", secret, secret, secret)} {
		if strings.Contains(s, "horse") {
			t.Errorf("a secret prints as %s", s)
		}
	}
}

// TestOthersDoNotOpenIt: neither another secret nor a changed file opens a wallet.
func TestOthersDoNotOpenIt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "w")
	_, secret := keyFile(t)
	_, other := keyFile(t)
	pass, err := wallet.Passphrase("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wallet.Open(dir, secret, now); !errors.Is(err, &ledger.Problem{Code: ledger.CodeNotFound}) {
		t.Errorf("a wallet that is not there: %v", err)
	}
	w, err := wallet.Create(dir, secret, now)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := wallet.Create(dir, other, now); !errors.Is(err, &ledger.Problem{Code: ledger.CodeAlreadyExists}) {
		t.Errorf("made twice: %v", err)
	}
	for name, s := range map[string]wallet.Secret{"another key": other, "a passphrase": pass, "nothing": {}} {
		if _, err := wallet.Open(dir, s, now); !errors.Is(err, &ledger.Problem{Code: ledger.CodeDenied}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(dir, "wallet.sealed")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f map[string]any
	if err := json.Unmarshal(good, &f); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]any){
		"version": func(f map[string]any) { f["v"] = 2 },
		"way":     func(f map[string]any) { f["way"] = "scrypt" },
		"salt":    func(f map[string]any) { f["salt"] = strings.Repeat("A", 43) + "=" },
		"short":   func(f map[string]any) { f["salt"] = "" },
		"sealed":  func(f map[string]any) { f["sealed"] = "A" + f["sealed"].(string)[1:] },
		"empty":   func(f map[string]any) { f["sealed"] = "" },
	} {
		changed := map[string]any{}
		for k, v := range f {
			changed[k] = v
		}
		change(changed)
		b, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := wallet.Open(dir, secret, now); err == nil && !bytes.Equal(b, good) {
			t.Errorf("%s: a changed file opens", name)
		}
	}
}

func TestPoorSecretsAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := wallet.Passphrase("short"); err == nil {
		t.Error("a short passphrase")
	}
	for name, c := range map[string]struct {
		size int
		mode os.FileMode
	}{"short": {31, 0o600}, "read by others": {32, 0o644}, "long": {8 << 10, 0o600}} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, make([]byte, c.size), c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := wallet.KeyFile(path); err == nil {
			t.Errorf("a key file that is %s", name)
		}
	}
}

// TestCredentialsOfOthersAreNotKept, nor what is none.
func TestCredentialsOfOthersAreNotKept(t *testing.T) {
	t.Parallel()
	w, other := create(t), create(t)
	theirs, _ := card(t, other, ledger.CurveP256)
	mine, err := w.NewKey(ledger.CurveP256)
	if err != nil {
		t.Fatal(err)
	}
	key := mine.JWK().Thumbprint()
	for name, c := range map[string]struct {
		format oid4vp.Format
		token  string
		key    string
	}{
		"no key":        {oid4vp.FormatSDJWT, "a.b.c~", ""},
		"another's key": {oid4vp.FormatMDoc, "x", theirs.Key},
		"no SD-JWT":     {oid4vp.FormatSDJWT, "x", key},
		"no JWT":        {oid4vp.FormatJWT, "x", key},
		"no JSON":       {oid4vp.FormatLDP, "x", key},
		"other format":  {"ac_vp", "x", key},
		"no mdoc":       {oid4vp.FormatMDoc, "opaque", key},
		"empty":         {oid4vp.FormatMDoc, "", key},
		"large":         {oid4vp.FormatMDoc, strings.Repeat("x", 65<<10), key},
	} {
		if _, err := w.Add(c.format, c.token, c.key, ""); err == nil {
			t.Errorf("%s: it is kept", name)
		}
	}
	if _, err := w.Add(oid4vp.FormatLDP, `{"type":"X","issuer":{"id":"did:web:i"},"validUntil":"2027-01-01T00:00:00Z"}`, "", ""); err != nil {
		t.Errorf("one with a proof: %v", err)
	}
	if got := w.List(); len(got) != 1 || got[0].Issuer != "did:web:i" || got[0].Expires.Year() != 2027 {
		t.Errorf("it holds %+v", got)
	}
	if err := w.Delete("none"); !errors.Is(err, &ledger.Problem{Code: ledger.CodeNotFound}) {
		t.Errorf("deleting what is not there: %v", err)
	}
}

// TestAStatementIsSigned so that the ledger's own check takes it, and is noted.
func TestAStatementIsSigned(t *testing.T) {
	t.Parallel()
	w := create(t)
	one, issuer := card(t, w, ledger.CurveEd25519)
	order := holder.Order{
		Network: "test", Channel: "main", Function: "device:Release", Request: []byte(`{}`), Record: ledger.Key{Type: "unit", Parts: []string{"1"}},
		Expires: start.Add(10 * time.Minute),
	}
	s, err := holder.NewStatement(order)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := w.Sign(s, one.ID)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ledger.EncodeStatements(*signed)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := verify.ParseStatements(b)
	if err != nil {
		t.Fatal(err)
	}
	key, err := verify.NewKey(issuer.JWK())
	if err != nil {
		t.Fatal(err)
	}
	agreed, err := parsed[0].Verify(key, verify.Occasion{
		Network: "test", Channel: "main", Function: "device:Release", Request: ledger.BodyDigest(order.Request), Record: ledger.KeyDigest(order.Record), At: start,
	})
	if err != nil {
		t.Fatal(err)
	}
	if agreed.Credential.Claims["given_name"] != nil {
		t.Error("a statement shows claims")
	}
	if log := w.Log(); len(log) != 1 || log[0].Function != "device:Release" || log[0].Verifier != "secant:test:main" {
		t.Errorf("the log says %+v", log)
	}
	if _, err := w.Sign(s, "none"); err == nil {
		t.Error("it signs with a credential that it has not")
	}
}

// TestExpiredCredentialsMatchNothing, nor do those that it cannot read.
func TestExpiredCredentialsMatchNothing(t *testing.T) {
	t.Parallel()
	at := start
	_, s := keyFile(t)
	w, err := wallet.Create(filepath.Join(t.TempDir(), "w"), s, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	card(t, w, ledger.CurveP256)
	q := &oid4vp.Query{Credentials: []oid4vp.CredentialQuery{{
		ID: "staff", Format: oid4vp.FormatSDJWT, Meta: oid4vp.Meta{Types: []string{staffType}}, Claims: []oid4vp.Claim{{Path: oid4vp.Path{"role"}}},
	}}}
	for _, want := range []int{1, 0} {
		found, err := w.Match(q)
		if err != nil || len(found["staff"]) != want {
			t.Errorf("at %v: %v, %v", at, found, err)
		}
		at = at.Add(time.Hour)
	}
}

package local_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/keys/keystest"
	"github.com/secant-platform/secant/identity/keys/local"
)

var secret = []byte("Y2hhbmdlIG1lIGluIHByb2R1Y3Rpb24gcGxlYXNl\n")

func open(tb testing.TB, dir string) *local.Store {
	tb.Helper()
	s, err := local.Open(dir, secret)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestStoreIsAKeeper(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "on", "first use")
	keystest.Check(t, []string{verify.AlgEdDSA, verify.AlgES256}, func(t *testing.T) keys.Keeper {
		t.Helper()
		return open(t, dir)
	})
}

func want(t *testing.T, code ledger.Code, err error, words ...string) {
	t.Helper()
	if ledger.CodeOf(err) != code || err == nil {
		t.Errorf("got %v, want %s", err, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func TestWrongSecretIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := open(t, dir).Signer("issuer", verify.AlgEdDSA); err != nil {
		t.Fatal(err)
	}
	wrong := bytes.Repeat([]byte("x"), local.MinSecret)
	_, err := local.Open(dir, wrong)
	want(t, ledger.CodeDenied, err, "does not open with this secret", "backup")
	if strings.Contains(err.Error(), "xxx") {
		t.Error("the refusal repeats the secret")
	}
	for _, short := range []string{"", "short", strings.Repeat("\n", 40)} {
		_, err = local.Open(t.TempDir(), []byte(short))
		want(t, ledger.CodeInvalid, err, "/dev/urandom")
	}
	if _, err := local.Open(dir, bytes.TrimSpace(secret)); err != nil {
		t.Errorf("a line end behind the secret counts: %v", err)
	}
}

// files lists the store's files but for those that begin with a dot.
func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "[a-z]*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files (%v)", err)
	}
	return names
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	signer, err := s.Signer("issuer", verify.AlgES256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lasting("issuer"); err != nil {
		t.Fatal(err)
	}
	all := files(t, dir)
	if len(all) != 3 {
		t.Errorf("the files are %v", all)
	}
	for _, path := range all {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// Neither the secret, nor the keyset's type, nor the public key stands in clear.
		for _, plain := range []string{strings.TrimSpace(string(secret)), "google", "keyset", signer.JWK().X} {
			if bytes.Contains(b, []byte(plain)) {
				t.Errorf("%s holds %q in clear", path, plain)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, path := range all {
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	_, err = local.Open(dir, secret)
	want(t, ledger.CodeDenied, err, "0600")
	if err := os.Chmod(filepath.Join(dir, "master.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = open(t, dir).Signer("issuer", verify.AlgES256)
	want(t, ledger.CodeDenied, err, "0600")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err = local.Open(dir, secret)
	want(t, ledger.CodeDenied, err, "0700")
}

// TestATornFileIsRefusedAndKept: whatever happened to a file, the store neither
// uses nor replaces it.
func TestATornFileIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.Signer("issuer", verify.AlgEdDSA); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lasting("issuer"); err != nil {
		t.Fatal(err)
	}
	use := func() error {
		s, err := local.Open(dir, secret)
		if err != nil {
			return err
		}
		_, err = s.Signer("issuer", verify.AlgEdDSA)
		_, lasting := s.Lasting("issuer")
		return errors.Join(err, lasting)
	}
	for _, path := range files(t, dir) {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(whole)
		flipped[len(flipped)-10] ^= 1
		var members map[string]any
		if err := json.Unmarshal(whole, &members); err != nil {
			t.Fatal(err)
		}
		members["v"] = 2
		newer, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		for name, torn := range map[string][]byte{
			"empty": {}, "half": whole[:len(whole)/2], "zeros": make([]byte, len(whole)), "flipped": flipped, "newer": newer,
			"long": bytes.Repeat(whole, 100),
		} {
			if err := os.WriteFile(path, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := use(); err == nil {
				t.Errorf("%s, %s: is used", filepath.Base(path), name)
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(after, torn) {
				t.Errorf("%s, %s: is replaced (%v)", filepath.Base(path), name, err)
			}
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := use(); err != nil {
			t.Errorf("%s, restored: %v", filepath.Base(path), err)
		}
	}
}

func TestFilesCannotStandInForEachOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.Signer("login", verify.AlgEdDSA); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "login.1.signer"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"issuer.1.signer":  b,
		"issuer.2.signer":  bytes.Replace(b, []byte(`"login"`), []byte(`"issuer"`), 1),
		"login.2.signer":   bytes.Replace(b, []byte(`"generation":1`), []byte(`"generation":2`), 1),
		"login.1.lasting":  b,
		"another.1.signer": bytes.Replace(b, []byte(`"EdDSA"`), []byte(`"ES256"`), 1),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		purpose, _, _ := strings.Cut(name, ".")
		s := open(t, dir)
		_, err := s.Signer(purpose, verify.AlgEdDSA)
		if strings.HasSuffix(name, "lasting") {
			_, err = s.Lasting(purpose)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		want(t, ledger.CodeInternal, err, name, "backup")
	}
}

func TestKeysWithoutTheirMasterKeyAreNoNewStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "[a-b]*?") // a pattern, to those who match names
	if _, err := open(t, dir).Signer("issuer", verify.AlgEdDSA); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "master.json")); err != nil {
		t.Fatal(err)
	}
	_, err := local.Open(dir, secret)
	want(t, ledger.CodeInternal, err, "master.json", "backup")
	if _, err := os.Stat(filepath.Join(dir, "master.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a new master key was made (%v)", err)
	}
}

// TestManyOpenAtOnce: of those that open an empty folder at once, all get the
// same master key.
func TestManyOpenAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const openers = 8
	stores := make([]*local.Store, openers)
	var all sync.WaitGroup
	for i := range stores {
		all.Go(func() { stores[i] = open(t, dir) })
	}
	all.Wait()
	for _, s := range stores {
		if _, err := s.Signer("issuer", verify.AlgES256); err != nil {
			t.Error(err)
		}
		if _, err := s.Lasting("issuer"); err != nil {
			t.Error(err)
		}
	}
}

func TestLastingKeysRotate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	message := []byte("a certificate of conformity")
	first, err := s.Lasting("certify")
	if err != nil {
		t.Fatal(err)
	}
	signature, err := first.Detached("test", message)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.RotateLasting("certify")
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if newest, err := s.Lasting("certify"); err != nil || newest.JWK() != second.JWK() || newest.Generation != 2 {
		t.Errorf("the newest is another (%v)", err)
	}
	old, err := s.LastingAt("certify", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.JWK().VerifyDetached("test", message, signature); err != nil {
		t.Error(err)
	}
	list, err := s.LastingGenerations("certify")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2}, list); diff != "" {
		t.Error(diff)
	}
	if list, err := s.Generations("certify"); err != nil || len(list) > 0 {
		t.Errorf("they count as signing keys: %v (%v)", list, err)
	}
	for _, purpose := range []string{"../x", ""} {
		_, err := s.Lasting(purpose)
		want(t, ledger.CodeInvalid, err)
	}
}

func BenchmarkSign(b *testing.B) {
	s := open(b, b.TempDir())
	keystest.Bench(b, s, verify.AlgEdDSA, verify.AlgES256)
	b.Run(verify.AlgMLDSA65, func(b *testing.B) {
		key, err := s.Lasting("bench")
		if err != nil {
			b.Fatal(err)
		}
		message := make([]byte, 1024)
		for b.Loop() {
			if _, err := key.Detached("bench", message); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestTheSecretChangesAndTheKeysStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	key, err := s.Signer("issuer", verify.AlgEdDSA)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Repeat([]byte("y"), local.MinSecret)
	want(t, ledger.CodeDenied, local.ChangeSecret(dir, other, secret), "does not open")
	want(t, ledger.CodeInvalid, local.ChangeSecret(dir, secret, []byte("short")), "/dev/urandom")
	want(t, ledger.CodeInvalid, local.ChangeSecret(dir, nil, other), "/dev/urandom")
	open(t, dir)
	if err := local.ChangeSecret(dir, secret, other); err != nil {
		t.Fatal(err)
	}
	_, err = local.Open(dir, secret)
	want(t, ledger.CodeDenied, err, "does not open")
	changed, err := local.Open(dir, other)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := changed.Signer("issuer", verify.AlgEdDSA); err != nil || again.JWK() != key.JWK() {
		t.Errorf("the key changed (%v)", err)
	}
	if rotated, err := s.Rotate("issuer", verify.AlgEdDSA); err != nil {
		t.Errorf("who has the store open cannot go on: %v", err)
	} else if again, err := changed.At("issuer", 2); err != nil || again.JWK() != rotated.JWK() {
		t.Errorf("the two part ways (%v)", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "master.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v (%v)", info, err)
	}
	if err := local.ChangeSecret(t.TempDir(), secret, other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without a store: %v", err)
	}
}

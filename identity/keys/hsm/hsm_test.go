package hsm_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/keys/hsm"
	"github.com/secant-platform/secant/identity/keys/keystest"
)

// The tests run against SoftHSM, where it is installed (Debian: softhsm2).
var (
	modulePaths = []string{
		"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib64/libsofthsm2.so",
		"/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so",
	}
	module string // path; empty where there is none
	pins   string // folder of the files with PINs
)

const pin = "a-PIN-of-24-characters-x"

// child makes the test program another process on the token.
const child = "SECANT_TEST_HSM_PIN_FILE"

func TestMain(m *testing.M) {
	if file := os.Getenv(child); file != "" {
		os.Exit(childMain(file))
	}
	dir, err := os.MkdirTemp("", "secant-hsm-")
	if err == nil {
		pins = dir
		err = prepare(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// childMain opens the token, makes its first key and signs.
func childMain(file string) int {
	locate()
	token, err := hsm.Open(hsm.Config{Module: module, Token: "keeper", PINFile: file})
	if err == nil {
		var key *keys.Key
		if key, err = token.Signer("processes", verify.AlgES256); err == nil {
			fmt.Println(key.JWK().Thumbprint())
			_, err = key.Sign(nil)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestProcessesThatOpenAtOnceShareTheirKeys(t *testing.T) {
	t.Parallel()
	c := config(t, "keeper")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const processes = 4
	said := make([]string, processes)
	var all sync.WaitGroup
	for i := range said {
		all.Go(func() {
			command := exec.CommandContext(t.Context(), program)
			command.Env = append(os.Environ(), child+"="+c.PINFile)
			out, err := command.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			said[i] = string(out)
		})
	}
	all.Wait()
	if slices.Sort(said); len(slices.Compact(said)) != 1 {
		t.Errorf("they have keys of their own: %v", said)
	}
}

// locate finds the module.
func locate() {
	for _, path := range modulePaths {
		if _, err := os.Stat(path); err == nil && module == "" {
			module = path
		}
	}
}

// prepare makes the tokens. SoftHSM reads its configuration when it is loaded.
func prepare(dir string) error {
	tool, err := exec.LookPath("softhsm2-util")
	if err != nil {
		return nil //nolint:nilerr // without it the tests skip, and say so
	}
	locate()
	tokens := filepath.Join(dir, "tokens")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		return err
	}
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nlog.level = ERROR\n"), 0o600); err != nil {
		return err
	}
	if err := os.Setenv("SOFTHSM2_CONF", conf); err != nil {
		return err
	}
	for _, label := range []string{"keeper", "wrong", "twins", "bench", "same", "same"} {
		out, err := exec.Command(tool, "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", pin).CombinedOutput()
		if err != nil {
			return fmt.Errorf("making a token: %w: %s", err, out)
		}
	}
	return os.WriteFile(filepath.Join(dir, "pin"), []byte(pin+"\n"), 0o600)
}

func config(tb testing.TB, label string) hsm.Config {
	tb.Helper()
	if module == "" {
		tb.Skip("no hardware module to check against: SoftHSM (softhsm2) is not installed")
	}
	c := hsm.Config{Module: module, Token: label, PINFile: filepath.Join(pins, "pin")}
	if token, err := hsm.Open(c); err == nil {
		_ = token.Close()
	} else if strings.Contains(err.Error(), "without cgo") {
		tb.Skip("no hardware module to check against: the test is built without cgo")
	}
	return c
}

func open(tb testing.TB, c hsm.Config) *hsm.Token {
	tb.Helper()
	token, err := hsm.Open(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := token.Close(); err != nil {
			tb.Error(err)
		}
	})
	return token
}

func TestTokenIsAKeeper(t *testing.T) {
	t.Parallel()
	c := config(t, "keeper")
	token := open(t, c)
	algorithms := []string{verify.AlgES256}
	if token.Algorithm() == verify.AlgEdDSA {
		algorithms = []string{verify.AlgEdDSA, verify.AlgES256}
	} else {
		t.Log("this SoftHSM has no Ed25519")
		if _, err := token.Signer("edwards", verify.AlgEdDSA); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("Ed25519 without Ed25519: %v", err)
		}
	}
	keystest.Check(t, algorithms, func(t *testing.T) keys.Keeper {
		t.Helper()
		return open(t, c)
	})
}

func TestManySignAtOnce(t *testing.T) {
	t.Parallel()
	token := open(t, config(t, "keeper"))
	key, err := token.Signer("crowd", token.Algorithm())
	if err != nil {
		t.Fatal(err)
	}
	public, err := verify.NewKey(key.JWK())
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				message := []byte{byte(i)}
				if signature, err := key.Sign(message); err != nil || !public.Verify(message, signature) {
					t.Errorf("it does not verify (%v)", err)
				}
			}
		})
	}
	all.Wait()
}

func want(t *testing.T, code ledger.Code, err error, words string) {
	t.Helper()
	if err == nil || ledger.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want %s that says %q", err, code, words)
	}
}

func TestWhatDoesNotOpenSaysWhy(t *testing.T) {
	t.Parallel()
	good := config(t, "wrong")
	write := func(content string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "pin")
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		change func(*hsm.Config)
		code   ledger.Code
		words  string
	}{
		"no module":             {func(c *hsm.Config) { c.Module = "" }, ledger.CodeInvalid, "module"},
		"no token":              {func(c *hsm.Config) { c.Token = "" }, ledger.CodeInvalid, "label"},
		"no PIN":                {func(c *hsm.Config) { c.PINFile = "" }, ledger.CodeInvalid, "PIN"},
		"another module":        {func(c *hsm.Config) { c.Module += "x" }, ledger.CodeUnavailable, "no PKCS #11 module"},
		"a module that is none": {func(c *hsm.Config) { c.Module = write("no library", 0o600) }, ledger.CodeUnavailable, "no PKCS #11 module"},
		"another token":         {func(c *hsm.Config) { c.Token = "other" }, ledger.CodeUnavailable, "0 tokens"},
		"two tokens":            {func(c *hsm.Config) { c.Token = "same" }, ledger.CodeUnavailable, "2 tokens"},
		"a PIN for all to read": {func(c *hsm.Config) { c.PINFile = write(pin, 0o644) }, ledger.CodeDenied, "0600"},
		"no file":               {func(c *hsm.Config) { c.PINFile += "x" }, ledger.CodeInternal, "PIN"},
		"another PIN":           {func(c *hsm.Config) { c.PINFile = write("not the PIN", 0o600) }, ledger.CodeDenied, "refuses the PIN"},
	} {
		changed := good
		c.change(&changed)
		_, err := hsm.Open(changed)
		if err == nil || ledger.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want %s that says %q", name, err, c.code, c.words)
		} else if strings.Contains(err.Error(), "not the PIN") {
			t.Errorf("%s: the refusal repeats the PIN", name)
		}
	}
	token, err := hsm.Open(good)
	if err != nil {
		t.Fatalf("after refusals: %v", err)
	}
	key, err := token.Signer("closing", verify.AlgES256)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := token.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err = key.Sign(nil)
	want(t, ledger.CodeUnavailable, err, "closed")
}

func BenchmarkSign(b *testing.B) {
	token := open(b, config(b, "bench"))
	algorithms := []string{verify.AlgES256}
	if token.Algorithm() == verify.AlgEdDSA {
		algorithms = append(algorithms, verify.AlgEdDSA)
	}
	keystest.Bench(b, token, algorithms...)
}

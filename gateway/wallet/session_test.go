package wallet_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/secant-platform/secant/gateway/wallet"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// holding makes a wallet with credentials, by the issuer's configurations, and
// returns their ids.
func (w *world) holding(t *testing.T, configurations ...string) (ids []string) {
	t.Helper()
	w.must(t, "", "create")
	for _, id := range configurations {
		w.must(t, "", "receive", "--yes", w.offer(t, id, false).Link)
	}
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(w.must(t, "", "list", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		ids = append(ids, one.ID)
	}
	return ids
}

// refused wants a command to fail, and says what it should say.
func (w *world) refused(t *testing.T, text string, args ...string) {
	t.Helper()
	if out, err := w.command(t, "", args...); err == nil || !strings.Contains(err.Error()+out, text) {
		t.Errorf("%v: %v, want %q", args, err, text)
	}
}

// TestAnOperatorSignsInByTheWallet: the wallet is on the device that began to sign in,
// as the node demands of who speaks for it.
func TestAnOperatorSignsInByTheWallet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.holding(t, "head")
	if out := w.must(t, "", "sign-in", "--yes", w.base); !strings.Contains(out, "as operator until") {
		t.Errorf("signing in says %s", out)
	}
}

// TestASessionFromItsBeginningToItsEnd: the person sees what is asked, agrees, calls,
// and signs out; what is printed holds no token.
func TestASessionFromItsBeginningToItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.holding(t, "nurse")
	w.refused(t, "sign in first", "call", "GET", "/v1/session")
	w.refused(t, "nothing was typed", "sign-in", w.base)
	out := w.must(t, "yes\n", "sign-in", w.base+"/", "--json")
	var told struct{ Node, Role, Access, Refresh string }
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &told); err != nil || told.Node != w.base || told.Role != "nurse" || strings.Contains(out, "ey") {
		t.Errorf("signing in says %s, %v", out, err)
	}
	for _, text := range []string{"Ward North", `role ["nurse"]`, "Type yes"} {
		if !strings.Contains(out, text) {
			t.Errorf("no word of %q in %s", text, out)
		}
	}
	var s struct {
		Role  string
		Bound bool
	}
	if err := json.Unmarshal([]byte(w.must(t, "", "call", "get", "/v1/session")), &s); err != nil || s.Role != "nurse" || !s.Bound {
		t.Errorf("the session is %+v, %v", s, err)
	}
	if out := w.must(t, `{"a":1}`, "call", "POST", w.base+"/echo?x=1", "--data", "-"); out != `{"a":1}` {
		t.Errorf("the node was sent %q", out)
	}
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := w.must(t, "", "call", "POST", "/echo", "--data", file, "--type", "text/plain"); out != "text" {
		t.Errorf("the node was sent %q", out)
	}
	w.refused(t, "403", "call", "GET", "/v1/credentials")
	w.refused(t, "404", "call", "GET", "/v1/nothing")
	if n := w.node.refreshes.Load(); n != 0 {
		t.Errorf("refreshed %d times without need", n)
	}

	// What is revoked is felt, and the session can still be left.
	w.node.revoked.Store(true)
	w.refused(t, "sign in again", "call", "GET", "/v1/session")
	w.node.revoked.Store(false)
	w.must(t, "", "sign-in", "--yes", w.base)
	if out := w.must(t, "", "sign-out", "--everywhere", "--json"); !strings.Contains(out, `"ended": 2`) {
		t.Errorf("signing out says %s", out)
	}
	w.refused(t, "sign in first", "call", "GET", "/v1/session")
	w.must(t, "", "sign-in", "--yes", w.base)
	w.node.revoked.Store(true)
	if out := w.must(t, "", "sign-out", w.base); !strings.Contains(out, w.base+"  0") {
		t.Errorf("signing out of what does not hold says %s", out)
	}
	w.refused(t, "sign in there", "sign-out", w.base)
}

// TestASessionGoesOn: an access token that soon ends is refreshed before a call,
// also when several programs call at once.
func TestASessionGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.holding(t, "nurse")
	w.node.hurried.Store(true)
	w.must(t, "", "sign-in", "--yes", w.base)
	const calls = 4
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			if _, err := w.command(t, "", "call", "GET", "/v1/session"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.node.refreshes.Load(); n != calls {
		t.Errorf("refreshed %d times, want %d", n, calls)
	}
}

func TestWhichCredentialSignsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.holding(t, "nurse", "auditor", "card")
	w.refused(t, "several credentials would do", "sign-in", "--yes", w.base)
	for want, args := range map[string][]string{
		"as auditor": {"--role", "auditor"},
		"as nurse":   {"--credential", ids[0]},
		"as patient": {"--who", "patient"},
	} {
		if out := w.must(t, "", append([]string{"sign-in", "--yes", w.base}, args...)...); !strings.Contains(out, want) {
			t.Errorf("%v: %s", args, out)
		}
	}
	w.refused(t, "no credential", "sign-in", "--yes", w.base, "--role", "operator")
	w.refused(t, "no credential", "sign-in", "--yes", w.base, "--credential", ids[2])
	w.refused(t, "staff or patient", "sign-in", "--yes", w.base, "--who", "somebody")

	// Of one role and issuer the one that lasts, and before all others the node's own.
	w.must(t, "", "receive", "--yes", w.offer(t, "brief", false).Link)
	w.must(t, "", "sign-in", "--yes", w.base, "--role", "nurse")
	if log := w.must(t, "", "log"); !strings.Contains(strings.Split(log, "\n")[1], ids[0]) {
		t.Errorf("shown was another than %s:\n%s", ids[0], log)
	}
	w.must(t, "", "receive", "--yes", w.offer(t, "own", false).Link)
	if out := w.must(t, "", "sign-in", "--yes", w.base); !strings.Contains(out, "as analyst") {
		t.Errorf("with a credential of the node's own: %s", out)
	}

	// Who has nothing but a patient's card is one.
	p := newWorld(t)
	p.holding(t, "card")
	if out := p.must(t, "", "sign-in", "--yes", p.base); !strings.Contains(out, "as patient") {
		t.Errorf("with a patient's card: %s", out)
	}
}

// TestNobodyIsSignedInElsewhere: a node that passes the question of another on would
// be signed in there in the person's name.
func TestNobodyIsSignedInElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.holding(t, "nurse")
	var stolen struct{ Link, Ticket string }
	fraud := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		res, err := w.client().Post(w.base+r.URL.Path, "application/json", r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&stolen); err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(rw).Encode(map[string]string{"link": stolen.Link, "ticket": "x"})
	}))
	fraud.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{w.leaf.Raw}, PrivateKey: w.private}}, MinVersion: tls.VersionTLS12}
	fraud.StartTLS()
	t.Cleanup(fraud.Close)
	address := "https://localhost:" + fraud.URL[strings.LastIndexByte(fraud.URL, ':')+1:]
	w.refused(t, "somebody else", "sign-in", "--yes", address)
	ticket := stolen.Ticket[:max(0, strings.LastIndexByte(stolen.Ticket, '.'))]
	if r, err := w.verifier.Result(t.Context(), ticket, ""); err != nil || r.Outcome != oid4vp.Waiting {
		t.Errorf("the other node has %+v, %v", r, err)
	}
	for _, bad := range []string{"http://localhost:1", "https://", "localhost:1", "https://a@localhost:1", "/v1"} {
		w.refused(t, "https address", "sign-in", "--yes", bad)
	}
}

// TestADevelopmentNetworkNeedsNoOptions: beside the key and the roots that it leaves,
// its wallets open and its servers are believed, and a passphrase opens the others.
func TestADevelopmentNetworkNeedsNoOptions(t *testing.T) {
	t.Setenv("SECANT_WALLET_PASSPHRASE", "correct horse battery")
	w := newWorld(t)
	w.secret = filepath.Join(w.home, "wallets", "wallet.key")
	if err := os.MkdirAll(filepath.Dir(w.secret), 0o700); err != nil {
		t.Fatal(err)
	}
	w.holding(t, "nurse")
	if err := os.Rename(w.ca, filepath.Join(w.home, "roots.pem")); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		c := wallet.Command(&w.home)
		var out bytes.Buffer
		c.SetArgs(args)
		c.SetOut(&out)
		c.SetErr(&out)
		c.SilenceUsage, c.SilenceErrors = true, true
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out.String())
		}
		return out.String()
	}
	if out := run("sign-in", "--yes", w.base); !strings.Contains(out, "as nurse") {
		t.Errorf("signing in says %s", out)
	}
	run("create", "--name", "own")
	if out := run("list", "--name", "own"); !strings.Contains(out, "EXPIRES") {
		t.Errorf("the own wallet holds %s", out)
	}
}

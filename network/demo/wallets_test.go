package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/network/topology"
)

// TestPeopleHaveCredentialsThatTheirOrganisationsIssue holds the people against the
// catalogue of the nodes that issue to them.
func TestPeopleHaveCredentialsThatTheirOrganisationsIssue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, p := range topology.People() {
		o, known := w.net.Organisation(p.Organisation)
		kind, is := catalogue.Find(p.Credential)
		if !known || !is || !kind.By(o.Kind) || !kind.In(catalogue.SDJWT) {
			t.Errorf("%s: no %s is issued by %s", p.Wallet, p.Credential, p.Organisation)
			continue
		}
		if err := catalogue.Validate(p.Credential, claimsOf(p)); err != nil {
			t.Errorf("%s: %v", p.Wallet, err)
		}
		if life, err := time.ParseDuration(releaserLife); err != nil || life > kind.MaxLife {
			t.Errorf("releasers are for %v, %v", life, err)
		}
	}
}

// fakeWallets is a program that notes how it is called, holds what a file says, and
// makes a wallet where there is none.
const fakeWallets = `#!/bin/sh
dir=$2; name=$5; shift 7
echo "$name $*" >>"$dir/calls"
case $1 in
list) cat "$dir/held.$name" ;;
create) [ ! -e "$dir/held.$name" ] && echo '[]' >"$dir/held.$name" ;;
esac
`

func TestWalletsAreMadeOnceAndRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secant = filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(w.secant, []byte(fakeWallets), 0o700); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var order struct{ Type string }
		if err := json.NewDecoder(r.Body).Decode(&order); err != nil || r.URL.Path != "/v1/credentials/offers" {
			t.Errorf("asked for %s, %v", r.URL.Path, err)
		}
		rw.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(rw, `{"link":"offer-of-%s"}`, order.Type)
	}))
	t.Cleanup(s.Close)
	w.client = s.Client()
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.net.Organisations {
		o := &w.net.Organisations[i]
		if o.Node.Port, err = strconv.Atoi(at.Port()); err != nil {
			t.Fatal(err)
		}
		token := w.net.TokenFile(o.ID, operator)
		if err := os.MkdirAll(filepath.Dir(token), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(token, []byte("t"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(w.net.RootsFile(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	run := func() []string {
		t.Helper()
		_ = os.Remove(filepath.Join(w.net.Dir, "calls"))
		out.Reset()
		if err := (&seeding{world: w, say: narrate(&out)}).wallets(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(w.net.Dir, "calls"))
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(strings.Split(string(b), "\n"), func(line string) bool { return !strings.HasPrefix(line, "nurse ") })
	}
	held := func(left time.Duration) {
		t.Helper()
		const life = 7 * 24 * time.Hour
		now := time.Now().UTC().Add(left)
		list := fmt.Sprintf(`[{"id":"0","types":["Other"]},{"id":"1","types":["StaffRole"],"received":%q,"expires":%q}]`,
			now.Add(-life).Format(time.RFC3339), now.Format(time.RFC3339))
		if err := os.WriteFile(filepath.Join(w.net.Dir, "held.nurse"), []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	received := "nurse receive --yes offer-of-StaffRole"
	if diff := cmp.Diff([]string{"nurse list --json", "nurse create", "nurse list --json", received}, run()); diff != "" {
		t.Errorf("the first time: %s", diff)
	}
	if !strings.Contains(out.String(), "to 8 people") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("said %q", out.String())
	}
	if info, err := os.Stat(w.net.WalletKey()); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Errorf("the key file: %v, %v", info, err)
	}
	key, err := os.ReadFile(w.net.WalletKey())
	if err != nil {
		t.Fatal(err)
	}
	held(3 * 24 * time.Hour)
	if diff := cmp.Diff([]string{"nurse list --json"}, run()); diff != "" {
		t.Errorf("while it goes on: %s", diff)
	}
	held(2 * 24 * time.Hour)
	if diff := cmp.Diff([]string{"nurse list --json", received, "nurse delete --yes 1"}, run()); diff != "" {
		t.Errorf("near its end: %s", diff)
	}
	if again, err := os.ReadFile(w.net.WalletKey()); err != nil || string(again) != string(key) {
		t.Errorf("the key file changed (%v)", err)
	}
}

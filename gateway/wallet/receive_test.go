package wallet_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/wallet"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
)

// pendingOf lists what is still to come.
func (w *world) pendingOf(t *testing.T) (list []struct{ ID, Issuer, Name string }) {
	t.Helper()
	out, err := w.command(t, "", "pending", "--json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return list
}

// TestWhatComesLaterIsWaitedFor: for a while, with progress; then it is left, listed,
// and collected by another command, or forgotten.
func TestWhatComesLaterIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(t, "", "create")
	w.deferred.Store(2)
	out := w.must(t, "", "receive", "--yes", w.offer(t, "staff", false).Link)
	if strings.Count(out, "asking again in") != 2 || !strings.Contains(out, "Staff card") || len(w.pendingOf(t)) != 0 {
		t.Errorf("it waits: %s", out)
	}

	w.deferred.Store(2)
	out = w.must(t, "", "receive", "--yes", "--wait", "0", w.offer(t, "staff", false).Link)
	list := w.pendingOf(t)
	if len(list) != 1 || list[0].Name != "Staff card" || !strings.HasPrefix(list[0].Issuer, w.base) || !strings.Contains(out, "secant wallet collect --name me") {
		t.Fatalf("it leaves %+v: %s", list, out)
	}
	if out := w.must(t, "", "list"); !strings.Contains(out, "1 still to come") {
		t.Errorf("it lists %s", out)
	}
	if out := w.must(t, "", "collect"); !strings.Contains(out, "The issuer issues later") || len(w.pendingOf(t)) != 1 {
		t.Errorf("it collects too early: %s", out)
	}
	if out := w.must(t, "", "collect", "--wait", "30s", list[0].ID); !strings.Contains(out, "Staff card") || len(w.pendingOf(t)) != 0 {
		t.Errorf("it collects %s", out)
	}
	if _, err := w.command(t, "", "collect", list[0].ID); err == nil {
		t.Error("it collects twice")
	}

	w.deferred.Store(1)
	w.must(t, "", "receive", "--yes", "--wait", "0", w.offer(t, "badge", false).Link)
	w.must(t, "", "delete", "--yes", w.pendingOf(t)[0].ID)
	if len(w.pendingOf(t)) != 0 {
		t.Error("it waits for what was forgotten")
	}
}

// TestAnOfferSaysWhatItNeeds: errors of which a person makes something.
func TestAnOfferSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.command(t, "", "create"); err != nil {
		t.Fatal(err)
	}
	refuses := func(what string, args ...string) {
		t.Helper()
		_, err := w.command(t, "", append([]string{"receive", "--yes"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v: %v, want %q", args[1:], err, what)
		}
	}
	made := w.offer(t, "staff", true)
	refuses("repeat the command with --tx-code", made.Link)
	refuses("check --tx-code", made.Link, "--tx-code", "x")
	taken := w.offer(t, "staff", false)
	if _, err := w.command(t, "", "receive", "--yes", taken.Link); err != nil {
		t.Fatal(err)
	}
	refuses("ask the issuer for a new offer", taken.Link)
	refuses("the link holds no offer", "openid-credential-offer://")
}

// TestWhatIsReceivedIsWhatWasAgreedTo: an offer that a link only refers to is read once.
func TestWhatIsReceivedIsWhatWasAgreedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(t, "", "create")
	var offers []string
	for _, kind := range []string{"staff", "badge"} {
		u, err := url.Parse(w.offer(t, kind, false).Link)
		if err != nil {
			t.Fatal(err)
		}
		offers = append(offers, u.Query().Get("credential_offer"))
	}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(out, offers[min(asked, 1)])
		asked++
	}))
	t.Cleanup(server.Close)
	out := w.must(t, "yes\n", "receive", "openid-credential-offer://?credential_offer_uri="+url.QueryEscape(server.URL))
	if !strings.Contains(out, "Staff card") || asked != 1 {
		t.Errorf("the offer was read %d times, and received is %s", asked, out)
	}
}

// TestReceivingFromElsewhere: from an issuer that is not ours, in each way that it has.
func TestReceivingFromElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := wallettest.Install(t, "../../../identity/oid4vci/testdata/issuer").Start(t)
	wallettest.Hear[struct{ Base string }](t, elsewhere)
	type made struct{ Link, TxCode string }
	w := newWorld(t)
	if _, err := w.command(t, "", "create"); err != nil {
		t.Fatal(err)
	}
	code := wallettest.Ask[made](t, elsewhere, map[string]any{"txCode": true})
	if out, err := w.command(t, "", "receive", "--yes", code.Link, "--tx-code", code.TxCode); err != nil || !strings.Contains(out, "Staff card") {
		t.Errorf("by a transaction code: %s, %v", out, err)
	}
	later := wallettest.Ask[made](t, elsewhere, map[string]any{"later": 1})
	if out, err := w.command(t, "", "receive", "--yes", later.Link); err != nil || !strings.Contains(out, "asking again") || !strings.Contains(out, "Staff card") {
		t.Errorf("later: %s, %v", out, err)
	}
	approve := wallettest.Ask[made](t, elsewhere, map[string]any{"code": true})
	bare := wallettest.Ask[made](t, elsewhere, map[string]any{"code": true})
	if out := w.browse(t, bare.Link, "http://127.0.0.1:0"); !strings.Contains(out, "Staff card") {
		t.Errorf("by approval on this machine, at an address without a path: %s", out)
	}
	if out := w.browse(t, approve.Link, ""); !strings.Contains(out, "Staff card") {
		t.Errorf("by approval on this machine: %s", out)
	}
	paste := wallettest.Ask[made](t, elsewhere, map[string]any{"code": true})
	if out := w.browse(t, paste.Link, "https://wallet.example/back"); !strings.Contains(out, "Staff card") {
		t.Errorf("by approval with a pasted address: %s", out)
	}
}

// browse receives what needs approval, with a browser beside: it approves and comes
// back, or its address is pasted.
func (w *world) browse(t *testing.T, link, redirect string) string {
	t.Helper()
	c := wallet.Command(&w.home)
	errs, says := io.Pipe()
	typed, types := io.Pipe()
	var out bytes.Buffer
	args := []string{"--key-file", w.secret, "--ca", w.ca, "receive", "--yes", link}
	if redirect != "" {
		args = append(args, "--redirect", redirect)
	}
	c.SetArgs(args)
	c.SetIn(typed)
	c.SetOut(&out)
	c.SetErr(says)
	c.SilenceUsage, c.SilenceErrors = true, true
	ended := make(chan error, 1)
	go func() {
		err := c.ExecuteContext(t.Context())
		_ = says.Close() // it never fails
		ended <- err
	}()
	lines := bufio.NewScanner(errs)
	address := ""
	for address == "" && lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); strings.HasPrefix(text, "http") {
			address = text
		}
	}
	go func() { _, _ = io.Copy(io.Discard, errs) }() // until the command ends
	browser := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(address string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode, res.Header.Get("Location")
	}
	_, callback := get(address)
	if !strings.HasPrefix(redirect, "https:") {
		path := "/back"
		if redirect != "" {
			path = "/"
		}
		u, err := url.Parse(callback)
		if err != nil || u.Hostname() != "127.0.0.1" || u.Path != path {
			t.Fatalf("the browser is sent to %q", callback)
		}
		// What others on this machine send is not the answer.
		for _, guess := range []string{"http://" + u.Host + path + "?code=x&state=y", "http://" + u.Host + "/other?" + u.RawQuery} {
			if status, _ := get(guess); status != http.StatusBadRequest {
				t.Errorf("%s: %d", guess, status)
			}
		}
		if status, _ := get(callback); status != http.StatusOK {
			t.Errorf("the answer: %d", status)
		}
	} else if _, err := io.WriteString(types, callback+"\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("receiving: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the command does not end")
	}
	return out.String()
}

package fetch_test

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/fetch"
)

// TestSending: what is sent arrives with its headers, whatever the answer is comes back
// as its status alone, and nothing goes where it must not.
func TestSending(t *testing.T) {
	t.Parallel()
	reached := make(chan string, 10)
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /taken", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		reached <- r.Header.Get("X-Ours") + " " + string(b)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20)) // which nobody reads
	})
	mux.HandleFunc("/later", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	mux.HandleFunc("/never", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "999999999999999999")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/taken", http.StatusPermanentRedirect)
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or its end is not seen
		<-r.Context().Done()
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c := fetch.New(fetch.Options{Roots: roots, Reachable: loopback, Time: time.Second, Idle: time.Minute})
	t.Cleanup(c.Close)
	send := func(c *fetch.Client, path string) (fetch.Sent, error) {
		return c.Send(t.Context(), http.MethodPut, server.URL+path, http.Header{"X-Ours": {"h"}}, []byte("body"))
	}
	if got, err := send(c, "/taken"); err != nil || got != (fetch.Sent{Status: http.StatusAccepted}) || <-reached != "h body" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := send(c, "/later"); err != nil || got != (fetch.Sent{Status: http.StatusTooManyRequests, After: 2 * time.Minute}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := send(c, "/never"); err != nil || got.After > time.Hour {
		t.Errorf("%+v %v", got, err)
	}
	for path, want := range map[string]ledger.Code{"/moved": ledger.CodeUnavailable, "/slow": ledger.CodeUnavailable} {
		if got, err := send(c, path); ledger.CodeOf(err) != want || got.Status != 0 {
			t.Errorf("%s: %+v %v", path, got, err)
		}
	}
	outside := fetch.New(fetch.Options{Roots: roots})
	if _, err := send(outside, "/taken"); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("an inner address: %v", err)
	}
	// A name, and other ways to write the address, lead there as well.
	for _, host := range []string{"localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"} {
		if _, err := outside.Send(t.Context(), http.MethodPost, "https://"+host+server.URL[strings.LastIndex(server.URL, ":"):]+"/taken", nil, nil); ledger.CodeOf(err) != ledger.CodeDenied && (err == nil || !strings.Contains(err.Error(), "does not answer")) {
			t.Errorf("%s was reached: %v", host, err)
		}
	}
	if len(reached) > 0 {
		t.Errorf("reached: %s", <-reached)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Send(ended, http.MethodPut, server.URL+"/taken", nil, nil); ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Error(err)
	}
}

func TestAddressesAreChecked(t *testing.T) {
	t.Parallel()
	c := fetch.New(fetch.Options{Reachable: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
	for address, want := range map[string]ledger.Code{
		"https://example.com/x?y=1": "", "https://10.1.2.3/": "", "https://93.184.216.34:8443/": "",
		"http://example.com/": ledger.CodeInvalid, "https://u:p@example.com/": ledger.CodeInvalid, "https://example.com/#x": ledger.CodeInvalid, "https://": ledger.CodeInvalid,
		"https://:443/": ledger.CodeInvalid, "https:example.com": ledger.CodeInvalid, "": ledger.CodeInvalid, "https://ex ample.com/": ledger.CodeInvalid,
		"https://10.2.0.1/": ledger.CodeDenied, "https://127.0.0.1/": ledger.CodeDenied, "https://[::1]/": ledger.CodeDenied, "https://[fe80::1%25eth0]/": ledger.CodeDenied,
		"https://169.254.169.254/": ledger.CodeDenied, "https://[::ffff:192.168.0.1]/": ledger.CodeDenied, "https://0.0.0.0/": ledger.CodeDenied, "https://[64:ff9b::a00:1]/": ledger.CodeDenied,
	} {
		if err := c.Check(address); ledger.CodeOf(err) != want && (err != nil || want != "") {
			t.Errorf("%s: %v", address, err)
		}
		if want == ledger.CodeInvalid {
			if _, err := c.Send(t.Context(), http.MethodPost, address, nil, nil); ledger.CodeOf(err) != want {
				t.Errorf("%s: %v", address, err)
			}
		}
	}
}

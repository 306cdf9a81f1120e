package fetch_test

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/fetch"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// serve answers by TLS on the loopback; the client trusts the server.
func serve(t *testing.T, o fetch.Options, handler http.HandlerFunc) (*fetch.Client, string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = nil
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	o.Roots = x509.NewCertPool()
	o.Roots.AddCert(server.Certificate())
	return fetch.New(o), server.URL
}

func want(t *testing.T, code ledger.Code, err error) {
	t.Helper()
	if err == nil || ledger.CodeOf(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestADocumentIsFetched(t *testing.T) {
	t.Parallel()
	client, at := serve(t, fetch.Options{Reachable: loopback}, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/x" || r.Header.Get("Cookie") != "" {
			w.WriteHeader(http.StatusNotAcceptable)
		}
		_, _ = w.Write([]byte(r.URL.Path))
	})
	b, err := client.Get(t.Context(), at+"/a/b", "application/x", 4)
	if err != nil || string(b) != "/a/b" {
		t.Errorf("%q (%v)", b, err)
	}
	_, err = client.Get(t.Context(), at+"/a/bc", "application/x", 4)
	want(t, ledger.CodeTooLarge, err)
}

// TestOnlyPublicAddressesAreReached: by number and by name, and what counts is
// what is connected to.
func TestOnlyPublicAddressesAreReached(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	for _, reachable := range [][]netip.Prefix{nil, {netip.MustParsePrefix("10.0.0.0/8")}} {
		client, at := serve(t, fetch.Options{Reachable: reachable}, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
		_, port, err := net.SplitHostPort(strings.TrimPrefix(at, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::1]", "[::]"} {
			_, err := client.Get(t.Context(), "https://"+host+":"+port, "*/*", 100)
			want(t, ledger.CodeDenied, err)
			if err != nil && strings.Contains(err.Error(), port) {
				t.Errorf("the error tells about the network: %v", err)
			}
		}
	}
	if asked.Load() > 0 {
		t.Error("the server was reached")
	}
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for text, public := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true, "193.0.6.139": true, "2001:67c::1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "192.0.0.8": false,
		"198.18.0.1": false, "203.0.113.7": false, "240.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false,
		"64:ff9b::a00:1": false, "2002:a00:1::": false, "2001:db8::1": false, "2001::1": false, "100::1": false, "fec0::1": false,
		"::127.0.0.1": false,
	} {
		if got := fetch.Public(netip.MustParseAddr(text)); got != public {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	client, at := serve(t, fetch.Options{Reachable: loopback}, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1); r.URL.Path != "/end" {
			http.Redirect(w, r, "/end", http.StatusFound)
		}
	})
	_, err := client.Get(t.Context(), at, "*/*", 100)
	want(t, ledger.CodeUnavailable, err)
	if asked.Load() != 1 {
		t.Errorf("%d requests", asked.Load())
	}
}

func TestOnlyHTTPSIsAsked(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked in clear") }))
	t.Cleanup(plain.Close)
	client := fetch.New(fetch.Options{Reachable: loopback})
	for _, address := range []string{
		plain.URL, "", "https://", "ftp://127.0.0.1", "https:127.0.0.1", "file:///etc/passwd", "https://user:secret@127.0.0.1",
		"https://127.0.0.1/#x", "//127.0.0.1", "https://127.0.0.1/\x00", "https://%zz",
	} {
		_, err := client.Get(t.Context(), address, "*/*", 100)
		want(t, ledger.CodeInvalid, err)
	}
	_, err := client.Get(t.Context(), "https"+strings.TrimPrefix(plain.URL, "http"), "*/*", 100)
	want(t, ledger.CodeUnavailable, err)
}

func TestAnUntrustedServerIsRefused(t *testing.T) {
	t.Parallel()
	_, at := serve(t, fetch.Options{}, func(http.ResponseWriter, *http.Request) {})
	_, err := fetch.New(fetch.Options{Reachable: loopback}).Get(t.Context(), at, "*/*", 100)
	want(t, ledger.CodeUnavailable, err)
	if err != nil && !strings.Contains(err.Error(), "certificate") {
		t.Errorf("it says %v", err)
	}
}

// TestALargeAnswerEnds: however a server states or hides the size, and whatever
// compression would make of it.
func TestALargeAnswerEnds(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	client, at := serve(t, fetch.Options{Reachable: loopback}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/stated":
			w.Header().Set("Content-Length", "1000000")
		case "/header":
			w.Header().Set("X-Large", strings.Repeat("x", 64<<10))
		}
		if r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("it accepts %s", r.Header.Get("Accept-Encoding"))
		}
		chunk := make([]byte, 4096)
		for range 1000 {
			n, err := w.Write(chunk)
			if sent.Add(int64(n)); err != nil || r.Context().Err() != nil {
				return
			}
		}
	})
	for path, code := range map[string]ledger.Code{
		"/stated": ledger.CodeTooLarge, "/hidden": ledger.CodeTooLarge, "/header": ledger.CodeUnavailable,
	} {
		_, err := client.Get(t.Context(), at+path, "*/*", 1000)
		want(t, code, err)
	}
}

// TestASlowAnswerEnds: also one that keeps sending.
func TestASlowAnswerEnds(t *testing.T) {
	t.Parallel()
	client, at := serve(t, fetch.Options{Reachable: loopback, Time: 150 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
				if r.URL.Path == "/drip" {
					_, _ = w.Write([]byte("x"))
					_ = http.NewResponseController(w).Flush()
				}
			}
		}
	})
	for _, path := range []string{"/drip", "/silent"} {
		began := time.Now()
		_, err := client.Get(t.Context(), at+path, "*/*", 1000)
		if want(t, ledger.CodeUnavailable, err); time.Since(began) > 5*time.Second {
			t.Errorf("%s took %v", path, time.Since(began))
		}
	}
}

func TestTooManyAtOnceAreBusy(t *testing.T) {
	t.Parallel()
	arrived, leave := make(chan struct{}), make(chan struct{})
	client, at := serve(t, fetch.Options{Reachable: loopback, AtOnce: 1}, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-leave
	})
	done := make(chan error)
	go func() {
		_, err := client.Get(t.Context(), at, "*/*", 100)
		done <- err
	}()
	<-arrived
	_, err := client.Get(t.Context(), at, "*/*", 100)
	want(t, ledger.CodeBusy, err)
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOtherAnswersAreProblems(t *testing.T) {
	t.Parallel()
	client, at := serve(t, fetch.Options{Reachable: loopback}, func(w http.ResponseWriter, r *http.Request) {
		status := map[string]int{"/404": 404, "/410": 410, "/500": 500, "/204": 204, "/206": 206, "/403": 403}[r.URL.Path]
		w.Header().Set("X-Words", "a secret of the server")
		w.WriteHeader(status)
	})
	for path, code := range map[string]ledger.Code{
		"/404": ledger.CodeNotFound, "/410": ledger.CodeNotFound, "/500": ledger.CodeUnavailable,
		"/204": ledger.CodeUnavailable, "/206": ledger.CodeUnavailable, "/403": ledger.CodeUnavailable,
	} {
		_, err := client.Get(t.Context(), at+path, "*/*", 100)
		want(t, code, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.Get(ended, at+"/404", "*/*", 100)
	want(t, ledger.CodeUnavailable, err)
}

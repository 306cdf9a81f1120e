package worker

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestWithoutTLSOnlyTheLoopbackIsReached(t *testing.T) {
	f := newFetcher(&Options{Reachable: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("127.0.0.0/8")}})
	for endpoint, want := range map[string]string{
		"http://192.0.2.1:1":     "only the loopback",
		"http://127.0.0.1:1":     "connection refused",
		"ftp://127.0.0.1:1":      "not an http or https address",
		"http://u:p@127.0.0.1:1": "not an http or https address",
		"http://":                "not an http or https address",
	} {
		if _, _, err := f.get(t.Context(), endpoint, "/v1/x", "token", 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error that says %q", endpoint, err, want)
		}
	}
}

func TestPermittedAddresses(t *testing.T) {
	private := []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}
	for _, c := range []struct {
		address   string
		reachable []netip.Prefix
		want      bool
	}{
		{"93.184.215.14:443", nil, true},
		{"[2606:2800:21f::1]:443", nil, true},
		{"127.0.0.1:80", nil, false},
		{"[::1]:80", nil, false},
		{"[::ffff:127.0.0.1]:80", nil, false},
		{"10.20.1.1:443", nil, false},
		{"10.20.1.1:443", private, true},
		{"[::ffff:10.20.1.1]:443", private, true},
		{"10.21.1.1:443", private, false},
		{"192.168.1.1:443", private, false},
		{"169.254.169.254:80", nil, false},
		{"[fe80::1%eth0]:80", nil, false},
		{"[fd00::1]:80", nil, false},
		{"0.0.0.0:80", nil, false},
		{"[::]:80", nil, false},
		{"224.0.0.1:80", nil, false},
		{"255.255.255.255:80", nil, false},
		{"100.64.0.1:80", nil, false},
		{"[64:ff9b::7f00:1]:80", nil, false},
		{"localhost:80", nil, false},
	} {
		if got := permitted(c.address, c.reachable) == nil; got != c.want {
			t.Errorf("%s with %v: permitted = %v, want %v", c.address, c.reachable, got, c.want)
		}
	}
}

// A holder that drips holds a place for less than a minute, whatever it stated.
func TestTheTimeForADocumentFollowsItsSize(t *testing.T) {
	t.Parallel()
	if small, large := timeFor(1), timeFor(maxStated); small < answerTimeout || large <= small || large > time.Minute {
		t.Errorf("a byte may take %v and the largest document %v", small, large)
	}
}

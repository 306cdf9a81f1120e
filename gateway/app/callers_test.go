package app

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
)

// TestCallersAreCountedByWhoTheyAre: a device by what it has signed, whatever others
// send in its name or send again elsewhere; a person in all sessions together.
func TestCallersAreCountedByWhoTheyAre(t *testing.T) {
	t.Parallel()
	c := newCallers(config.Limits{Session: 1, Program: 1})
	device := func(from, unit string, proven bool) error {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/readings", nil)
		r.RemoteAddr = from + ":1000"
		return c.device(r, unit, proven)
	}
	for range 50 { // whose signature is not known to be good
		if err := device("192.0.2.1", "u-1", false); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 { // taken down, and sent again from elsewhere
		_ = device("198.51.100.1", "u-1", true)
	}
	for range 5 {
		if err := device("192.0.2.1", "u-1", true); err != nil {
			t.Fatal(err)
		}
	}
	if device("192.0.2.1", "u-1", false) == nil {
		t.Error("a device asks without end")
	}
	if err := device("192.0.2.1", "u-2", false); err != nil {
		t.Errorf("another device: %v", err)
	}
	for i := range 5 {
		if err := c.limit(&auth.Caller{Organisation: "north", Subject: "s", Session: string(rune('a' + i))}); err != nil {
			t.Fatal(err)
		}
	}
	if c.limit(&auth.Caller{Organisation: "north", Subject: "s", Session: "z"}) == nil {
		t.Error("another session gives a person more")
	}
	if err := c.limit(&auth.Caller{Organisation: "north", Subject: "s"}); err != nil {
		t.Errorf("a program of that name: %v", err)
	}
}

package app

import (
	"net/http"
	"testing"
	"time"
)

// TestARepeatedRequestShowsNothingOfTheDevice: whoever has a request that a device once
// signed can send it again, and the device was last seen when it came first.
func TestARepeatedRequestShowsNothingOfTheDevice(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	header, body := d.sign(t, `{"n":1}`)
	seen := func() time.Time {
		t.Helper()
		if status, b := north.call("", http.MethodPost, "/v1/readings", body, header); status != http.StatusAccepted {
			t.Fatalf("%d %s", status, b)
		}
		kept, err := north.node.store.Seen(t.Context(), d.id)
		if err != nil {
			t.Fatal(err)
		}
		return north.node.controls.seen.newest(d.id, kept).Signed
	}
	first := seen()
	<-time.After(20 * time.Millisecond)
	if again := seen(); first.IsZero() || !again.Equal(first) {
		t.Errorf("first %v, then %v", first, again)
	}
}

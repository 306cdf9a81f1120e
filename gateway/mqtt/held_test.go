package mqtt

import (
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/sync/semaphore"
)

// TestPropertiesAreHeld: what is held for messages under way is bounded, whichever part
// of a packet it is in.
func TestPropertiesAreHeld(t *testing.T) {
	t.Parallel()
	const room = 10_000
	b := &Broker{held: semaphore.NewWeighted(room)}
	l := &link{broker: b, ctx: t.Context(), queue: make(chan *pending, 1)}
	l.take(&packets.Packet{TopicName: "nobody's", Properties: packets.Properties{
		ContentType: "text", User: []packets.UserProperty{{Key: "key", Val: strings.Repeat("x", 3000)}},
	}, Payload: []byte("{}")})
	l.working.Wait()
	if p := <-l.queue; p.size() != 3009 {
		t.Errorf("%d bytes", p.size())
	}
	if !b.held.TryAcquire(room - 3009) {
		t.Fatal("more is held than came")
	}
	if b.held.TryAcquire(1) {
		t.Error("a message's properties are not counted")
	}
}

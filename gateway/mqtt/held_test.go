package mqtt

import (
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/sync/semaphore"

	"github.com/secant-platform/secant/analytics/proof"
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

// TestWhatIsRetainedIsBounded, and what there is no room for leaves no state that was
// before it.
func TestWhatIsRetainedIsBounded(t *testing.T) {
	t.Parallel()
	var r retained
	put := func(topic string, size int) {
		p := packets.Packet{TopicName: topic, Payload: make([]byte, size)}
		p.Properties.User = []packets.UserProperty{{Key: propertyReceipt, Val: proof.RequestID{1}.String()}}
		r.put(p)
	}
	put("a/state", maxRetained/2)
	put("b/state", maxRetained/4)
	put("b/state", maxRetained/4) // in place of the one before
	put("c/receipts", 10)
	put("b/state", maxRetained)
	if !r.has("a/state") || r.has("b/state") || !r.has("c/receipts") {
		t.Errorf("%d bytes of %d messages", r.size, len(r.messages))
	}
	put("b/state", maxRetained/4)
	put("a/state", 0)
	r.forget(proof.RequestID{1})
	if len(r.messages) != 1 || r.size != len("c/receipts")+10 {
		t.Errorf("%d bytes of %d messages", r.size, len(r.messages))
	}
}

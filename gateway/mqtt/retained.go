package mqtt

import (
	"slices"
	"strings"
	"sync"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/secant-platform/secant/analytics/proof"
)

// retained are the messages that come to whoever subscribes: the last state of each
// device, and its last receipt. The server's own are not used: it reads them for one
// client while it writes them for another. There are two for each device that a
// source has a name for, at most, and as many as there is room for.
type retained struct {
	mu       sync.Mutex
	messages map[string]packets.Packet // by topic
	size     int                       // bytes of them
}

// maxRetained is how many bytes are retained, of all sources: a state may be as long as
// a packet, and a source may have names for thousands of devices.
const maxRetained = 64 << 20

func sizeOf(p *packets.Packet) int {
	return len(p.TopicName) + len(p.Properties.ContentType) + len(p.Payload)
}

// remove needs mu.
func (r *retained) remove(topic string) {
	if p, ok := r.messages[topic]; ok {
		r.size -= sizeOf(&p)
		delete(r.messages, topic)
	}
}

func (r *retained) has(topic string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.messages[topic]
	return ok
}

// put keeps a message in place of the last of its topic; an empty one only takes
// that away (3.3.1.3), and so does one for which there is no room: none is better than
// one that no longer holds.
func (r *retained) put(p packets.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(p.TopicName)
	if len(p.Payload) == 0 || r.size+sizeOf(&p) > maxRetained {
		return
	}
	if r.messages == nil {
		r.messages = map[string]packets.Packet{}
	}
	r.messages[p.TopicName] = p
	r.size += sizeOf(&p)
}

// forget takes the states away that are the message with a receipt.
func (r *retained) forget(receipt proof.RequestID) {
	said := receipt.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, p := range r.messages {
		if strings.HasSuffix(topic, "/"+string(kindState)) &&
			slices.ContainsFunc(p.Properties.User, func(u packets.UserProperty) bool { return u.Key == propertyReceipt && u.Val == said }) {
			r.remove(topic)
		}
	}
}

// matching lists what a filter asks for.
func (r *retained) matching(filter string) []packets.Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []packets.Packet
	for topic, p := range r.messages {
		if matches(filter, topic) {
			found = append(found, p)
		}
	}
	return found
}

// send sends what a subscription asks for to its client. It waits for that client,
// and keeps nobody else waiting.
func (r *retained) send(cl *mochi.Client, s packets.Subscription) {
	for _, p := range r.matching(s.Filter) {
		if s.Identifier > 0 {
			p.Properties.SubscriptionIdentifier = []int{s.Identifier}
		}
		if cl.WritePacket(p) != nil { // it is gone
			return
		}
	}
}

// matches reports whether a topic is one of a filter's (4.7).
func matches(filter, topic string) bool {
	want, have := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, level := range want {
		if level == "#" {
			return true
		}
		if i == len(have) || level != "+" && level != have[i] {
			return false
		}
	}
	return len(want) == len(have)
}

// publish publishes to those who subscribe, and keeps what is to be retained for
// those who will.
func (b *Broker) publish(self *mochi.Client, t topic, p packets.Packet) {
	p.FixedHeader.Type = packets.Publish
	p.TopicName = t.String()
	if p.FixedHeader.Retain {
		b.retained.put(p)
	}
	_ = b.server.InjectPacket(self, p) // fails for what is no PUBLISH
}

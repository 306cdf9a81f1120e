package mqtt

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"sync"
)

// memory recognises redeliveries: a message that a client sends again (DUP), because
// its acknowledgement did not arrive, is the same request. It remembers the last
// messages of each of the clients that came last.
type memory struct {
	clients, messages int

	mu    sync.Mutex
	known map[string]*list.Element // of *remembered
	order list.List                // the client that came last is in front
}

// remembered is the last messages of a client.
type remembered struct {
	client string
	sent   map[uint16]sending // by packet identifier
	ids    []uint16           // in the order in which they came
}

type sending struct {
	digest   [sha256.Size]byte // of topic and body: an identifier is used again
	name     []byte
	answered bool
}

func newMemory(clients, messages int) *memory {
	return &memory{clients: clients, messages: messages, known: map[string]*list.Element{}}
}

// name returns the name of a message: that which it got before, if it is one sent
// again, or a new one. Some senders do not say that they send it again; while an
// identifier has no answer, it is not free for another message (2.2.1).
func (m *memory) name(client string, id uint16, again bool, digest [sha256.Size]byte) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.of(client)
	if s, ok := r.sent[id]; ok && (again || !s.answered) && s.digest == digest {
		return s.name
	}
	name := newName()
	if _, ok := r.sent[id]; !ok {
		if len(r.ids) == m.messages {
			delete(r.sent, r.ids[0])
			r.ids = append(r.ids[:0], r.ids[1:]...)
		}
		r.ids = append(r.ids, id)
	}
	r.sent[id] = sending{digest: digest, name: name}
	return name
}

// answered notes that the message with an identifier has its answer.
func (m *memory) answered(client string, id uint16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.known[client]; ok {
		r := e.Value.(*remembered) //nolint:errcheck,forcetypeassert // the list holds nothing else
		if s, ok := r.sent[id]; ok {
			s.answered = true
			r.sent[id] = s
		}
	}
}

// of finds a client, forgetting the one that came longest ago for a new one.
func (m *memory) of(client string) *remembered {
	if e, ok := m.known[client]; ok {
		m.order.MoveToFront(e)
		return e.Value.(*remembered) //nolint:errcheck,forcetypeassert // the list holds nothing else
	}
	if len(m.known) >= m.clients {
		last := m.order.Remove(m.order.Back()).(*remembered) //nolint:errcheck,forcetypeassert // the list holds nothing else
		delete(m.known, last.client)
	}
	r := &remembered{client: client, sent: map[uint16]sending{}}
	m.known[client] = m.order.PushFront(r)
	return r
}

// newName makes a name that nothing else has.
func newName() []byte {
	name := make([]byte, 16)
	_, _ = rand.Read(name) // never fails: crypto/rand
	return name
}

package coap

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// peer is one address, or one DTLS connection, that messages come from.
type peer struct {
	server *Server
	source string
	key    string // no other's
	send   func(b []byte)
	under  sync.WaitGroup

	mu      sync.Mutex
	next    uint16 // message id of the node's own messages
	waiting map[int32]chan struct{}
}

const maxRetransmit = 4 // RFC 7252, 4.8

// datagram takes a message. It does not wait.
func (p *peer) datagram(ctx context.Context, b []byte) {
	s := p.server
	m, err := decode(b)
	switch {
	case err != nil:
		s.metrics.drop("format")
		if len(b) >= 4 && b[0]>>6 == 1 && message.Type(b[0]>>4&3) == message.Confirmable { // 4.2
			p.send(encode(message.Reset, int32(binary.BigEndian.Uint16(b[2:])), nil, nil))
		}
		return
	case m.kind == message.Acknowledgement || m.kind == message.Reset:
		p.settle(m.id)
		return
	case !m.is():
		s.metrics.drop("format")
		if m.kind == message.Confirmable { // a ping (4.3), or a response that nobody asked for
			p.send(encode(message.Reset, m.id, nil, nil))
		}
		return
	}
	n := s.sources[p.source]
	key := p.key + "\x00" + strconv.Itoa(int(m.id)) + "\x00" + string(m.token)
	answer, fresh := n.exchanges.begin(key)
	if !fresh {
		s.metrics.end(outcomeRepeated)
		if answer != nil {
			p.send(answer)
		}
		return
	}
	if !s.enter(n) {
		s.metrics.end(outcomeQuota)
		p.finish(n, key, &m, later(codes.TooManyRequests, outcomeQuota, "this source sends too much at once"))
		return
	}
	m.payload = append([]byte(nil), m.payload...)
	for i := range m.options {
		m.options[i].Value = append([]byte(nil), m.options[i].Value...)
	}
	p.under.Add(1) // the connection stays as long
	s.working.Go(func() {
		defer p.under.Done()
		defer n.leave()
		p.work(context.WithoutCancel(ctx), ctx.Done(), n, key, &m) // what was taken is answered
	})
}

// work answers a request: with its acknowledgement, or separately when it takes long.
func (p *peer) work(ctx context.Context, ending <-chan struct{}, n *sender, key string, m *request) {
	s := p.server
	done := make(chan *reply, 1)
	var working sync.WaitGroup
	working.Go(func() {
		r := refusal(nil)
		defer func() { done <- r }()
		s.guard(ctx, func() { r = p.answer(ctx, m) })
	})
	defer working.Wait()
	if m.kind != message.Confirmable {
		p.finish(n, key, m, <-done)
		return
	}
	slow := time.NewTimer(s.opts.Separate)
	defer slow.Stop()
	select {
	case r := <-done:
		p.finish(n, key, m, r)
		return
	case <-slow.C:
	}
	empty := encode(message.Acknowledgement, m.id, nil, nil)
	n.exchanges.answered(key, empty)
	p.send(empty)
	r := <-done
	s.metrics.end(r.outcome)
	p.insist(ending, m, r)
}

// finish answers a request.
func (p *peer) finish(n *sender, key string, m *request, r *reply) {
	p.server.metrics.end(r.outcome)
	kind, id := message.Acknowledgement, m.id
	if m.kind != message.Confirmable {
		kind, id = message.NonConfirmable, p.id()
	}
	b := encode(kind, id, m.token, r)
	n.exchanges.answered(key, b)
	p.send(b)
}

// insist sends an answer until it is acknowledged (5.2.2 and 4.2); once the node ends,
// not again.
func (p *peer) insist(ending <-chan struct{}, m *request, r *reply) {
	id, settled := p.id(), make(chan struct{})
	p.mu.Lock()
	p.waiting[id] = settled
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, id)
	}()
	b := encode(message.Confirmable, id, m.token, r)
	pause := p.server.opts.Acknowledge
	for range maxRetransmit + 1 {
		p.send(b)
		wait := time.NewTimer(pause)
		select {
		case <-settled:
			wait.Stop()
			return
		case <-ending:
			wait.Stop()
			return
		case <-wait.C:
		}
		pause *= 2
	}
	p.server.metrics.drop("unacknowledged")
}

func (p *peer) settle(id int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if settled, ok := p.waiting[id]; ok {
		close(settled)
		delete(p.waiting, id)
	}
}

// id makes a message id.
func (p *peer) id() int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == 0 {
		var b [2]byte
		_, _ = rand.Read(b[:]) // never fails: crypto/rand
		p.next = binary.BigEndian.Uint16(b[:])
	}
	p.next++
	return int32(p.next)
}

// peers are the addresses that plain messages come from, of which the one that was
// silent longest is forgotten for a new one.
type peers struct {
	most  int
	by    map[string]*list.Element // of *peer
	order list.List
}

func newPeers(most int) *peers { return &peers{most: most, by: map[string]*list.Element{}} }

func (p *peers) of(key string, open func() *peer) *peer {
	if e, ok := p.by[key]; ok {
		p.order.MoveToFront(e)
		return e.Value.(*peer) //nolint:errcheck,forcetypeassert // the list holds nothing else
	}
	if p.order.Len() >= p.most {
		last := p.order.Remove(p.order.Back()).(*peer) //nolint:errcheck,forcetypeassert // the list holds nothing else
		delete(p.by, last.key)
	}
	n := open()
	p.by[key] = p.order.PushFront(n)
	return n
}

package coap

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/secant-platform/secant/gateway/source"
)

// The lifetime of a registration (LwM2M 1.1.1, 6.2.1).
const (
	defaultLife = 86400 * time.Second
	maxLife     = 30 * 86400 * time.Second
	maxEndpoint = 128 // bytes of an endpoint's name
	maxObjects  = 16 << 10
)

// registry is who is registered by LwM2M, in memory: a node that was started anew
// answers an update with 4.04, and the device registers again.
type registry struct {
	most int // of one source

	mu     sync.Mutex
	all    map[string]*registration // by id
	counts map[string]int           // by source
}

// registration says that whoever sends from a peer is a device of a source.
type registration struct {
	id, source, name, peer string
	life                   time.Duration
	until                  time.Time
}

func newRegistry(most int) *registry {
	return &registry{most: most, all: map[string]*registration{}, counts: map[string]int{}}
}

// put registers a device; one of the same source and name is replaced (6.2.1).
func (g *registry) put(source, name, peer string, life time.Duration) (id string, ok bool) {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails: crypto/rand
	id = hex.EncodeToString(b)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.all {
		if r.source == source && r.name == name || time.Now().After(r.until) {
			g.remove(r)
		}
	}
	if g.counts[source] >= g.most {
		return "", false
	}
	g.all[id] = &registration{id: id, source: source, name: name, peer: peer, life: life, until: time.Now().Add(life)}
	g.counts[source]++
	return id, true
}

// update prolongs a registration of a source, which may have moved to another peer.
func (g *registry) update(id, source, peer string, life time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.of(id, source)
	if r == nil {
		return false
	}
	if life > 0 {
		r.life = life
	}
	r.peer, r.until = peer, time.Now().Add(r.life)
	return true
}

// end ends a registration of a source.
func (g *registry) end(id, source string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.of(id, source)
	if r != nil {
		g.remove(r)
	}
	return r != nil
}

// of finds a registration of a source that still holds.
func (g *registry) of(id, source string) *registration {
	r := g.all[id]
	if r == nil || r.source != source {
		return nil
	}
	if time.Now().After(r.until) {
		g.remove(r)
		return nil
	}
	return r
}

func (g *registry) remove(r *registration) {
	delete(g.all, r.id)
	g.counts[r.source]--
}

// only finds the device that is registered from a peer; empty when there is none, or
// more than one.
func (g *registry) only(peer string) (name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.all {
		if r.peer != peer || time.Now().After(r.until) {
			continue
		}
		if name != "" {
			return ""
		}
		name = r.name
	}
	return name
}

// leave takes registrations from a connection that has ended: its device updates them
// from the next one.
func (g *registry) leave(peer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.all {
		if r.peer == peer {
			r.peer = ""
		}
	}
}

// register answers LwM2M's register operation.
func (p *peer) register(ctx context.Context, query map[string]string, objects []byte) *reply {
	name := query["ep"]
	life, ok := lifetime(query)
	switch {
	case name == "" || len(name) > maxEndpoint:
		return refuse(codes.BadRequest, outcomeRequest, "No endpoint", "ep in the query is the endpoint's name")
	case !ok:
		return refuse(codes.BadRequest, outcomeRequest, "The lifetime", "lt must be seconds, at most 30 days")
	case query["lwm2m"] != "" && !strings.HasPrefix(query["lwm2m"], "1."):
		return refuse(codes.PreconditionFailed, outcomeRequest, "The version", "LwM2M 1.x is spoken here")
	case len(objects) > maxObjects:
		return refuse(codes.RequestEntityTooLarge, outcomeRequest, "Too large", "the list of objects is too long")
	}
	if life == 0 {
		life = defaultLife
	}
	s := p.server
	err := source.Patiently(ctx, s.opts.Patience, func() error {
		_, _, err := s.devices.Find(ctx, p.source, name, false)
		return err
	})
	if err != nil {
		return p.failed(ctx, err)
	}
	id, ok := s.registry.put(p.source, name, p.key, life)
	if !ok {
		return later(codes.ServiceUnavailable, outcomeQuota, "too many devices are registered of this source")
	}
	r := &reply{code: codes.Created, outcome: outcomeLwM2M}
	r.add(message.LocationPath, []byte(pathRegister))
	r.add(message.LocationPath, []byte(id))
	return r
}

func (p *peer) update(id string, query map[string]string) *reply {
	life, ok := lifetime(query)
	if !ok {
		return refuse(codes.BadRequest, outcomeRequest, "The lifetime", "lt must be seconds, at most 30 days")
	}
	if !p.server.registry.update(id, p.source, p.key, life) {
		return refuse(codes.NotFound, outcomeRequest, "Not registered", "register again")
	}
	return &reply{code: codes.Changed, outcome: outcomeLwM2M}
}

func (p *peer) deregister(id string) *reply {
	if !p.server.registry.end(id, p.source) {
		return refuse(codes.NotFound, outcomeRequest, "Not registered", "there is no such registration")
	}
	return &reply{code: codes.Deleted, outcome: outcomeLwM2M}
}

// lifetime reads lt; zero: it is not there.
func lifetime(query map[string]string) (time.Duration, bool) {
	said, there := query["lt"]
	if !there {
		return 0, true
	}
	n, err := strconv.ParseUint(said, 10, 32)
	life := time.Duration(n) * time.Second
	return life, err == nil && n > 0 && life <= maxLife
}

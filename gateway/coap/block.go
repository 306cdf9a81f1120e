package coap

import (
	"strings"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"golang.org/x/sync/semaphore"
)

const (
	maxAssemblies = 16               // requests of one source that are coming in blocks
	blockLife     = 90 * time.Second // between two blocks of a request
)

// assemblies are the requests that are coming in blocks (RFC 7959, section 2).
type assemblies struct {
	limit int // bytes of one
	held  *semaphore.Weighted

	mu   sync.Mutex
	open map[string]map[string]*assembly // by source, and by what makes a request one
}

type assembly struct {
	body []byte
	took int64 // of what all requests may hold
	at   time.Time
}

// block is a Block1 option.
type block struct {
	number int
	size   int
	more   bool
}

func (m *request) block(id message.OptionID) (b block, there, ok bool) {
	v, there := m.number(id)
	if !there {
		return b, false, true
	}
	b = block{int(v >> 4), 16 << (v & 7), v&8 != 0}
	return b, true, v&7 != 7
}

// assemble takes a block. It returns the whole body with what it took of the bound, which
// the caller gives back; or what to answer until then.
func (a *assemblies) assemble(source, peer string, m *request) (body []byte, took int64, r *reply) {
	b, there, ok := m.block(message.Block1)
	if size, said := m.number(message.Size1); said && int64(size) > int64(a.limit) || len(m.payload) > a.limit {
		return nil, 0, a.tooLarge()
	}
	switch {
	case !ok || there && (b.more && len(m.payload) != b.size || len(m.payload) > b.size):
		return nil, 0, refuse(codes.BadRequest, outcomeRequest, "No block", "a block has the size that it says, and not the last one at most that")
	case !there || b.number == 0 && !b.more:
		if !a.held.TryAcquire(int64(len(m.payload))) {
			return nil, 0, busy()
		}
		return m.payload, int64(len(m.payload)), nil
	}
	tag, _ := m.one(requestTag)
	var query []string
	for _, o := range m.options {
		if o.ID == message.URIQuery || o.ID == message.ContentFormat {
			query = append(query, string(o.Value))
		}
	}
	key := strings.Join(append([]string{peer, m.path(), string(tag)}, query...), "\x00")

	a.mu.Lock()
	defer a.mu.Unlock()
	mine := a.of(source)
	w := mine[key]
	if b.number == 0 {
		if w != nil {
			a.forget(source, key)
		} else if len(mine) >= maxAssemblies {
			return nil, 0, busy()
		}
		w = &assembly{}
		mine[key] = w
	}
	if w == nil || len(w.body) != b.number*b.size {
		return nil, 0, refuse(codes.RequestEntityIncomplete, outcomeRequest, "A block is missing", "begin with the first block again")
	}
	if len(w.body)+len(m.payload) > a.limit {
		a.forget(source, key)
		return nil, 0, a.tooLarge()
	}
	if !a.held.TryAcquire(int64(len(m.payload))) {
		a.forget(source, key)
		return nil, 0, busy()
	}
	w.took += int64(len(m.payload))
	w.body, w.at = append(w.body, m.payload...), time.Now()
	if !b.more {
		delete(mine, key)
		return w.body, w.took, nil
	}
	return nil, 0, &reply{code: codes.Continue, outcome: outcomeBlock}
}

// of are a source's. Those of which nothing came for long are let go, of all sources:
// one that falls silent must not keep what the others need.
func (a *assemblies) of(source string) map[string]*assembly {
	mine := a.open[source]
	if mine == nil {
		mine = map[string]*assembly{}
		a.open[source] = mine
	}
	for name, list := range a.open {
		for key, w := range list {
			if time.Since(w.at) > blockLife {
				a.forget(name, key)
			}
		}
	}
	return mine
}

func (a *assemblies) forget(source, key string) {
	a.held.Release(a.open[source][key].took)
	delete(a.open[source], key)
}

func (a *assemblies) tooLarge() *reply {
	r := refuse(codes.RequestEntityTooLarge, outcomePayload, "Too large", "send less at once")
	r.number(message.Size1, uint32(a.limit)) //nolint:gosec // bounded by Options
	return r
}

func busy() *reply {
	return later(codes.ServiceUnavailable, outcomeQuota, "too much is being received: send it again")
}

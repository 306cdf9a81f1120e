package coap

import (
	"container/list"
	"sync"
	"time"
)

const (
	// exchangeLife is how long a message id means the same message (RFC 7252, 4.8.2).
	exchangeLife = 247 * time.Second
	maxExchanges = 4096 // of one source
)

// exchanges recognise messages that come again (4.5): they are answered as before, and
// done once. Each source has room of its own.
type exchanges struct {
	mu    sync.Mutex
	by    map[string]*list.Element // of *exchange
	order list.List                // the newest in front
}

// exchange is a message and what was answered.
type exchange struct {
	key    string
	at     time.Time
	answer []byte // nil: none yet
}

// begin reports whether a message is new. If not, it returns what was answered, if it
// was.
func (e *exchanges) begin(key string) (answer []byte, fresh bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for last := e.order.Back(); last != nil; last = e.order.Back() {
		x := last.Value.(*exchange) //nolint:errcheck,forcetypeassert // the list holds nothing else
		if now.Sub(x.at) < exchangeLife && e.order.Len() < maxExchanges {
			break
		}
		e.order.Remove(last)
		delete(e.by, x.key)
	}
	if was, ok := e.by[key]; ok {
		return was.Value.(*exchange).answer, false //nolint:errcheck,forcetypeassert // the list holds nothing else
	}
	e.by[key] = e.order.PushFront(&exchange{key: key, at: now})
	return nil, true
}

// answered notes what was answered: to the same message, the same.
func (e *exchanges) answered(key string, b []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if was, ok := e.by[key]; ok {
		was.Value.(*exchange).answer = b //nolint:errcheck,forcetypeassert // the list holds nothing else
	}
}

package did

import (
	"container/list"
	"sync"
	"time"
)

// forever is the age of what never changes.
const forever = time.Duration(1<<63 - 1)

// cache remembers a number of values, of which it forgets the least recently
// used, and each for a time.
type cache[V any] struct {
	size int
	now  func() time.Time

	mu    sync.Mutex // guards what follows
	by    map[string]*list.Element
	order *list.List // the most recently used first
}

type entry[V any] struct {
	name  string
	value V
	ends  time.Time // zero: never
}

func newCache[V any](size int, now func() time.Time) *cache[V] {
	return &cache[V]{size: size, now: now, by: map[string]*list.Element{}, order: list.New()}
}

func (c *cache[V]) get(name string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var none V
	element, ok := c.by[name]
	if !ok {
		return none, false
	}
	e, ok := element.Value.(*entry[V])
	if !ok || !e.ends.IsZero() && !c.now().Before(e.ends) {
		c.order.Remove(element)
		delete(c.by, name)
		return none, false
	}
	c.order.MoveToFront(element)
	return e.value, true
}

func (c *cache[V]) put(name string, value V, age time.Duration) {
	if age <= 0 {
		return
	}
	e := &entry[V]{name: name, value: value}
	if age != forever {
		e.ends = c.now().Add(age)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.by[name]; ok {
		element.Value = e
		c.order.MoveToFront(element)
		return
	}
	c.by[name] = c.order.PushFront(e)
	if c.order.Len() > c.size {
		oldest := c.order.Back()
		if e, ok := c.order.Remove(oldest).(*entry[V]); ok {
			delete(c.by, e.name)
		}
	}
}

package app

import (
	"container/list"
	"sync"

	"github.com/secant-platform/secant/analytics/cti"
)

// maxBills bounds the memory of the bills that are kept decoded, in bytes.
const maxBills = 64 << 20

// billCache keeps decoded bills of materials by digest, the most recently used
// ones that fit. Methods may be called from many goroutines.
type billCache struct {
	limit int // bytes

	mu    sync.Mutex // guards what follows
	size  int        // bytes
	bills map[string]*list.Element
	order *list.List // of *cachedBill, most recently used first
}

type cachedBill struct {
	digest     string
	components []cti.Component
	size       int // bytes
}

func newBillCache(limit int) *billCache {
	return &billCache{limit: limit, bills: map[string]*list.Element{}, order: list.New()}
}

func (c *billCache) get(digest string) ([]cti.Component, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.bills[digest]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cachedBill).components, true //nolint:errcheck,forcetypeassert // the list holds nothing else
}

// put keeps a bill and lets go of others to make room. One that is larger than
// the whole cache is not kept.
func (c *billCache) put(digest string, components []cti.Component) {
	b := &cachedBill{digest: digest, components: components, size: sizeOf(digest, components)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.bills[digest]; ok || b.size > c.limit {
		return
	}
	for c.size+b.size > c.limit {
		old := c.order.Remove(c.order.Back()).(*cachedBill) //nolint:errcheck,forcetypeassert // the list holds nothing else
		delete(c.bills, old.digest)
		c.size -= old.size
	}
	c.bills[digest] = c.order.PushFront(b)
	c.size += b.size
}

// sizeOf is about what a decoded bill takes in memory, in bytes.
func sizeOf(digest string, components []cti.Component) int {
	const (
		text  = 16            // a string's header
		each  = 6*text + 3*24 // a component: strings and slices
		entry = 256           // of the list and the map
	)
	n := entry + len(digest) + cap(components)*each
	for i := range components {
		c := &components[i]
		n += len(c.Name) + len(c.Group) + len(c.Version) + len(c.PURL) + len(c.CPE) + len(c.Supplier)
		for _, h := range c.Hashes {
			n += 2*text + len(h.Algorithm) + len(h.Value)
		}
		for _, more := range [][]string{c.Vendors, c.Vulnerabilities} {
			n += cap(more) * text
			for _, s := range more {
				n += len(s)
			}
		}
	}
	return n
}

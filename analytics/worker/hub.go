package worker

import "sync"

// Hub tells those who wait that the store has something new: a block, or an
// event of this node. It carries no content, so a slow listener loses nothing:
// it reads the store from where it stopped.
type Hub struct {
	mu        sync.Mutex
	listeners map[chan struct{}]bool
}

func newHub() *Hub { return &Hub{listeners: map[chan struct{}]bool{}} }

// Subscribe returns a channel that receives whenever there is something new
// since it was last received from, and a function that ends the subscription.
func (h *Hub) Subscribe() (wake <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners[c] = true
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.listeners, c)
	}
}

// Wake tells all subscribers. It never blocks.
func (h *Hub) Wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.listeners {
		select {
		case c <- struct{}{}:
		default: // told already, and not yet looked
		}
	}
}

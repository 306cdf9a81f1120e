package edge

// heap gives items back by what comes first, in a time that grows with the logarithm of
// their number.
type heap struct {
	less  func(a, b *item) bool
	items []*item
}

func byPlace(a, b *item) bool { return a.place < b.place }

func byTime(a, b *item) bool { return a.after.Before(b.after) }

// first is the item that comes first; nil: there is none.
func (h *heap) first() *item {
	if len(h.items) == 0 {
		return nil
	}
	return h.items[0]
}

func (h *heap) push(i *item) {
	h.items = append(h.items, i)
	for at := len(h.items) - 1; at > 0; {
		above := (at - 1) / 2
		if !h.less(h.items[at], h.items[above]) {
			return
		}
		h.items[at], h.items[above] = h.items[above], h.items[at]
		at = above
	}
}

// pop takes the item that comes first; nil: there is none.
func (h *heap) pop() *item {
	first := h.first()
	if first == nil {
		return nil
	}
	last := len(h.items) - 1
	h.items[0], h.items[last] = h.items[last], nil
	h.items = h.items[:last]
	for at := 0; ; {
		least := at
		for below := 2*at + 1; below <= 2*at+2 && below < last; below++ {
			if h.less(h.items[below], h.items[least]) {
				least = below
			}
		}
		if least == at {
			return first
		}
		h.items[at], h.items[least] = h.items[least], h.items[at]
		at = least
	}
}

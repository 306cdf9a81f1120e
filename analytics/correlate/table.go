package correlate

// table holds references under 64-bit keys, several under one. References of one key
// are a chain in one array, so that a million take some tens of bytes each and the
// garbage collector has nothing to follow.
type table struct {
	heads map[uint64]uint32 // place of the first link
	links []reference       // place 0 is none
	free  uint32            // first of the places that are free
}

type reference struct {
	ref  int64
	next uint32
}

func newTable(room int) table {
	return table{heads: make(map[uint64]uint32, room), links: make([]reference, 1, room+1)}
}

func (t *table) add(key uint64, ref int64) {
	at := t.free
	if at != 0 {
		t.free = t.links[at].next
	} else {
		t.links = append(t.links, reference{})
		at = uint32(len(t.links) - 1) //nolint:gosec // memory ends before
	}
	t.links[at] = reference{ref, t.heads[key]}
	t.heads[key] = at
}

// remove takes a reference out, once.
func (t *table) remove(key uint64, ref int64) {
	var before uint32
	for at := t.heads[key]; at != 0; before, at = at, t.links[at].next {
		if t.links[at].ref != ref {
			continue
		}
		next := t.links[at].next
		switch {
		case before != 0:
			t.links[before].next = next
		case next != 0:
			t.heads[key] = next
		default:
			delete(t.heads, key)
		}
		t.links[at] = reference{next: t.free}
		t.free = at
		return
	}
}

// each calls use for the references of a key, until use says enough.
func (t *table) each(key uint64, use func(ref int64) bool) bool {
	for at := t.heads[key]; at != 0; at = t.links[at].next {
		if !use(t.links[at].ref) {
			return false
		}
	}
	return true
}

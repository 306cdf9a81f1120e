package statetest

import "slices"

// Version is where a value was written.
type Version struct{ Block, Tx uint64 }

// entry is one value that a key had; nil when it was deleted.
type entry struct {
	version Version
	value   []byte
	tx      string
}

// store keeps every value that every key ever had, so that a snapshot is a
// height.
type store struct {
	keys   []string // sorted
	values map[string][]entry
}

// get returns the value of a key after the block before height.
func (s *store) get(key string, height uint64) (entry, bool) {
	list := s.values[key]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].version.Block < height {
			return list[i], list[i].value != nil
		}
	}
	return entry{}, false
}

// scan returns the keys from start to end (exclusive) that have a value at that
// height.
func (s *store) scan(start, end string, height uint64) []string {
	var found []string
	from, _ := slices.BinarySearch(s.keys, start)
	for _, k := range s.keys[from:] {
		if k >= end {
			break
		}
		if _, ok := s.get(k, height); ok {
			found = append(found, k)
		}
	}
	return found
}

func (s *store) put(key string, e entry) {
	if s.values == nil {
		s.values = map[string][]entry{}
	}
	if _, known := s.values[key]; !known {
		at, _ := slices.BinarySearch(s.keys, key)
		s.keys = slices.Insert(s.keys, at, key)
	}
	s.values[key] = append(s.values[key], e)
}

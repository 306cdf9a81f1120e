package correlate

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// How what was seen and what an object names have to do with each other.
const (
	HowEqual   = "value"   // they are the same
	HowNetwork = "network" // one is an address or network in the other
	HowHost    = "host"    // the host of a URL that was seen is what is named
	HowFuzzy   = "fuzzy"   // the files are alike
)

// Hit is a reference that a value led to.
type Hit struct {
	Ref  int64
	How  string
	Near int // of HowFuzzy: likeness by SSDEEP (0 to 100), or 100 less the distance by TLSH
}

// Matcher finds which of very many values have to do with one that was seen, in about
// a microsecond. It holds references and no texts but those of fuzzy hashes: what it
// finds by a key, whoever asked compares. It is not safe for use by several
// goroutines while one changes it.
type Matcher struct {
	equal    table
	networks bart.Table[[]int64] // that hold what is seen
	within   bart.Table[[]int64] // that lie in a network that is seen
	fuzzy    *Fuzzy
	size     int
}

// NewMatcher makes one with room for about so many values.
func NewMatcher(room int) *Matcher {
	return &Matcher{equal: newTable(room), fuzzy: NewFuzzy()}
}

// Len is how many values it holds.
func (m *Matcher) Len() int { return m.size }

// Add has a value found under a reference.
func (m *Matcher) Add(ref int64, v Value) {
	m.size++
	if v.Op != "" {
		if p, ok := v.prefix(); ok {
			list := m.tableOf(v.Op)
			refs, _ := list.Get(p)
			list.Insert(p, append(refs, ref))
		}
		return
	}
	m.equal.add(v.key(), ref)
	m.fuzzy.Add(ref, v)
}

// Remove takes out what Add put in.
func (m *Matcher) Remove(ref int64, v Value) {
	m.size--
	if v.Op != "" {
		if p, ok := v.prefix(); ok {
			list := m.tableOf(v.Op)
			refs, _ := list.Get(p)
			if refs = without(refs, ref); len(refs) == 0 {
				list.Delete(p)
			} else {
				list.Insert(p, refs)
			}
		}
		return
	}
	m.equal.remove(v.key(), ref)
	m.fuzzy.Remove(ref, v)
}

// Has tells whether a value is there under a reference.
func (m *Matcher) Has(ref int64, v Value) bool {
	if v.Op != "" {
		p, ok := v.prefix()
		refs, _ := m.tableOf(v.Op).Get(p)
		return ok && slices.Contains(refs, ref)
	}
	return !m.equal.each(v.key(), func(r int64) bool { return r != ref })
}

func (m *Matcher) tableOf(op string) *bart.Table[[]int64] {
	if op == OpWithin {
		return &m.networks
	}
	return &m.within
}

func without(refs []int64, ref int64) []int64 {
	var kept []int64
	for _, r := range refs {
		if r != ref {
			kept = append(kept, r)
		}
	}
	return kept
}

// Find appends what a value that was seen leads to, at most MaxHits, and never twice
// the same way.
func (m *Matcher) Find(hits []Hit, v Value) []Hit {
	f := finding{hits: hits, start: len(hits)}
	if v.Op == "" {
		m.equal.each(v.key(), f.take(HowEqual))
	}
	if p, ok := v.prefix(); ok {
		m.around(&f, p)
		return f.hits
	}
	if h, ok := v.Host(); ok {
		m.equal.each(h.key(), f.take(HowHost))
		if p, ok := h.prefix(); ok {
			for _, refs := range m.networks.Supernets(p) {
				f.all(refs, HowHost)
			}
		}
		return f.hits
	}
	if v.Property == PropertySSDEEP || v.Property == PropertyTLSH {
		m.fuzzy.each(v, func(ref int64, near int) bool {
			return f.put(Hit{Ref: ref, How: HowFuzzy, Near: near})
		})
	}
	return f.hits
}

func (m *Matcher) around(f *finding, p netip.Prefix) {
	for _, refs := range m.networks.Supernets(p) {
		f.all(refs, HowNetwork)
	}
	if m.within.Size() > 0 {
		for _, refs := range m.within.Subnets(p) {
			f.all(refs, HowNetwork)
		}
	}
}

// MaxHits bounds what one value leads to.
const MaxHits = 1_000

type finding struct {
	hits  []Hit
	start int
}

func (f *finding) put(h Hit) bool {
	if len(f.hits)-f.start >= MaxHits {
		return false
	}
	f.hits = append(f.hits, h)
	return true
}

func (f *finding) take(how string) func(int64) bool {
	return func(ref int64) bool { return f.put(Hit{Ref: ref, How: how}) }
}

func (f *finding) all(refs []int64, how string) {
	for _, r := range refs {
		if !f.put(Hit{Ref: r, How: how}) {
			return
		}
	}
}

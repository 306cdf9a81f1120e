package correlate

// Fuzzy finds files that are alike by their SSDEEP and TLSH, without comparing each
// with each: by seven characters in common, and by bands.
type Fuzzy struct {
	pieces  map[int64]ssdeep
	grams   table
	buckets map[int64]tlsh
	bands   table
}

// NewFuzzy makes an empty one.
func NewFuzzy() *Fuzzy {
	return &Fuzzy{pieces: map[int64]ssdeep{}, grams: newTable(0), buckets: map[int64]tlsh{}, bands: newTable(0)}
}

// Bounds on likeness and on work.
const (
	minLikeness = 60    // of two SSDEEP from which files count as alike, 0 to 100
	maxCompared = 5_000 // hashes that are compared with one
)

// Add has a fuzzy hash found under a reference; other values are passed over.
func (f *Fuzzy) Add(ref int64, v Value) { f.change(ref, v, true) }

// Remove takes out what Add put in.
func (f *Fuzzy) Remove(ref int64, v Value) { f.change(ref, v, false) }

func (f *Fuzzy) change(ref int64, v Value, add bool) {
	to := (*table).remove
	if add {
		to = (*table).add
	}
	switch v.Property {
	case PropertySSDEEP:
		p, ok := parseSSDEEP(v.Text)
		if !ok {
			return
		}
		if f.pieces[ref] = p; !add {
			delete(f.pieces, ref)
		}
		p.grams(func(k uint64) { to(&f.grams, k, ref) })
	case PropertyTLSH:
		t, ok := parseTLSH(v.Text)
		if !ok {
			return
		}
		if f.buckets[ref] = t; !add {
			delete(f.buckets, ref)
		}
		t.bands(false, func(k uint64) bool { to(&f.bands, k, ref); return true })
	}
}

// each calls use for what is alike and not the same.
func (f *Fuzzy) each(v Value, use func(ref int64, near int) bool) {
	switch v.Property {
	case PropertySSDEEP:
		f.eachPiece(v.Text, use)
	case PropertyTLSH:
		f.eachBucket(v.Text, use)
	}
}

func (f *Fuzzy) eachPiece(text string, use func(ref int64, near int) bool) {
	p, ok := parseSSDEEP(text)
	if !ok {
		return
	}
	looked, on := map[int64]bool{}, true
	p.grams(func(k uint64) {
		on = on && f.grams.each(k, func(ref int64) bool {
			if looked[ref] {
				return true
			}
			looked[ref] = true
			other := f.pieces[ref]
			if n := p.likeness(other); n >= minLikeness && other != p && !use(ref, n) {
				return false
			}
			return len(looked) < maxCompared
		})
	})
}

func (f *Fuzzy) eachBucket(text string, use func(ref int64, near int) bool) {
	t, ok := parseTLSH(text)
	if !ok {
		return
	}
	looked, on := map[int64]bool{}, true
	t.bands(true, func(k uint64) bool {
		on = on && f.bands.each(k, func(ref int64) bool {
			if looked[ref] {
				return true
			}
			looked[ref] = true
			other := f.buckets[ref]
			if d := t.distance(&other); d <= maxDistance && d > 0 && !use(ref, 100-d) {
				return false
			}
			return len(looked) < maxCompared
		})
		return on
	})
}

// Likeness compares two fuzzy hashes of one kind: how alike they are, as Hit.Near, and
// whether that is enough.
func Likeness(a, b Value) (near int, alike bool) {
	if a.Property != b.Property {
		return 0, false
	}
	switch a.Property {
	case PropertySSDEEP:
		x, okX := parseSSDEEP(a.Text)
		y, okY := parseSSDEEP(b.Text)
		near = x.likeness(y)
		return near, okX && okY && near >= minLikeness
	case PropertyTLSH:
		x, okX := parseTLSH(a.Text)
		y, okY := parseTLSH(b.Text)
		near = 100 - x.distance(&y)
		return near, okX && okY && near >= 100-maxDistance
	}
	return 0, false
}

// Find appends what is alike, at most MaxHits.
func (f *Fuzzy) Find(hits []Hit, v Value) []Hit {
	found := finding{hits: hits, start: len(hits)}
	f.each(v, func(ref int64, near int) bool { return found.put(Hit{Ref: ref, How: HowFuzzy, Near: near}) })
	return found.hits
}

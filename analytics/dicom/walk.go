package dicom

import "math"

// The tags by which the structure of a data set is known.
const (
	tagPixels       = 0x7FE0_0010
	tagItem         = 0xFFFE_E000
	tagItemEnd      = 0xFFFE_E00D
	tagSequenceEnd  = 0xFFFE_E0DD
	groupOfItems    = 0xFFFE
	undefinedLength = math.MaxUint32
	unbounded       = math.MaxInt64
)

const (
	maxNested   = 32        // sequences within each other
	maxElements = 4_000_000 // of a file
	maxKept     = 1 << 10   // bytes of a value that is looked at
)

// form is how a data set's elements are written.
type form struct{ implicit bool }

// element is the head of an element.
type element struct {
	tag    uint32
	vr     [2]byte // zero where it is implicit
	length uint32
}

// level is what the walk is within: a data set, or a sequence of items, or pixels in
// fragments.
type level struct {
	kind  kind
	form  form
	end   int64  // where it ends; unbounded: at its delimiter, or for the first with the bytes
	limit int64  // where the innermost around it with an end has it
	tag   uint32 // of the sequence, also in its items
	item  int    // of a sequence: how many were seen
}

type kind int

const (
	dataSet kind = iota
	sequence
	fragments
)

// walk goes through a data set, to the end of its bytes: every length in it fits, or
// it is refused. Take is handed those values that want asks for: with the tag of the
// sequence in whose first item they stand, or 0.
type walk struct {
	src      *source
	want     func(within, tag uint32) bool
	take     func(within, tag uint32, value []byte) error
	levels   []level
	elements int
}

func (w *walk) run(f form) error {
	w.levels = append(w.levels[:0], level{kind: dataSet, form: f, end: unbounded, limit: unbounded})
	for len(w.levels) > 0 {
		at := &w.levels[len(w.levels)-1]
		if w.src.pos == at.end {
			w.up()
			continue
		}
		if len(w.levels) == 1 {
			if ended, err := w.src.ended(); ended || err != nil {
				return err
			}
		}
		if w.elements++; w.elements > maxElements {
			return &Error{ReasonResources, "the data set has too many elements"}
		}
		if err := w.step(at); err != nil {
			return err
		}
	}
	return nil
}

// up leaves the innermost level.
func (w *walk) up() { w.levels = w.levels[:len(w.levels)-1] }

// down enters a level that begins here.
func (w *walk) down(l level, length uint32) error {
	if len(w.levels) > 2*maxNested {
		return broken("sequences are nested too deeply")
	}
	l.end, l.limit = unbounded, w.levels[len(w.levels)-1].limit
	if length != undefinedLength {
		l.end = w.src.pos + int64(length)
		l.limit = l.end
	}
	w.levels = append(w.levels, l)
	return nil
}

// step reads one element, or one item of a sequence.
func (w *walk) step(at *level) error {
	e, err := w.src.element(at.form, at.kind != dataSet)
	if err != nil {
		return err
	}
	if w.src.pos > at.limit || e.length != undefinedLength && int64(e.length) > at.limit-w.src.pos {
		return broken("an element is longer than what it stands in")
	}
	switch {
	case at.kind != dataSet:
		return w.item(at, e)
	case e.tag == tagItemEnd:
		if len(w.levels) == 1 || at.end != unbounded || e.length != 0 {
			return broken("an item ends where none can")
		}
		w.up()
		return nil
	case e.tag>>16 == groupOfItems:
		return broken("an item stands outside a sequence")
	}
	return w.element(at, e)
}

// item reads what stands in a sequence, or among fragments.
func (w *walk) item(at *level, e element) error {
	switch {
	case e.tag == tagSequenceEnd && at.end == unbounded && e.length == 0:
		w.up()
		return nil
	case e.tag != tagItem:
		return broken("a sequence holds what is no item")
	case at.kind == fragments && e.length == undefinedLength:
		return broken("a fragment has no length")
	case at.kind == fragments:
		return w.src.skip(int64(e.length))
	}
	at.item++
	return w.down(level{kind: dataSet, form: at.form, tag: at.tag}, e.length)
}

// element reads an element's value, or goes down into it.
func (w *walk) element(at *level, e element) error {
	if e.length == undefinedLength {
		switch {
		case e.vr == vrSQ, at.form.implicit && e.tag != tagPixels:
			return w.down(level{kind: sequence, form: at.form, tag: e.tag}, e.length)
		case e.vr == vrUN: // its items are in implicit VR (PS3.5, section 6.2.2, note 2)
			return w.down(level{kind: sequence, form: form{implicit: true}, tag: e.tag}, e.length)
		case (e.vr == vrOB || e.vr == vrOW) && e.tag == tagPixels:
			return w.down(level{kind: fragments}, e.length)
		}
		return broken("an element that needs a length has none")
	}
	if e.vr == vrSQ {
		return w.down(level{kind: sequence, form: at.form, tag: e.tag}, e.length)
	}
	within, first := uint32(0), true
	if n := len(w.levels); n > 1 {
		// A value of a deeper sequence, or of a later item, is nobody's.
		within, first = at.tag, n == 3 && w.levels[1].item == 1
	}
	if !first || e.length > maxKept || !w.want(within, e.tag) {
		return w.src.skip(int64(e.length))
	}
	value, err := w.src.value(int(e.length))
	if err != nil {
		return err
	}
	return w.take(within, e.tag, value)
}

// element reads the head of an element, or of an item, which has no VR ever.
func (s *source) element(f form, item bool) (e element, err error) {
	b, err := s.next(8)
	if err != nil {
		return e, err
	}
	e.tag = tagOf(b)
	if f.implicit || item || e.tag>>16 == groupOfItems {
		e.length = le32(b[4:])
		return e, nil
	}
	e.vr = [2]byte{b[4], b[5]}
	wide, ok := vrs[e.vr]
	if !ok {
		return e, broken("an element has no value representation of the standard's")
	}
	if !wide {
		e.length = uint32(b[6]) | uint32(b[7])<<8
		return e, nil
	}
	if b, err = s.next(4); err != nil {
		return e, err
	}
	e.length = le32(b)
	return e, nil
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

var (
	vrSQ = [2]byte{'S', 'Q'}
	vrUN = [2]byte{'U', 'N'}
	vrOB = [2]byte{'O', 'B'}
	vrOW = [2]byte{'O', 'W'}
)

// vrs are the value representations (PS3.5, section 6.2), and whether their lengths
// have four bytes (section 7.1.2).
var vrs = func() map[[2]byte]bool {
	m := map[[2]byte]bool{}
	for _, vr := range []string{"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"} {
		m[[2]byte{vr[0], vr[1]}] = false
	}
	for _, vr := range []string{"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"} {
		m[[2]byte{vr[0], vr[1]}] = true
	}
	return m
}()

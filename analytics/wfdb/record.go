package wfdb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Record is what is in a record.
type Record struct {
	// Start is when it begins, by the clock at its bedside, whose zone nobody states; in
	// UTC as if it were that. Zero when the header has no date.
	Start       time.Time
	Rate        float64 // frames a second
	Frames      int64   // of the whole record, gaps included
	Segments    int     // 0: the record is one piece
	Gaps        int     // segments of which nothing was recorded
	Signals     []Signal
	Annotations []Annotations
}

// Duration is how long a record is, gaps included.
func (r *Record) Duration() time.Duration { return duration(float64(r.Frames) / r.Rate) }

func duration(seconds float64) time.Duration {
	if ns := seconds * 1e9; ns < math.MaxInt64 {
		return time.Duration(ns)
	}
	return math.MaxInt64
}

// Signal is what is in one signal of a record.
type Signal struct {
	Label   string  // as the header describes it, as in MLII
	Unit    string  // of Min and Max; mV when the header names none
	Rate    float64 // samples a second
	Samples int64   // that there are, those without a value included
	Missing int64   // of them, those without a value
	// Min and Max are in Unit and NaN when there is no value. Without a gain in the
	// header (Calibrated) they rest on the usual one, 200 ADC units for one.
	Min, Max   float64
	Calibrated bool
	Checked    bool // the header states a checksum, and it is that of the samples
}

// Read reads the record whose header is name + ".hea" in fsys, and the annotations
// beside it, whose files are called as the record is. Everything that the header names
// must be there. Problems: invalid with what is wrong, and too_large.
func Read(fsys fs.FS, name string) (*Record, error) {
	h, err := readHeader(fsys, name)
	if err != nil {
		return nil, err
	}
	r := &Record{Start: h.start, Rate: h.rate, Frames: h.samples, Segments: len(h.segments)}
	if r.Segments > 0 {
		err = r.readSegments(fsys, h)
	} else {
		r.Frames, r.Signals, err = readSignals(fsys, h, h.samples, map[string]bool{})
	}
	if err != nil {
		return nil, err
	}
	if err := r.annotate(fsys, name, h); err != nil {
		return nil, err
	}
	return r, nil
}

func readHeader(fsys fs.FS, name string) (*header, error) {
	if !recordName.MatchString(name) {
		return nil, invalid("a record's name must be letters, digits, underscores and hyphens")
	}
	file, err := open(fsys, name+".hea")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, MaxHeader+1))
	if err != nil {
		return nil, fmt.Errorf("reading a header: %w", err)
	}
	h, err := parseHeader(text)
	if err == nil && h.name != name {
		return nil, invalid("a header names another record than its file does")
	}
	return h, err
}

func open(fsys fs.FS, name string) (fs.File, error) {
	file, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, invalid("a file that the header names is not there")
	}
	if err != nil {
		return nil, fmt.Errorf("opening a file of the record: %w", err)
	}
	return file, nil
}

// readSegments reads a record that is put together from others, which may have other
// signals each: signals by one description, unit and rate are one.
func (r *Record) readSegments(fsys fs.FS, h *header) error {
	total, seen := int64(0), map[string]bool{}
	for i, s := range h.segments {
		total += s.samples
		if s.name == "" {
			r.Gaps++
			continue
		}
		if seen[s.name+".hea"] {
			return invalid("a record is made of one segment twice")
		}
		seen[s.name+".hea"] = true
		part, err := readHeader(fsys, s.name)
		if err != nil {
			return err
		}
		switch {
		case len(part.segments) > 0:
			return invalid("a segment is put together from segments")
		case part.rate != h.rate:
			return invalid("a segment has another sampling frequency than its record")
		case part.samples != s.samples:
			return invalid("a segment has another number of samples than its record states")
		case s.samples == 0 && i == 0:
			continue // it only lists the signals
		}
		_, signals, err := readSignals(fsys, part, s.samples, seen)
		if err != nil {
			return err
		}
		for _, one := range signals {
			r.join(one)
		}
		if len(r.Signals) > MaxSignals {
			return ledger.Problemf(ledger.CodeTooLarge, "the segments have more than %d signals", MaxSignals)
		}
	}
	if r.Frames != 0 && r.Frames != total {
		return invalid("the segments have another number of samples together than the record states")
	}
	r.Frames = total
	return nil
}

// join adds a segment's signal to the record's.
func (r *Record) join(s Signal) {
	for i := range r.Signals {
		have := &r.Signals[i]
		if have.Label != s.Label || have.Unit != s.Unit || have.Rate != s.Rate || have.Calibrated != s.Calibrated {
			continue
		}
		have.Samples += s.Samples
		have.Missing += s.Missing
		have.Min, have.Max = least(have.Min, s.Min), -least(-have.Max, -s.Max)
		have.Checked = have.Checked && s.Checked
		return
	}
	r.Signals = append(r.Signals, s)
}

// least is the smaller of two numbers, of which either may be none.
func least(a, b float64) float64 {
	if math.IsNaN(a) || b < a {
		return b
	}
	return a
}

// readSignals reads the samples of a record that has its own. Signals whose lines name
// the same file are in it together, frame by frame. No file is read that was seen: a
// short header must not have a long file read again and again.
func readSignals(fsys fs.FS, h *header, frames int64, seen map[string]bool) (int64, []Signal, error) {
	var out []Signal
	for i := 0; i < len(h.signals); {
		end := i + 1
		for end < len(h.signals) && h.signals[end].file == h.signals[i].file {
			end++
		}
		group := h.signals[i:end]
		i = end
		file := group[0].file
		if file == "" {
			continue
		}
		if seen[file] {
			return 0, nil, invalid("the signals of one file are not listed one after the other, or two segments share it")
		}
		seen[file] = true
		n, signals, err := readGroup(fsys, file, group, h.rate, frames)
		if err != nil {
			return 0, nil, err
		}
		if frames == 0 {
			frames = n // the header does not say; the first file does, for all
		}
		out = append(out, signals...)
	}
	return frames, out, nil
}

// tally is what is counted of a signal's samples.
type tally struct {
	*signal
	sum      uint16
	value    int64 // of the last sample, for format 8
	n        int64
	missing  int64
	min, max int64
}

// readGroup reads the samples of one file, of so many frames (0: of as many as there are).
func readGroup(fsys fs.FS, name string, group []signal, rate float64, frames int64) (int64, []Signal, error) {
	tallies := make([]tally, len(group))
	for i := range group {
		s := &group[i]
		if s.format != group[0].format || s.offset != 0 && s.offset != group[0].offset {
			return 0, nil, invalid("the signals of one file have different formats, or begin at different places")
		}
		tallies[i] = tally{signal: s, min: math.MaxInt64, max: math.MinInt64}
		if s.format == 8 && s.first != nil {
			tallies[i].value = *s.first
		}
	}
	file, err := open(fsys, name)
	if err != nil {
		return 0, nil, err
	}
	defer file.Close()
	if n, err := io.CopyN(io.Discard, file, group[0].offset); n < group[0].offset && (err == nil || errors.Is(err, io.EOF)) {
		return 0, nil, invalid("a file of samples ends before the place where its samples begin")
	} else if err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, fmt.Errorf("reading samples: %w", err)
	}
	d := newDecoder(file, group[0].format)
	n := int64(0)
	for ; frames == 0 || n < frames; n++ {
		if err := readFrame(d, tallies); errors.Is(err, io.EOF) && frames == 0 {
			break
		} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, nil, invalid("a file of samples ends before the samples that the header states")
		} else if err != nil {
			return 0, nil, err
		}
	}
	if more, err := d.rest(); err != nil {
		return 0, nil, err
	} else if more {
		return 0, nil, invalid("a file of samples goes on behind the samples that the header states")
	}
	out := make([]Signal, len(tallies))
	for i := range tallies {
		if out[i], err = tallies[i].judge(rate); err != nil {
			return 0, nil, err
		}
	}
	return n, out, nil
}

// readFrame reads one frame: of each signal the samples that it has in it. io.EOF means
// that there was none.
func readFrame(d *decoder, tallies []tally) error {
	for i := range tallies {
		t := &tallies[i]
		for k := range t.frame {
			v, err := d.next()
			if errors.Is(err, io.EOF) && (i > 0 || k > 0) {
				return io.ErrUnexpectedEOF
			}
			if err != nil {
				return err
			}
			value := int64(v)
			if t.format == 8 {
				value += t.value
				t.value = value
			}
			if t.n == 0 && t.first != nil && *t.first != value {
				return invalid("a signal begins with another value than the header states")
			}
			t.n++
			t.sum += uint16(value) //nolint:gosec // the checksum is modulo 65,536
			if v == d.missing && !d.none {
				t.missing++
				continue
			}
			t.min, t.max = min(t.min, value), max(t.max, value)
		}
	}
	return nil
}

// judge holds the samples that were read against the header.
func (t *tally) judge(rate float64) (Signal, error) {
	if t.checksum != nil && uint16(*t.checksum) != t.sum { //nolint:gosec // headers state it signed or unsigned
		return Signal{}, invalid("the checksum of a signal is not the one that the header states")
	}
	s := Signal{
		Label: t.label, Unit: t.unit, Rate: rate * float64(t.frame), Samples: t.n, Missing: t.missing,
		Min: math.NaN(), Max: math.NaN(), Calibrated: t.calibrated, Checked: t.checksum != nil,
	}
	if t.n > t.missing {
		low, high := float64(t.min-t.baseline)/t.gain, float64(t.max-t.baseline)/t.gain
		s.Min, s.Max = min(low, high), max(low, high) // a gain may be negative
	}
	return s, nil
}

// annotate reads the files that are called as the record is and are neither its header
// nor its samples.
func (r *Record) annotate(fsys fs.FS, name string, h *header) error {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return fmt.Errorf("listing the files of the record: %w", err)
	}
	for _, e := range entries {
		ending, ok := strings.CutPrefix(e.Name(), name+".")
		if !ok || ending == "hea" || slices.ContainsFunc(h.signals, func(s signal) bool { return s.file == e.Name() }) {
			continue
		}
		if !recordName.MatchString(ending) {
			return invalid("a file beside the record is called as no annotator is")
		}
		file, err := open(fsys, e.Name())
		if err != nil {
			return err
		}
		a, err := readAnnotations(file)
		_ = file.Close() // it was only read
		if err != nil {
			return err
		}
		a.Annotator = ending
		r.Annotations = append(r.Annotations, *a)
	}
	return nil
}

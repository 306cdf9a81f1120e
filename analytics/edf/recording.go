package edf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// Recording is what is in a recording.
type Recording struct {
	Form Form
	// Start is when it begins, by the clock where it was made, whose zone nobody states;
	// in UTC as if it were that.
	Start     time.Time
	Equipment string // with which it was made, as EDF+ states it; empty when unknown
	Records   int64  // data records
	Signals   []Signal
	// Duration is from its begin to its end, interruptions included.
	Duration      time.Duration
	Interruptions int   // times at which a data record does not follow the one before it at once
	Annotations   int64 // other than those that tell when a data record begins
}

// Signal is what is in one signal of a recording.
type Signal struct {
	Label   string  // as in "EEG Fpz-Cz"
	Unit    string  // of Min and Max, as in uV; empty when there is none
	Rate    float64 // samples a second
	Samples int64   // that there are
	// Min and Max are of all samples, in Unit; NaN when there are none.
	Min, Max float64
	// Outside is how many samples lie outside the digital range that the header states.
	Outside int64
}

// Read reads a recording to its end. Problems: invalid with what is wrong, and too_large;
// an error of r is passed on, but for one that says that the file is cut off.
func Read(r io.Reader) (*Recording, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	h, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	rec := &Recording{Form: h.form, Start: h.start, Equipment: h.equipment, Records: h.records}
	tallies := make([]tally, len(h.signals))
	for i := range tallies {
		tallies[i] = tally{min: math.MaxInt64, max: math.MinInt64}
	}
	t := timeline{header: h}
	for range h.records {
		if err := t.readRecord(in, tallies); err != nil {
			return nil, ended(err, "the file ends before the data records that its header states")
		}
	}
	if _, err := in.ReadByte(); err == nil {
		return nil, invalid("the file goes on behind the data records that its header states")
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the end: %w", err)
	}
	rec.Duration, rec.Interruptions, rec.Annotations = seconds(t.end-t.begin), t.interruptions, t.annotations
	rec.Start = rec.Start.Add(seconds(t.begin)) // a fraction of a second (EDF+, 2.2.4)
	for i := range h.signals {
		if !h.signals[i].annotations {
			rec.Signals = append(rec.Signals, h.signals[i].summary(&tallies[i], h.length))
		}
	}
	return rec, nil
}

func readHeader(in io.Reader) (*header, error) {
	const cut = "the file ends within its header"
	fixed := make([]byte, fixedHeader)
	if _, err := io.ReadFull(in, fixed); err != nil {
		return nil, ended(err, cut)
	}
	h, count, err := parseFixed(fixed)
	if err != nil {
		return nil, err
	}
	text := make([]byte, count*signalHeader)
	if _, err := io.ReadFull(in, text); err != nil {
		return nil, ended(err, cut)
	}
	return h, h.parseSignals(text, count)
}

// ended turns the end of a file where there should be more into what its sender is told.
func ended(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid("%s", what)
	}
	return err
}

func seconds(s float64) time.Duration {
	if ns := math.Round(s * 1e9); math.Abs(ns) < math.MaxInt64 {
		return time.Duration(ns)
	}
	return math.MaxInt64
}

// tally is what is counted of a signal's samples.
type tally struct {
	n, outside int64
	min, max   int64
}

// add counts one sample.
func (t *tally) add(s *channel, v int64) {
	t.n++
	t.min, t.max = min(t.min, v), max(t.max, v)
	if v < s.digitalMin || v > s.digitalMax {
		t.outside++
	}
}

// summary says what a signal is, its samples scaled as the header states.
func (s *channel) summary(t *tally, length float64) Signal {
	out := Signal{Label: s.label, Unit: s.unit, Rate: float64(s.samples) / length, Samples: t.n, Outside: t.outside, Min: math.NaN(), Max: math.NaN()}
	if t.n > 0 {
		low, high := s.physical(t.min), s.physical(t.max)
		out.Min, out.Max = min(low, high), max(low, high) // the scale may be upside down
	}
	return out
}

func (s *channel) physical(v int64) float64 {
	return s.physicalMin + float64(v-s.digitalMin)*(s.physicalMax-s.physicalMin)/float64(s.digitalMax-s.digitalMin)
}

// timeline follows the data records of a recording.
type timeline struct {
	*header
	n             int64   // records that were read
	begin, end    float64 // seconds after the start
	interruptions int
	annotations   int64
	chunk         []byte
}

// readRecord reads one data record: the samples of each signal, one after the other.
func (t *timeline) readRecord(in *bufio.Reader, tallies []tally) error {
	onset := math.NaN()
	for i := range t.signals {
		s := &t.signals[i]
		if !s.annotations {
			if err := t.readSamples(in, s, &tallies[i]); err != nil {
				return err
			}
			continue
		}
		at, err := t.readAnnotations(in, s)
		if err != nil {
			return err
		}
		if math.IsNaN(onset) { // the first one tells the time (EDF+, 2.2.4)
			onset = at
		}
	}
	if !t.form.plus() {
		onset = t.end
	}
	return t.follow(onset)
}

// slack is by how much the times of data records may be off, in seconds: writers round.
const slack = 1e-3

// follow holds the time of a data record against the one before it.
func (t *timeline) follow(onset float64) error {
	switch late := onset - t.end; {
	case math.IsNaN(onset):
		return invalid("a data record does not begin with the time at which it was recorded")
	case t.n == 0:
		if onset < 0 || onset >= 1 && !t.form.interrupted() {
			return invalid("the first data record begins more than a second after the start")
		}
		t.begin = onset
	case late < -slack:
		return invalid("a data record begins before the one before it ends")
	case t.length == 0: // nothing but annotations, of which each record has its own time
	case late > slack && !t.form.interrupted():
		return invalid("a recording that is not interrupted has data records that do not follow each other at once")
	case late > slack:
		t.interruptions++
	}
	t.n++
	t.end = onset + t.length
	return nil
}

// readSamples reads a signal's samples of one data record.
func (t *timeline) readSamples(in *bufio.Reader, s *channel, sum *tally) error {
	const most = 16 << 10 // samples at once: less than the buffer
	size := 2
	if t.form.bits24() {
		size = 3
	}
	for left := s.samples; left > 0; {
		n := min(left, most)
		left -= n
		b, err := in.Peek(n * size)
		if err != nil {
			return err //nolint:wrapcheck // judged by ended
		}
		if size == 2 {
			for i := 0; i < len(b); i += 2 {
				sum.add(s, int64(int16(uint16(b[i])|uint16(b[i+1])<<8))) //nolint:gosec // two's complement
			}
		} else {
			for i := 0; i < len(b); i += 3 {
				sum.add(s, int64(int32(uint32(b[i])<<8|uint32(b[i+1])<<16|uint32(b[i+2])<<24)>>8)) //nolint:gosec // two's complement
			}
		}
		_, _ = in.Discard(len(b)) // they are there
	}
	return nil
}

package wfdb

import (
	"bufio"
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// What a header may have at most.
const (
	MaxHeader   = 1 << 20 // bytes
	MaxSignals  = 256     // of a record
	MaxSegments = 10_000  // of a record
	maxFrame    = 10_000  // samples of one signal in a frame
	maxSamples  = 1 << 40 // frames of a record: more than a century at 250 a second
	maxRate     = 1e7     // frames a second
	maxText     = 200     // characters of a description or a unit
)

// Values that header(5) has for what a header leaves out.
const (
	defaultRate = 250 // frames a second
	defaultGain = 200 // ADC units for one physical unit
	defaultUnit = "mV"
)

// header is a record's header file as it stands.
type header struct {
	name     string
	rate     float64   // frames a second
	samples  int64     // frames; 0: not stated
	start    time.Time // zero: not stated with its date
	signals  []signal  // of a record that has samples of its own
	segments []segment // of one that is put together from others
	count    int       // signals that the record line states
}

// signal is a line about a signal.
type signal struct {
	file       string // empty: there are no samples (format 0)
	format     int
	frame      int // samples in a frame
	skew       int // frames by which its samples come late in the file
	offset     int64
	gain       float64
	calibrated bool // the header states a gain
	baseline   int64
	unit       string
	first      *int64 // value of the first sample
	checksum   *int64 // of all samples, modulo 65,536
	label      string
}

// segment is a line about a segment.
type segment struct {
	name    string // empty: a gap, of which nothing was recorded
	samples int64  // frames; 0: it only says which signals there are
}

var (
	recordName  = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_-]{0,63}$`)
	fileName    = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.-]{0,99}$`)
	formatField = regexp.MustCompile(`^([0-9]{1,3})(?:x([0-9]{1,6}))?(?::([0-9]{1,9}))?(?:\+([0-9]{1,15}))?$`)
	gainField   = regexp.MustCompile(`^([-+0-9.eE]{1,40})(?:\((-?[0-9]{1,12})\))?(?:/(\S{1,200}))?$`)
	rateField   = regexp.MustCompile(`^([0-9.eE+]{1,40})(?:/([-+0-9.eE]{1,40})(?:\(([-+0-9.eE]{1,40})\))?)?$`)
	timeField   = regexp.MustCompile(`^(?:([0-9]{1,2}):)?(?:([0-9]{1,2}):)?([0-9]{1,2})(\.[0-9]{1,9})?$`)
	dateField   = regexp.MustCompile(`^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})$`)
)

func invalid(format string, args ...any) error {
	return ledger.Problemf(ledger.CodeInvalid, format, args...)
}

// badLine is the error about a line of a header, counted from 1.
func badLine(n int, what string) error {
	return invalid("line %d of a header %s", n, what)
}

// parseHeader reads a header file (header(5)).
func parseHeader(text []byte) (*header, error) {
	if len(text) > MaxHeader {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a header has more than %d bytes", MaxHeader)
	}
	var h *header
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, MaxHeader+1)
	segments := 0
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		var err error
		switch {
		case line == "" || line[0] == '#': // comments are often about the patient
			continue
		case strings.ContainsFunc(line, unprintable):
			return nil, badLine(n, "has characters that are not printable ASCII")
		case h == nil:
			h, segments, err = parseRecord(n, line)
		case segments > 0:
			err = h.addSegment(n, line, segments)
		default:
			err = h.addSignal(n, line)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case h == nil:
		return nil, invalid("a header has no record line")
	case segments > 0 && len(h.segments) != segments:
		return nil, invalid("a header lists another number of segments than it states")
	case segments == 0 && len(h.signals) != h.count:
		return nil, invalid("a header lists another number of signals than it states")
	}
	return h, nil
}

// unprintable lets pass what the standard calls text, and the letters beyond ASCII that
// units and descriptions are written with, as in µV.
func unprintable(r rune) bool {
	return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\ufffd'
}

// parseRecord reads the record line, and how many segments it states (0: none).
func parseRecord(n int, line string) (*header, int, error) {
	f := strings.Fields(line)
	if len(f) < 2 || len(f) > 6 {
		return nil, 0, badLine(n, "must have a record's name, its number of signals and at most four things more")
	}
	h := &header{rate: defaultRate}
	name, many, multi := strings.Cut(f[0], "/")
	segments := 0
	if multi {
		v, err := strconv.ParseUint(many, 10, 31)
		if err != nil || v == 0 || v > MaxSegments {
			return nil, 0, badLine(n, "states no segments, or too many")
		}
		segments = int(v)
	}
	if !recordName.MatchString(name) {
		return nil, 0, badLine(n, "must begin with a record's name of letters, digits, underscores and hyphens")
	}
	h.name = name
	count, err := strconv.ParseUint(f[1], 10, 31)
	if err != nil || count > MaxSignals {
		return nil, 0, badLine(n, "states no number of signals, or too many")
	}
	h.count = int(count)
	if len(f) > 2 {
		m := rateField.FindStringSubmatch(f[2])
		if m == nil {
			return nil, 0, badLine(n, "must state a sampling frequency that is a number")
		}
		if h.rate, err = strconv.ParseFloat(m[1], 64); err != nil || !(h.rate > 0 && h.rate <= maxRate) {
			return nil, 0, badLine(n, "must state a sampling frequency above 0 that a device can have")
		}
	}
	if len(f) > 3 {
		if h.samples, err = strconv.ParseInt(f[3], 10, 64); err != nil || h.samples < 0 || h.samples > maxSamples {
			return nil, 0, badLine(n, "states no number of samples, or too many")
		}
	}
	if len(f) > 4 {
		if h.start, err = parseStart(n, f[4:]); err != nil {
			return nil, 0, err
		}
	}
	return h, segments, nil
}

// parseStart reads a base time, and the base date if there is one: only both together
// say when a record begins.
func parseStart(n int, f []string) (time.Time, error) {
	bad := badLine(n, "must state its time as HH:MM:SS and its date as DD/MM/YYYY")
	m := timeField.FindStringSubmatch(f[0])
	if m == nil {
		return time.Time{}, bad
	}
	part := func(s string) int {
		v, _ := strconv.Atoi(s) // digits, by the expression; none is 0
		return v
	}
	hour, minute := m[1], m[2]
	if minute == "" { // M:S is minutes and seconds
		hour, minute = "", m[1]
	}
	if part(hour) > 23 || part(minute) > 59 || part(m[3]) > 59 {
		return time.Time{}, bad
	}
	if len(f) == 1 {
		return time.Time{}, nil
	}
	d := dateField.FindStringSubmatch(f[1])
	if d == nil {
		return time.Time{}, bad
	}
	at := time.Date(part(d[3]), time.Month(part(d[2])), part(d[1]), part(hour), part(minute), part(m[3]), 0, time.UTC)
	if at.Day() != part(d[1]) || at.Year() == 0 || int(at.Month()) != part(d[2]) {
		return time.Time{}, bad
	}
	fraction, _ := strconv.ParseFloat("0"+m[4], 64)
	at = at.Add(time.Duration(math.Round(fraction*1e3)) * time.Millisecond)
	if at.Year() > 9999 {
		return time.Time{}, bad
	}
	return at, nil
}

// addSegment reads a line about a segment.
func (h *header) addSegment(n int, line string, stated int) error {
	f := strings.Fields(line)
	if len(f) != 2 || len(h.segments) == stated {
		return badLine(n, "must be a segment's name and its number of samples, one line for each segment that is stated")
	}
	s := segment{name: f[0]}
	if f[0] == "~" {
		s.name = ""
	} else if !recordName.MatchString(f[0]) {
		return badLine(n, "must name a segment by letters, digits, underscores and hyphens")
	}
	var err error
	if s.samples, err = strconv.ParseInt(f[1], 10, 64); err != nil || s.samples < 0 || s.samples > maxSamples {
		return badLine(n, "states no number of samples, or too many")
	}
	if s.samples == 0 && len(h.segments) > 0 {
		return badLine(n, "states a segment without samples that is not the first")
	}
	h.segments = append(h.segments, s)
	return nil
}

// addSignal reads a line about a signal.
func (h *header) addSignal(n int, line string) error {
	if len(h.signals) == h.count {
		return badLine(n, "is one more than the signals that are stated")
	}
	file, rest := cutField(line)
	format, rest := cutField(rest)
	s := signal{file: file, frame: 1, gain: defaultGain, unit: defaultUnit}
	if file != "~" && !fileName.MatchString(file) || strings.HasSuffix(file, ".hea") {
		return badLine(n, "must name a file beside the header: letters, digits, underscores, hyphens and dots, and no folder")
	}
	m := formatField.FindStringSubmatch(format)
	if m == nil {
		return badLine(n, "must state the format of the samples")
	}
	s.format, _ = strconv.Atoi(m[1]) // digits, by the expression, as below
	if m[2] != "" {
		s.frame, _ = strconv.Atoi(m[2])
	}
	s.skew, _ = strconv.Atoi("0" + m[3])
	s.offset, _ = strconv.ParseInt("0"+m[4], 10, 64)
	if s.frame < 1 || s.frame > maxFrame {
		return badLine(n, "states no samples in a frame, or too many")
	}
	if (s.format == 0) != (file == "~") {
		return badLine(n, "must have the format 0 and the file ~ together, or neither")
	}
	if s.format == 0 {
		s.file = ""
	} else if _, ok := formats[s.format]; !ok {
		return badLine(n, "states a format of samples that is not read here: 8, 16, 24, 32, 61, 80, 160, 212, 310 and 311 are")
	}
	if err := s.scale(n, rest); err != nil {
		return err
	}
	h.signals = append(h.signals, s)
	return nil
}

// scale reads what a signal's line says behind its format. All of it may be missing,
// from the end on.
func (s *signal) scale(n int, rest string) error {
	gain, rest := cutField(rest)
	if gain != "" {
		m := gainField.FindStringSubmatch(gain)
		if m == nil {
			return badLine(n, "must state a gain as in 200(1024)/mV")
		}
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return badLine(n, "must state a gain that is a number")
		}
		if v != 0 { // 0 is how a header says that there is none
			s.gain, s.calibrated = v, true
		}
		if m[3] != "" {
			s.unit = m[3]
		}
		gain = m[2] // the baseline
	}
	var stated [5]*int64 // ADC resolution and zero, first value, checksum, block size
	for i := range stated {
		var field string
		if field, rest = cutField(rest); field == "" {
			break
		}
		v, err := strconv.ParseInt(field, 10, 64)
		if err != nil || v < math.MinInt32 || v > math.MaxUint32 {
			return badLine(n, "must state ADC resolution, ADC zero, first value, checksum and block size as numbers")
		}
		stated[i] = &v
	}
	if stated[1] != nil {
		s.baseline = *stated[1]
	}
	if gain != "" {
		s.baseline, _ = strconv.ParseInt(gain, 10, 64)
	}
	s.first, s.checksum = stated[2], stated[3]
	if s.label = strings.TrimSpace(rest); len(s.label) > maxText {
		return badLine(n, "has a description that is too long")
	}
	return nil
}

// cutField cuts the first field off a line.
func cutField(line string) (field, rest string) {
	line = strings.TrimLeft(line, " \t")
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i+1:]
	}
	return line, ""
}

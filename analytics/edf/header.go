package edf

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// What a recording may have at most.
const (
	MaxSignals = 2048
	maxRecord  = 64 << 20 // bytes of a data record
	maxRecords = 99_999_999
	shortest   = 1e-9 // seconds of a data record with signals
)

// Form is how a recording is stored.
type Form string

// The forms. C is for one without interruptions, D for one that may have some.
const (
	EDF      Form = "EDF"
	EDFPlusC Form = "EDF+C"
	EDFPlusD Form = "EDF+D"
	BDF      Form = "BDF"
	BDFPlusC Form = "BDF+C"
	BDFPlusD Form = "BDF+D"
)

// plus reports whether annotations tell when each data record begins.
func (f Form) plus() bool { return f != EDF && f != BDF }

func (f Form) bits24() bool { return f[0] == 'B' }

func (f Form) interrupted() bool { return f == EDFPlusD || f == BDFPlusD }

// annotationLabel is the label of a signal that holds annotations.
func (f Form) annotationLabel() string { return string(f[:3]) + " Annotations" }

// header is a recording's header, but for who it is of.
type header struct {
	form      Form
	start     time.Time
	equipment string
	records   int64
	length    float64 // seconds of a data record
	signals   []channel
	bytes     int // of the samples of a data record
}

// channel is how a signal is stored.
type channel struct {
	label, unit              string
	physicalMin, physicalMax float64
	digitalMin, digitalMax   int64
	samples                  int // in a data record
	annotations              bool
}

func invalid(format string, args ...any) error {
	return ledger.Problemf(ledger.CodeInvalid, format, args...)
}

// fields cuts a header into its fields.
type fields struct {
	text []byte
	err  error // the first
}

// next cuts off the next field. Fields are printable ASCII, written from the left and
// filled with spaces.
func (f *fields) next(name string, size int) string {
	field := f.text[:size]
	f.text = f.text[size:]
	for _, c := range field {
		if c < ' ' || c > '~' {
			f.fail("the header's field %s is not printable ASCII", name)
			return ""
		}
	}
	return strings.TrimRight(string(field), " ")
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = invalid(format, args...)
	}
}

var (
	wholeNumber = regexp.MustCompile(`^[-+]?[0-9]{1,8}$`)
	number      = regexp.MustCompile(`^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$`)
)

func (f *fields) whole(name string, size int) int64 {
	text := f.next(name, size)
	if !wholeNumber.MatchString(text) {
		f.fail("the header's field %s is not a whole number", name)
		return 0
	}
	v, _ := strconv.ParseInt(text, 10, 64) // digits, by the expression
	return v
}

func (f *fields) number(name string, size int) float64 {
	text := f.next(name, size)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !number.MatchString(text) || math.IsInf(v, 0) {
		f.fail("the header's field %s is not a number", name)
		return 0
	}
	return v
}

const (
	fixedHeader  = 256 // bytes
	signalHeader = 256 // bytes for each signal
)

// parseFixed reads the first 256 bytes, and returns how many signals follow.
func parseFixed(text []byte) (h *header, signals int, err error) {
	h = &header{form: EDF}
	f := &fields{text: text}
	if string(text[:8]) == "\xffBIOSEMI" {
		h.form, f.text = BDF, text[8:]
	} else if v := f.next("version", 8); f.err != nil || v != "0" {
		return nil, 0, invalid("the file is neither EDF, whose first byte is 0, nor BDF")
	}
	patient := f.next("patient", 80)
	recording := f.next("recording", 80)
	date, clock := f.next("startdate", 8), f.next("starttime", 8)
	size := f.whole("bytes in header", 8)
	reserved := f.next("reserved", 44)
	h.records = f.whole("data records", 8)
	h.length = f.number("duration of a data record", 8)
	count := f.whole("signals", 4)
	if f.err != nil {
		return nil, 0, f.err
	}
	switch kind, _, _ := strings.Cut(reserved, " "); {
	case h.form == EDF && (kind == string(EDFPlusC) || kind == string(EDFPlusD)),
		h.form == BDF && (kind == string(BDFPlusC) || kind == string(BDFPlusD)):
		h.form = Form(kind)
	case strings.HasPrefix(kind, "EDF+"), strings.HasPrefix(kind, "BDF+"):
		return nil, 0, invalid("the header's field reserved names no form that there is: EDF+C, EDF+D, BDF+C and BDF+D are")
	}
	switch {
	case h.records == -1:
		return nil, 0, invalid("the recording was not finished: its header states no number of data records")
	case h.records < 0 || h.records > maxRecords:
		return nil, 0, invalid("the header states a number of data records that cannot be")
	case count < 1 || count > MaxSignals:
		return nil, 0, invalid("the header states no signals, or more than %d", MaxSignals)
	case size != fixedHeader+count*signalHeader:
		return nil, 0, invalid("the header states another length than it has")
	case h.length < 0 || h.length == 0 && !h.form.plus():
		return nil, 0, invalid("the header states a duration of a data record that cannot be")
	}
	if h.start, err = parseStart(date, clock); err != nil {
		return nil, 0, err
	}
	if h.start.Year() == unknownYear && !h.form.plus() {
		return nil, 0, invalid("the header does not say in which year the recording began")
	}
	if h.form.plus() {
		if err := h.identification(patient, recording); err != nil {
			return nil, 0, err
		}
	}
	return h, int(count), nil
}

var (
	dateField = regexp.MustCompile(`^([0-9]{2})\.([0-9]{2})\.([0-9]{2}|yy)$`)
	timeField = regexp.MustCompile(`^([0-9]{2})\.([0-9]{2})\.([0-9]{2})$`)
)

// unknownYear stands for a year that is only in another field (EDF+, 2.1.3.2).
const unknownYear = 0

// parseStart reads when a recording began. Years of two digits are those from 1985 to
// 2084 (EDF+, 2.1.3.2).
func parseStart(date, clock string) (time.Time, error) {
	d, c := dateField.FindStringSubmatch(date), timeField.FindStringSubmatch(clock)
	bad := invalid("the header's start is not written as dd.mm.yy and hh.mm.ss, or there is no such moment")
	if d == nil || c == nil {
		return time.Time{}, bad
	}
	n := func(s string) int {
		v, _ := strconv.Atoi(s) // digits, by the expression
		return v
	}
	year := unknownYear
	if d[3] != "yy" {
		if year = 1900 + n(d[3]); year < 1985 {
			year += 100
		}
	}
	if n(c[1]) > 23 || n(c[2]) > 59 || n(c[3]) > 59 {
		return time.Time{}, bad
	}
	at := time.Date(year, time.Month(n(d[2])), n(d[1]), n(c[1]), n(c[2]), n(c[3]), 0, time.UTC)
	if at.Day() != n(d[1]) || int(at.Month()) != n(d[2]) {
		return time.Time{}, bad
	}
	return at, nil
}

var months = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}

// identification judges the two fields that EDF+ gives a form (2.1.3.3 and 2.1.3.4), and
// reads of them the whole start date and the equipment. Of the patient it looks only at
// how many subfields there are.
func (h *header) identification(patient, recording string) error {
	if len(strings.Fields(patient)) < 4 || strings.Contains(patient, "  ") {
		return invalid("the header's field patient has not the four subfields of EDF+")
	}
	f := strings.Split(recording, " ")
	if len(f) < 5 || f[0] != "Startdate" || slices.Contains(f, "") {
		return invalid("the header's field recording has not the five subfields of EDF+")
	}
	if f[4] != "X" {
		h.equipment = strings.ReplaceAll(f[4], "_", " ")
	}
	if f[1] == "X" {
		if h.start.Year() == unknownYear {
			return invalid("the header does not say in which year the recording began")
		}
		return nil
	}
	bad := invalid("the header's field recording has a start date that is not written as dd-MMM-yyyy, or that is not the startdate")
	part := strings.Split(f[1], "-")
	if len(part) != 3 || len(part[0]) != 2 || len(part[2]) != 4 {
		return bad
	}
	day, err := strconv.ParseUint(part[0], 10, 8)
	year, yearErr := strconv.ParseUint(part[2], 10, 16)
	month := slices.Index(months, part[1]) + 1
	if err != nil || yearErr != nil || int(day) != h.start.Day() || month != int(h.start.Month()) ||
		h.start.Year() != unknownYear && int(year)%100 != h.start.Year()%100 {
		return bad
	}
	h.start = time.Date(int(year), h.start.Month(), h.start.Day(), h.start.Hour(), h.start.Minute(), h.start.Second(), 0, time.UTC)
	if h.start.Day() != int(day) { // the 29th of February of another year
		return bad
	}
	return nil
}

// parseSignals reads the headers of the signals: field by field, each for all signals.
func (h *header) parseSignals(text []byte, count int) error {
	h.signals = make([]channel, count)
	f := &fields{text: text}
	each := func(read func(s *channel)) {
		for i := range h.signals {
			read(&h.signals[i])
		}
	}
	each(func(s *channel) { s.label = f.next("label", 16) })
	each(func(*channel) { f.next("transducer type", 80) })
	each(func(s *channel) { s.unit = f.next("physical dimension", 8) })
	each(func(s *channel) { s.physicalMin = f.number("physical minimum", 8) })
	each(func(s *channel) { s.physicalMax = f.number("physical maximum", 8) })
	each(func(s *channel) { s.digitalMin = f.whole("digital minimum", 8) })
	each(func(s *channel) { s.digitalMax = f.whole("digital maximum", 8) })
	each(func(*channel) { f.next("prefiltering", 80) })
	each(func(s *channel) { s.samples = int(f.whole("samples in a data record", 8)) })
	each(func(*channel) { f.next("reserved of a signal", 32) })
	if f.err != nil {
		return f.err
	}
	size, lowest := int64(2), int64(-1<<15)
	if h.form.bits24() {
		size, lowest = 3, -1<<23
	}
	total, annotations := int64(0), 0
	for i := range h.signals {
		s := &h.signals[i]
		if s.annotations = h.form.plus() && s.label == h.form.annotationLabel(); s.annotations {
			annotations++
		}
		if err := s.check(i, lowest); err != nil {
			return err
		}
		total += int64(s.samples) * size
	}
	switch {
	case total > maxRecord:
		return ledger.Problemf(ledger.CodeTooLarge, "a data record has more than %d bytes", maxRecord)
	case h.form.plus() && annotations == 0:
		return invalid("the recording has no signal for annotations, of which EDF+ has one at least")
	case annotations < count && h.length < shortest:
		return invalid("the header states a duration of a data record that cannot be: signals are sampled in no time")
	}
	h.bytes = int(total)
	return nil
}

// check judges what the header says of the signal at a place, from 0.
func (s *channel) check(i int, lowest int64) error {
	bad := func(what string) error { return invalid("%s", fmt.Sprintf("signal %d of the header %s", i+1, what)) }
	switch {
	case s.samples < 1:
		return bad("has no samples in a data record")
	case s.digitalMin < lowest || s.digitalMax > -lowest-1 || s.digitalMin >= s.digitalMax:
		return bad("has a digital range that is empty, or that its samples do not reach")
	case s.physicalMin == s.physicalMax:
		return bad("has a physical minimum that is its maximum")
	}
	return nil
}
